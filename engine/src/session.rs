//! Sessions: SQL text in, record batches out.

// The builder of sessions.
mod builder;

// Statements of Fusebox.
mod fusebox_statements;

// IMPORT.
mod import;

// Statements that define, and the same without SQL.
mod create;
mod drop;
mod library;
mod role_dump;
mod role_statements;

mod role_limits;
mod transaction;

// Statements that show, and tables that do.
mod describe;
mod show;
mod summarize;

mod introspection;

mod cells;

// Functions of DataFusion.
mod built_ins;

// Views and tables of DataFusion: created, dropped and shown.
mod relation_statements;

mod replaced_table;

// ALTER TABLE: tables with other columns, and other names.
mod alter_operations;
mod alter_table;
mod altered_columns;
mod altered_statement;
mod renamed_relations;

// Those whose SQL may use functions, or other relations.
mod dependent_views;
mod dependents;
mod shared_relations;
mod stored_tables;
mod unplanned_relation;

mod schemas;

// DELETE and UPDATE, and keys of rows.
mod declared_keys;
mod row_changes;
mod updated_keys;

// Limits of the tables, views and rows that a session keeps in memory.
mod memory_limits;

mod relations;

mod relation_text;

mod quoted_names;

// Statements as DataFusion's planner takes them: named arguments, shared queries, tables of SELECT.
mod rewriting;
mod select_into;

// PIVOT, SIMILAR TO, ORDER BY ALL, and columns of equal names.
mod equal_names;
mod order_by_all;
mod pivot;
mod select_lists;
mod similar_to;

// Common table expressions that call volatile functions, and their shared results.
mod shared_queries;
mod volatile_ctes;

// DEFAULT and nulls in INSERT and UPDATE, and columns that are assigned twice.
mod default_values;
mod inserted_values;

// COPY to compressed files.
mod copy;

// Functions that are bound while their query is planned.
mod early_binding;

// Checks of statements: clauses of calls, what they expand to, privileges, and the user's rights.
mod calls;
mod expansion;
mod guard;
mod rights;

// Options and settings of queries.
mod query;

// Prepared statements, and functions resolved when plans run.
mod prepared;

mod late_binding;

// Functions in the information schema.
mod routines;

// Functions registered with DataFusion.
mod registry;

// The catalog's contents and the session's own.
mod contents;

use std::sync::{Arc, Mutex};

use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_definition::statement::FuseboxStatement;
use fusebox_runtime::{Error, Notices, Result};
use sqlparser::ast::Statement as SqlStatement;

use crate::activity::{OpenStatement, SessionActivity};
use crate::catalog::{Catalog, MemoryCatalog};
use crate::engine::Engine;
use crate::loader::Loader;
use crate::memory_tables::MemoryTables;
use crate::native_stack::{Planning, check_plan};
use crate::scope::{Deadline, FunctionScope, SessionCancellation};
use crate::statement_list::{Parsed, Statement, Statements};

use alter_operations::altered_table;
pub use builder::SessionBuilder;
use calls::{check_calls, check_readable};
use copy::complete_copy;
use declared_keys::declare_keys;
use default_values::check_assignments;
pub use describe::Description;
use equal_names::plan_statement;
use expansion::{check_constants, check_expansion, check_planned};
pub use library::Function;
use prepared::{Prepared, PreparedEffect};
use query::reset_setting;
use registry::Registry;
use relation_statements::{cascades, shown_table};
use relation_text::RelationText;
use rewriting::{rewrite_statement, with_view_text};
use row_changes::{explained, row_change};
use select_into::replace_select_into;
use shared_relations::{RegisteredRelations, changes_relations};
use summarize::summarize;

/// Times that a statement is checked, if others keep changing the catalog.
const TRIES_MAX: usize = 1_000;

/// Outcome of planning a statement of DataFusion.
enum Planned {
    /// It is executed.
    Done(DataFrame),
    Run(LogicalPlan, Option<RelationText>),
}

