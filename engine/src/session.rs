//! Sessions: SQL text in, record batches out.

// Statements that define, and the same without SQL.
mod create;
mod drop;
mod library;
mod transaction;

// Statements that show.
mod show;

// Views and tables of DataFusion whose SQL may use functions.
mod relations;

// Privileges of DataFusion's statements: files, settings.
mod guard;
// Options and settings of queries.
mod query;

// Functions registered with DataFusion.
mod registry;

// The catalog's contents and the session's own.
mod contents;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SessionContext;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::SessionConfig;
use fusebox_definition::Limits;
use fusebox_definition::statement::FuseboxStatement;
use fusebox_runtime::{Error, Result};

use crate::catalog::{Catalog, MemoryCatalog};
use crate::engine::Engine;
use crate::file_access::{FileAccess, confine, file_registry};
use crate::loader::Loader;
use crate::native_stack::{Planning, check_plan};
use crate::options::SessionOptions;
use crate::privileges::Privileges;
use crate::scope::{Deadline, FunctionScope, SessionCancellation};
use crate::statement_list::{Parsed, Statement, Statements};

pub use library::Function;
use query::{changes_context, reset_setting};
use registry::Registry;
use relations::relation_sql;

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
    cancellation: SessionCancellation,
    scope: FunctionScope,
}

impl Engine {
    /// Starts a session with the engine's defaults. It shares the engine's catalog: a
    /// function that one session creates is visible to the next statement of the others.
    pub fn session(&self) -> SessionBuilder {
        SessionBuilder {
            options: self.options().clone(),
            engine: Some(self.clone()),
            ..SessionBuilder::default()
        }
    }
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
    /// here are not cancelled by [`cancel`](Self::cancel), but by dropping their stream.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Splits a text into statements, each parsed on demand.
    pub fn statements(&self, text: &str) -> Statements {
        let options = self.context.state().config_options().sql_parser.clone();
        let dialect = options.dialect.to_string();
        Statements::new(text, &dialect, options.recursion_limit.get())
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
        let deadline = self.settings().statement_timeout.map(Deadline::after);
        let executed = self.execute_until(statement, deadline);
        let Some(deadline) = deadline else {
            return executed.await;
        };
        match tokio::time::timeout_at(deadline.at().into(), executed).await {
            Ok(Err(error)) if deadline.caused(&error) => Err(deadline.error()),
            Ok(executed) => executed,
            Err(_) => Err(deadline.error()),
        }
    }

    /// Executes a statement; a query ends at the deadline.
    async fn execute_until(
        &self,
        statement: Statement,
        deadline: Option<Deadline>,
    ) -> Result<DataFrame> {
        let Statement { parsed, depth } = statement;
        match parsed {
            Parsed::Fusebox(statement) => self.execute_fusebox(statement).await,
            Parsed::DataFusion(statement) => {
                self.synchronize().await?;
                let state = self.begin_query(deadline);
                let planning = async {
                    let sql = relation_sql(&statement);
                    let plan = state.statement_to_plan(*statement).await.map_err(query)?;
                    check_plan(&plan)?;
                    let plan = self.guard(plan)?;
                    Ok::<_, Error>((plan, sql))
                };
                let (plan, sql) = Planning::new(depth, planning).await?;
                if let Some(setting) = reset_setting(&plan) {
                    self.reset_setting(setting)?;
                    return self.no_result();
                }
                let recorded = self.record_relation(&plan, sql)?;
                let context = match changes_context(&plan) {
                    true => self.context.clone(),
                    false => SessionContext::new_with_state(state),
                };
                let executed = context.execute_logical_plan(plan).await.map_err(query);
                if executed.is_err() {
                    self.revert_relation(recorded)?;
                }
                executed
            }
        }
    }

    async fn execute_fusebox(&self, statement: FuseboxStatement) -> Result<DataFrame> {
        self.check_create(&statement)?;
        match statement {
            FuseboxStatement::CreateModule(create) => self.execute_create_module(create).await?,
            FuseboxStatement::CreateFunction(create) => {
                self.execute_create_function(*create).await?;
            }
            FuseboxStatement::ImportFunctions { module, like } => {
                self.execute_import(&module, like.as_deref()).await?;
            }
            FuseboxStatement::DropFunctions {
                if_exists,
                functions,
            } => self.execute_drop_functions(if_exists, functions).await?,
            FuseboxStatement::DropModules {
                if_exists,
                modules,
                cascade,
            } => {
                self.execute_drop_modules(if_exists, modules, cascade)
                    .await?;
            }
            FuseboxStatement::AlterFunction { function, options } => {
                self.execute_alter_function(function, options).await?;
            }
            FuseboxStatement::ShowFunctions { user, like } => {
                self.synchronize().await?;
                return self.show_functions(user, like.as_deref());
            }
            FuseboxStatement::ShowModules { like } => return self.show_modules(like.as_deref()),
            FuseboxStatement::ShowCreateFunction(function) => {
                return self.show_create_function(&function);
            }
            FuseboxStatement::ShowCreateModule(module) => return self.show_create_module(&module),
            FuseboxStatement::DescribeModule(module) => return self.describe_module(&module),
            other => return Err(Error::Internal(format!("{other:?} is not implemented"))),
        }
        self.no_result()
    }

    /// Returns a frame without columns.
    fn no_result(&self) -> Result<DataFrame> {
        let nothing = LogicalPlanBuilder::empty(false).build().map_err(query)?;
        Ok(DataFrame::new(self.context.state(), nothing))
    }

