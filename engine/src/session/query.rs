//! Options with which queries are planned, settings of the session, and what queries leave behind.

use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as DfStatement};
use fusebox_runtime::{Cancellation, FailedRows, GuestMessages, Result, Scope};

use super::{Session, query};
use crate::activity::OpenStatement;
use crate::scope::{Deadline, QueryScope};
use crate::settings::Settings;

impl Session {
    /// Returns the settings that hold for a statement that starts now, within the ceilings of the
    /// user.
    pub(super) fn settings(&self) -> Settings {
        let settings = Settings::find(self.context.state_ref().read().config_options());
        match &self.loader.options.user {
            Some(user) => user.limited(settings),
            None => settings,
        }
    }

    /// Returns the time after which a statement that starts now is cancelled.
    pub fn statement_timeout(&self) -> Option<Duration> {
        self.settings().statement_timeout
    }

    /// Resets a setting to the one with which the session was built: DataFusion resets its
    /// own alone.
    pub(super) fn reset_setting(&self, name: &str) -> Result<()> {
        let state = self.context.state_ref();
        let mut state = state.write();
        let mut settings = Settings::find(state.config_options());
        settings
            .reset(name, self.loader.options.settings)
            .map_err(query)?;
        let options = state.config_mut().options_mut();
        options.extensions.insert(settings);
        Ok(())
    }

    /// Returns the state in which a new query is planned and runs.
    pub(super) fn begin_query(
        &self,
        open: Arc<OpenStatement>,
        deadline: Option<Deadline>,
    ) -> SessionState {
        let mut state = self.context.state();
        let mut cancellation = self.cancellation.query();
        if let Some(deadline) = deadline {
            cancellation = cancellation.child_until(Some(deadline.at()));
        }
        let scope = self.query_scope(cancellation, self.settings());
        let scope = scope.with_deadline(deadline).with_statement(open);
        let began = scope.began();
        scope.enter(state.config_mut().options_mut());
        // The state has copied its options for the query before.
        state.mark_start_execution();
        // Guests read the time that `now()` returns.
        state.execution_props_mut().query_execution_start_time = Some(began);
        state
    }

    /// Returns the context in which a statement is executed that changes it, or what contexts share.
    pub(super) fn context_of(&self, plan: &LogicalPlan, state: SessionState) -> SessionContext {
        match changes_context(plan) {
            true => self.context.clone(),
            false => SessionContext::new_with_state(state),
        }
    }

    /// Creates the scope of an execution outside of a plan, for [`with_scope`]. It ends when
    /// the session is cancelled, and is charged to the session's memory pool.
    ///
    /// [`with_scope`]: crate::with_scope
    pub fn execution_scope(&self) -> Arc<Scope> {
        let settings = self.settings();
        let scope = self.query_scope(self.cancellation.query(), settings);
        scope.into_scope()
    }

    /// Cancels every query that the session and its clones have begun, also those whose
    /// [`DataFrame`](datafusion::dataframe::DataFrame) has not run yet. Queries that begin later
    /// run, and other sessions are not affected.
    ///
    /// A query fails with [`Error::Cancelled`](fusebox_runtime::Error::Cancelled) where a Wasm function next checks. One that
    /// calls none ends when its stream is dropped.
    pub fn cancel(&self) {
        self.cancellation.cancel();
    }

    /// Returns a clone for one statement or several, whose [`cancel`](Self::cancel) cancels what
    /// that clone has begun, and what it begins later. To cancel the session cancels it too.
    #[must_use]
    pub fn cancellable(&self) -> Self {
        Self {
            cancellation: self.cancellation.part(),
            ..self.clone()
        }
    }

    /// Takes the rows that failed and are null since the last call, by function: those of
    /// functions with `on_error = 'null'`, in queries of the session and its clones.
    pub fn take_failed_rows(&self) -> Vec<(String, FailedRows)> {
        self.notices.take_failed_rows()
    }

    /// Takes the messages that functions have logged since the last call, of all statements of
    /// the session and its clones; at most 1,000 are kept until then, and the others counted.
    pub fn take_messages(&self) -> GuestMessages {
        self.notices.take_messages()
    }

    /// Returns the memory pool, which SQL can change.
    pub(super) fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.context.runtime_env().memory_pool)
    }

    fn query_scope(&self, cancellation: Cancellation, settings: Settings) -> QueryScope {
        QueryScope::new(cancellation, self.memory_pool(), settings, &self.notices)
    }
}

/// Returns the setting of Fusebox that a statement resets.
pub(super) fn reset_setting(plan: &LogicalPlan) -> Option<&str> {
    match plan {
        LogicalPlan::Statement(DfStatement::ResetVariable(reset)) => {
            reset.variable.strip_prefix("fusebox.")
        }
        _ => None,
    }
}

/// Evaluates `now()` in the query of a new table as of the time of the statement: the context that
/// creates it would begin the query again.
pub(super) fn with_time(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(mut create)) => {
            let input = state.optimize(&create.input);
            create.input = Arc::new(input.map_err(query)?);
            Ok(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)))
        }
        other => Ok(other),
    }
}

/// Returns true if a statement changes the context itself, rather than what it shares with
/// the states made of it, such as tables.
fn changes_context(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Statement(statement) => !matches!(statement, DfStatement::Execute(_)),
        LogicalPlan::Ddl(ddl) => matches!(
            ddl,
            DdlStatement::CreateFunction(_) | DdlStatement::DropFunction(_)
        ),
        _ => false,
    }
}