/// DataFusion `SessionContext` that also knows modules and functions of Wasm.
///
/// A session is one connection: it has its own settings, temporary functions and
/// cancellation, and shares its engine's modules and catalog. Clones share everything.
#[derive(Clone)]
pub struct Session {
    engine: Engine,
    context: SessionContext,
    loader: Arc<Loader>,
    catalog: Arc<dyn Catalog>,
    /// Temporary functions, and the relations of this session.
    temporary: Arc<MemoryCatalog>,
    /// Held while a clone changes `temporary`.
    own_catalog: Arc<Mutex<()>>,
    registry: Arc<Registry>,
    relations: Arc<RegisteredRelations>,
    prepared: Arc<Prepared>,
    memory_tables: Arc<MemoryTables>,
    cancellation: SessionCancellation,
    notices: Arc<Notices>,
    activity: Arc<SessionActivity>,
    scope: FunctionScope,
}

impl Session {
    /// Starts a builder of a session with an engine of its own. Further sessions of that
    /// engine are made by [`Engine::session`].
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// Returns the engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns DataFusion's context.
    ///
    /// It has the functions that the last statement of the session saw. Queries that begin
    /// here are not cancelled by [`cancel`](Self::cancel), but by dropping their stream; guests
    /// that read the clock read [`Scope::TIMESTAMP`](fusebox_runtime::Scope::TIMESTAMP) there.
    /// The plan of a view calls the functions that the session has when it runs. In another
    /// context, each batch calls those that the session has by then.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Splits a text into statements, each parsed on demand, in the dialect that is set then.
    pub fn statements(&self, text: &str) -> Statements {
        Statements::new(text, &self.context)
    }

    /// Executes a text of one statement.
    ///
    /// # Errors
    ///
    /// Any error of the statement; [`Error::Syntax`] also if the text has none or several, and
    /// then nothing was executed.
    pub async fn sql(&self, text: &str) -> Result<DataFrame> {
        let mut statements = self.statements(text);
        let statement = statements.next().transpose()?;
        match (statement, statements.next().transpose()?) {
            (Some(statement), None) => self.execute(statement).await,
            _ => Err(Error::Syntax(
                "sql parser error: expected one statement".to_owned(),
            )),
        }
    }

    /// Executes a statement.
    ///
    /// A statement that defines has taken effect when this returns. It compiles on threads of
    /// the engine, and dropping the future cancels it. A query runs when its result is
    /// collected. A statement without a result returns a frame without columns.
    ///
    /// # Errors
    ///
    /// Any error of the statement. The session is unchanged then.
    pub async fn execute(&self, statement: Statement) -> Result<DataFrame> {
        self.refresh_user()?;
        let deadline = self.settings().statement_timeout.map(Deadline::after);
        let open = self.activity.begin_statement();
        let executed = self.execute_until(statement, open, deadline);
        let Some(deadline) = deadline else {
            return executed.await;
        };
        match deadline.limit(executed).await {
            Some(Err(error)) if deadline.caused(&error) => Err(deadline.error()),
            Some(executed) => executed,
            None => Err(deadline.error()),
        }
    }

    /// Executes a statement; a query ends at the deadline.
    async fn execute_until(
        &self,
        statement: Statement,
        open: Arc<OpenStatement>,
        deadline: Option<Deadline>,
    ) -> Result<DataFrame> {
        let Statement { parsed, depth } = statement;
        match parsed {
            Parsed::Fusebox(FuseboxStatement::Summarize(source)) => {
                let statement = SqlStatement::Query(source);
                let statement = Box::new(DfStatement::Statement(Box::new(statement)));
                let source = self
                    .execute_datafusion(statement, depth, open, deadline)
                    .await?;
                summarize(source)
            }
            Parsed::Fusebox(statement) => self.execute_fusebox(statement).await,
            Parsed::DataFusion(statement) => {
                self.execute_datafusion(statement, depth, open, deadline)
                    .await
            }
        }
    }

