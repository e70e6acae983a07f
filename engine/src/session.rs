//! SQL text in, record batches out.

mod ddl;
mod registry;
mod show;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as DfStatement};
use datafusion::prelude::SessionConfig;

use crate::catalog::Catalog;
use crate::definition::Limits;
use crate::error::{Error, Result};
use crate::factory::{Factory, Paths};
use crate::function::{Current, HostOptions, QueryContext};
use crate::measure::{Measured, Parts, Profile};
use crate::statement::{Parsed, Statement, Statements};

use registry::Registry;

/// A DataFusion `SessionContext` that also knows modules and functions of Wasm.
///
/// Clones share everything.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    factory: Factory,
    definitions: Arc<Definitions>,
    /// Of the queries since the last time that they were cancelled.
    current: Current,
}

/// What our statements read and change.
#[derive(Default)]
struct Definitions {
    catalog: Catalog,
    registry: Registry,
    /// Held by a statement that changes definitions, so that what it checked
    /// still holds when it acts.
    changing: Mutex<()>,
}

impl Session {
    /// Starts a builder with the defaults: no files may be read, the limits of
    /// [`Limits::default`], modules of 16 MiB at most.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// DataFusion's context, for whatever Fusebox does not add to.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Cuts a text into statements, each parsed when it is asked for.
    pub fn statements(&self, text: &str) -> Statements {
        let options = self.context.state().config_options().sql_parser.clone();
        let dialect = options.dialect.to_string();
        Statements::new(text, &dialect, options.recursion_limit.get())
    }

    /// Executes a text of one statement.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the statement; [`Error::Syntax`] too where the
    /// text holds none or more than one, and then nothing was executed.
    pub async fn sql(&self, text: &str) -> Result<DataFrame> {
        let mut statements = self.statements(text);
        let statement = statements.next().transpose()?;
        match (statement, statements.next().transpose()?) {
            (Some(statement), None) => self.execute(statement).await,
            _ => Err(Error::Syntax(sqlparser::parser::ParserError::ParserError(
                "expected one statement".to_owned(),
            ))),
        }
    }

    /// Executes a statement.
    ///
    /// A statement that defines something has had its effect when this
    /// returns; a query runs when its result is asked for. A statement without
    /// a result returns a frame without columns.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the statement. The session is as it was before.
    pub async fn execute(&self, statement: Statement) -> Result<DataFrame> {
        match statement.0 {
            Parsed::Ours(statement) => self.execute_ours(statement),
            Parsed::DataFusion(statement) => {
                let state = self.begin_query();
                let plan = state.statement_to_plan(*statement).await.map_err(query)?;
                let context = match changes_the_context(&plan) {
                    true => self.context.clone(),
                    false => SessionContext::new_with_state(state),
                };
                context.execute_logical_plan(plan).await.map_err(query)
            }
        }
    }

    /// Cancels every query that the session and its clones have begun: one
    /// whose [`DataFrame`] is here and has not run will not run either. Queries
    /// that begin later run.
    ///
    /// A query fails with [`Error::Cancelled`] where a function of ours next
    /// looks; one that calls none ends when its stream is dropped, as always
    /// with DataFusion. So does one that was not begun by the session but by
    /// its [`context`](Self::context).
    pub fn cancel(&self) {
        self.current.cancel();
    }

    /// What each function has cost since this was last asked, in the order in
    /// which they were made; nothing, unless the session was built to
    /// [`measure`](SessionBuilder::measure).
    pub fn take_measured(&self) -> Vec<Measured> {
        self.factory.take_measured()
    }

    /// What guests were seen to do since this was last asked; nothing, unless
    /// the session was built to [`profile`](SessionBuilder::profile) them.
    pub fn take_profile(&self) -> Profile {
        self.factory.take_profile()
    }

    /// What pays for the memory of guests right now: SQL can change it.
    fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.context.runtime_env().memory_pool)
    }

    /// The context's state, in which a new query is planned and runs.
    fn begin_query(&self) -> SessionState {
        let mut state = self.context.state();
        let query = QueryContext::new(self.current.cancellation(), self.memory_pool());
        query.enter(state.config_mut().options_mut());
        // The state has noted its options for the query already.
        state.mark_start_execution();
        state
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("session_id", &self.context.session_id())
            .finish_non_exhaustive()
    }
}