    /// Cancels every query that the session and its clones have begun, also those whose
    /// [`DataFrame`] has not run yet. Queries that begin later run, and other sessions are not
    /// affected.
    ///
    /// A query fails with [`Error::Cancelled`] where a Wasm function next checks. One that
    /// calls none ends when its stream is dropped.
    pub fn cancel(&self) {
        self.cancellation.cancel();
    }

    /// Returns the memory pool, which SQL can change.
    fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.context.runtime_env().memory_pool)
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

/// Builder of a [`Session`].
#[derive(Clone, Default)]
pub struct SessionBuilder {
    /// The engine, unless the session makes its own.
    engine: Option<Engine>,
    context: Option<SessionContext>,
    catalog: Option<Arc<dyn Catalog>>,
    memory_pool: Option<Arc<dyn MemoryPool>>,
    options: SessionOptions,
}

impl SessionBuilder {
    /// Context to add to, instead of DataFusion's default with an information schema.
    ///
    /// The context is confined to the session's [`files`](Self::files), its tables of files
    /// included. Object stores that are registered for other schemes, such as `s3`, stay. A
    /// context is for one session: of several, the last one's files hold.
    pub fn context(mut self, context: SessionContext) -> Self {
        self.context = Some(context);
        self
    }

    /// Catalog of this session, instead of the engine's: for tenants that must not see each
    /// other's functions.
    pub fn catalog(mut self, catalog: Arc<dyn Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Memory pool of the session's queries. Ignored with a [`context`](Self::context), which
    /// has its own.
    pub fn memory_pool(mut self, memory_pool: Arc<dyn MemoryPool>) -> Self {
        self.memory_pool = Some(memory_pool);
        self
    }

    /// Privileges of the session's statements; their `limits_max` may not exceed those of the
    /// engine. Replaces earlier [`files`](Self::files) and [`limits_max`](Self::limits_max).
    pub fn privileges(mut self, privileges: Privileges) -> Self {
        self.options.privileges = privileges;
        self
    }

    /// Files that SQL may read and write; a part of the [`Privileges`].
    pub fn files(mut self, files: FileAccess) -> Self {
        self.options.privileges.files = files;
        self
    }

    /// Limits of functions whose statement states none.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Ceiling of the limits of functions that this session creates; a part of the
    /// [`Privileges`].
    pub fn limits_max(mut self, limits: Limits) -> Self {
        self.options.privileges.limits_max = limits;
        self
    }

    /// Linear memory of an aggregate function whose statement states none, in bytes.
    pub fn aggregate_memory_bytes_max(mut self, bytes: u64) -> Self {
        self.options.aggregate_memory_bytes_max = bytes;
        self
    }

    /// Maximum size of a module in bytes.
    pub fn module_bytes_max(mut self, bytes: u64) -> Self {
        self.options.module_bytes_max = bytes;
        self
    }

    /// Maximum bytes of the results of one batch, as `SET fusebox.batch_bytes`. 256 MiB
    /// unless given.
    pub fn batch_bytes_max(mut self, bytes: u64) -> Self {
        self.options.settings.batch_bytes_max = bytes;
        self
    }

    /// Time after which a statement is cancelled, as `SET fusebox.statement_timeout`; none
    /// unless given. Statements of a session with a timeout need a Tokio runtime with
    /// timers.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.options.settings.statement_timeout = Some(timeout);
        self
    }

    /// Builds the session.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a limit is out of its range or exceeds the one in
    /// [`limits_max`](Self::limits_max).
    pub fn build(self) -> Result<Session> {
        self.options.check()?;
        let engine = match self.engine {
            Some(engine) => {
                let ceiling = engine.options().privileges.limits_max;
                let limits_max = self.options.privileges.limits_max;
                if limits_max.check(ceiling).is_err() {
                    return Err(Error::Config("limits_max exceeds that of the engine"));
                }
                engine
            }
            None => Engine::builder().build()?,
        };
        let files = &self.options.privileges.files;
        let context = match self.context {
            Some(context) => {
                confine(&context, files).map_err(query)?;
                context
            }
            None => {
                let config = SessionConfig::new().with_information_schema(true);
                let mut environment =
                    RuntimeEnvBuilder::new().with_object_store_registry(file_registry(files));
                environment.memory_pool = self.memory_pool;
                let state = SessionStateBuilder::new()
                    .with_config(config)
                    .with_runtime_env(environment.build_arc().map_err(query)?)
                    .with_default_features();
                SessionContext::new_with_state(state.build())
            }
        };
        engine.install_scopes(&context);
        let settings = self.options.settings;
        let state = context.state_ref();
        let mut state = state.write();
        state.config_mut().options_mut().extensions.insert(settings);
        drop(state);
        let memory_pool = Arc::clone(&context.runtime_env().memory_pool);
        let cancellation = SessionCancellation::default();
        Ok(Session {
            loader: Arc::new(Loader {
                runtime: Arc::clone(engine.runtime()),
                options: self.options,
                cancellation: cancellation.clone(),
            }),
            catalog: self.catalog.unwrap_or_else(|| Arc::clone(engine.catalog())),
            engine,
            context,
            temporary: Arc::default(),
            own_catalog: Arc::default(),
            registry: Arc::default(),
            cancellation,
            scope: FunctionScope::new(memory_pool),
        })
    }
}

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