    /// Executes a statement of DataFusion; a query ends at the deadline.
    async fn execute_datafusion(
        &self,
        mut statement: Box<DfStatement>,
        depth: u32,
        open: Arc<OpenStatement>,
        deadline: Option<Deadline>,
    ) -> Result<DataFrame> {
        replace_select_into(&mut statement);
        let again = changes_relations(&statement).then(|| statement.clone());
        let mut next = Some(statement);
        for _ in 0..TRIES_MAX {
            let Some(statement) = next.take().or_else(|| again.clone()) else {
                break;
            };
            let open = Arc::clone(&open);
            let executed = self.execute_once(statement, depth, open, deadline).await?;
            if let Some(frame) = executed {
                return Ok(frame);
            }
        }
        Err(Error::Catalog(format!(
            "nothing was changed, because others changed the catalog {TRIES_MAX} times meanwhile: \
             try again"
        )))
    }

    /// Executes a statement of DataFusion; `None` if another session changed the catalog between
    /// the check of the statement and its effect.
    async fn execute_once(
        &self,
        mut statement: Box<DfStatement>,
        depth: u32,
        open: Arc<OpenStatement>,
        deadline: Option<Deadline>,
    ) -> Result<Option<DataFrame>> {
        self.synchronize()?;
        let early = self.begin_binding(&statement);
        let mut state = self.begin_query(open, deadline);
        if let Some(alter) = altered_table(&statement) {
            let altered = self.alter_table(&statement, alter, &state);
            return Planning::new(depth, altered).await;
        }
        let cascades = cascades(&statement);
        let planning = async {
            check_calls(&statement, &state)?;
            check_readable(&statement, &self.contents()?)?;
            check_assignments(&mut statement)?;
            let text = RelationText::take(&mut statement, &state);
            declare_keys(&mut statement)?;
            self.register_relations(&statement, &state).await?;
            check_expansion(&statement, &state).await?;
            if let Some(name) = shown_table(&statement).cloned() {
                // DataFusion knows no statement of a table: its plan is that of an error at most.
                state.statement_to_plan(*statement).await.map_err(query)?;
                let shown = self.show_create_table(&name).await;
                return shown.map(Planned::Done);
            }
            self.fill_defaults(&mut statement).await?;
            rewrite_statement(&mut statement, &state)?;
            complete_copy(&mut statement, &state)?;
            let plan = plan_statement(*statement, &state).await?;
            let plan = with_view_text(plan, text.as_ref().map(RelationText::sql).as_deref());
            check_planned(&plan)?;
            check_plan(&plan)?;
            let plan = self.guard(plan)?;
            Ok::<_, Error>(Planned::Run(plan, text))
        };
        let (plan, text) = match Planning::new(depth, planning).await? {
            Planned::Done(frame) => return Ok(Some(frame)),
            Planned::Run(plan, text) => (plan, text),
        };
        if let Some(setting) = reset_setting(&plan) {
            self.reset_setting(setting)?;
            return self.no_result().map(Some);
        }
        let plans = self.memory_tables.plans();
        let kept = self.kept_functions();
        let prepared = self.prepared.execute(plan, &state, &kept, plans);
        let (plan, is_prepared) = match prepared.map_err(query)? {
            Ok(PreparedEffect::Done) => return self.no_result().map(Some),
            Ok(PreparedEffect::Run(plan)) => (plan, true),
            Err(other) => (other, false),
        };
        is_prepared.then(|| check_constants(&plan)).transpose()?;
        self.bind_called(&plan, early).await?;
        let plan = explained(plan)?;
        if let Some(dml) = row_change(&plan) {
            return self.change_rows(dml, &state).await.map(Some);
        }
        self.count_kept_rows(&plan, &mut state)?;
        match is_prepared {
            true => Ok(Some(DataFrame::new(state, plan))),
            false => self.execute_relation(plan, text, cascades, state).await,
        }
    }

    /// Returns a frame without columns.
    fn no_result(&self) -> Result<DataFrame> {
        let nothing = LogicalPlanBuilder::empty(false).build().map_err(query)?;
        Ok(DataFrame::new(self.context.state(), nothing))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("session_id", &self.context.session_id())
            .finish_non_exhaustive()
    }
}

fn query(error: DataFusionError) -> Error {
    Error::Query(Box::new(error))
}