/// Whether a statement changes the context itself, and not what it shares with
/// every state that was made of it, as tables are.
fn changes_the_context(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Statement(statement) => !matches!(statement, DfStatement::Execute(_)),
        LogicalPlan::Ddl(ddl) => matches!(
            ddl,
            DdlStatement::CreateFunction(_) | DdlStatement::DropFunction(_)
        ),
        _ => false,
    }
}

fn query(error: DataFusionError) -> Error {
    Error::Query(Box::new(error))
}

/// Sets up a [`Session`], or a [`Factory`] for a `SessionContext` of one's own.
#[derive(Clone, Default)]
pub struct SessionBuilder {
    context: Option<SessionContext>,
    paths: Paths,
    options: HostOptions,
}

impl SessionBuilder {
    /// The context to add to, instead of one of DataFusion's default with an
    /// information schema.
    pub fn context(mut self, context: SessionContext) -> Self {
        self.context = Some(context);
        self
    }

    /// Which files a path in `CREATE MODULE` or `CREATE FUNCTION` may name.
    pub fn paths(mut self, paths: Paths) -> Self {
        self.paths = paths;
        self
    }

    /// The limits of a function whose statement gives none.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// The limits that no function may exceed, whatever its statement or its
    /// module asks for; [`Limits::WIDEST`] unless given.
    pub fn limits_max(mut self, limits: Limits) -> Self {
        self.options.limits_max = limits;
        self
    }

    /// The linear memory of an aggregate function whose statement gives none, in
    /// bytes: it holds the states of all groups of a partition. 1 GiB unless
    /// given, and never less than that of other functions nor more than
    /// [`limits_max`](Self::limits_max) has.
    pub fn aggregate_memory_bytes_max(mut self, bytes: u64) -> Self {
        self.options.aggregate_memory_bytes_max = bytes;
        self
    }

    /// The largest module that is accepted, in bytes.
    pub fn module_bytes_max(mut self, bytes: u64) -> Self {
        self.options.module_bytes_max = bytes;
        self
    }

    /// Whether compiled modules are kept in the user's cache directory, so that
    /// a module is compiled once per machine. Whoever can write there can run
    /// code in this process.
    pub fn cache(mut self, cache: bool) -> Self {
        self.options.cache = cache;
        self
    }

    /// Whether calls write down what they cost, for
    /// [`take_measured`](Session::take_measured). It costs some dozens of
    /// nanoseconds for each of a call's steps.
    pub fn measure(mut self, measure: bool) -> Self {
        self.options.measure = measure;
        self
    }

    /// Looks every `interval` at what guests do, for
    /// [`take_profile`](Session::take_profile). Guests are compiled so that they
    /// let themselves be looked at, which makes them some percent slower.
    pub fn profile(mut self, interval: Duration) -> Self {
        self.options.profile = Some(interval);
        self
    }

    /// Leaves parts of the sandbox out, to measure what they cost.
    ///
    /// For benches, and for modules that one trusts: what [`Parts`] says of each
    /// no longer holds. Nothing else changes.
    pub fn leave_out(mut self, parts: Parts) -> Self {
        self.options.left_out = parts;
        self
    }

    /// Builds the session.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a limit is not what it may be or exceeds the one in
    /// [`limits_max`](Self::limits_max), or if the cache cannot be set up.
    pub fn build(self) -> Result<Session> {
        let context = self.context.unwrap_or_else(|| {
            SessionContext::new_with_config(SessionConfig::new().with_information_schema(true))
        });
        let current = Current::default();
        Ok(Session {
            context,
            factory: Factory::new(self.options, self.paths, current.clone())?,
            definitions: Arc::default(),
            current,
        })
    }

    /// Builds what a plain `SessionContext` needs for `LANGUAGE WASM`; a
    /// [`context`](Self::context) given before has no part in it.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn factory(self) -> Result<Factory> {
        Factory::new(self.options, self.paths, Current::default())
    }
}
