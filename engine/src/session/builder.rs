//! Builder of sessions.

use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::context::SessionContext;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::SessionConfig;
use fusebox_definition::Limits;
use fusebox_runtime::{Error, Notices, Result, StatisticsRegistry};

use super::introspection::Introspection;
use super::late_binding::LateBinding;
use super::registry::Registry;
use super::routines::Routines;
use super::shared_queries::SharedQueries;
use super::{Session, query};
use crate::catalog::{Catalog, MemoryCatalog};
use crate::engine::{Engine, add_scopes};
use crate::file_access::{FileAccess, confine, file_caches, file_registry};
use crate::loader::Loader;
use crate::memory_tables::MemoryTables;
use crate::options::SessionOptions;
use crate::privileges::Privileges;
use crate::scope::{FunctionScope, SessionCancellation};
use crate::session_state::rebuild;
use crate::session_user::SessionUser;
use crate::settings::Settings;

/// Builder of a [`Session`].
#[derive(Clone, Default)]
pub struct SessionBuilder {
    /// The engine, unless the session makes its own.
    engine: Option<Engine>,
    context: Option<SessionContext>,
    catalog: Option<Arc<dyn Catalog>>,
    memory_pool: Option<Arc<dyn MemoryPool>>,
    user: Option<String>,
    options: SessionOptions,
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

impl SessionBuilder {
    /// Context to add to, instead of DataFusion's default with an information schema.
    ///
    /// The context is confined to the session's [`files`](Self::files), its tables of files
    /// included. Object stores that are registered for other schemes, such as `s3`, stay. A
    /// context is for one session: of several, the last one's files hold.
    ///
    /// Unless all files may be read and written, the session has caches of files of its own, with
    /// the limits of the context's [`RuntimeEnv`]: 2 MiB of statistics, 1 MiB of lists and 8 MiB of
    /// metadata in place of DataFusion's defaults.
    ///
    /// [`RuntimeEnv`]: datafusion::execution::runtime_env::RuntimeEnv
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
    /// has its own. The caches of files, at most 11 MiB of a session, are not charged to it.
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

    /// User of the catalog, whose privileges hold from each statement on: grants, ceilings, and
    /// those of [`Privileges`], as far as [`privileges`](Self::privileges) have them. Who this is
    /// was verified by the embedder. Statements are refused while the catalog has no user of the
    /// name who may log in.
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }

    /// Name in the audit, of a user who is none of the catalog.
    pub fn audit_name(mut self, name: &str) -> Self {
        self.options.actor = Some(Arc::from(name));
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
    /// unless given.
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
    pub fn build(mut self) -> Result<Session> {
        self.options.check()?;
        // The rights are those of one session.
        let user = self.user.take();
        self.options.user = user.map(|name| Arc::new(SessionUser::new(name)));
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
        let registry = Arc::<Registry>::default();
        let add_rules = |builder: &mut SessionStateBuilder| {
            add_scopes(builder);
            add_analyzer_rules(builder, &registry);
        };
        let context = match self.context {
            Some(context) => {
                confine(&context, files, add_rules).map_err(query)?;
                context
            }
            None => default_context(files, self.memory_pool, add_rules)?,
        };
        add_settings(&context, self.options.settings);
        let memory_pool = Arc::clone(&context.runtime_env().memory_pool);
        let cancellation = SessionCancellation::default();
        let limits = self.options.catalog;
        let memory_tables = MemoryTables::new(limits.row_bytes_max, limits.plan_bytes_max);
        let loader = Arc::new(Loader {
            runtime: Arc::clone(engine.runtime()),
            options: self.options,
            cancellation: cancellation.clone(),
        });
        let catalog = self.catalog.unwrap_or_else(|| Arc::clone(engine.catalog()));
        let activity = engine.activity(&catalog).begin_session();
        let shared = Arc::clone(activity.catalog().statistics());
        let statistics = Arc::new(StatisticsRegistry::of_session(shared));
        let temporary = Arc::<MemoryCatalog>::default();
        let introspection = Introspection {
            catalog: Arc::clone(&catalog),
            temporary: Arc::clone(&temporary),
            loader: Arc::clone(&loader),
            statistics: Arc::clone(&statistics),
            activity: Arc::clone(activity.catalog()),
            session: activity.id(),
        };
        introspection.register(&context);
        Ok(Session {
            loader,
            catalog,
            engine,
            context,
            temporary,
            own_catalog: Arc::default(),
            registry,
            relations: Arc::default(),
            prepared: Arc::default(),
            memory_tables: Arc::new(memory_tables),
            cancellation,
            notices: Arc::new(Notices::new(statistics)),
            activity,
            scope: FunctionScope::new(memory_pool),
        })
    }
}

/// Makes DataFusion's default context with an information schema, and with `change`.
fn default_context(
    files: &FileAccess,
    memory_pool: Option<Arc<dyn MemoryPool>>,
    change: impl FnOnce(&mut SessionStateBuilder),
) -> Result<SessionContext> {
    let config = SessionConfig::new().with_information_schema(true);
    let registry = file_registry(files);
    let mut environment = RuntimeEnvBuilder::new().with_object_store_registry(registry);
    environment.memory_pool = memory_pool;
    environment.cache_manager = file_caches(&environment.cache_manager);
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(environment.build_arc().map_err(query)?)
        .with_default_features();
    let mut state = state.build();
    rebuild(&mut state, change);
    Ok(SessionContext::new_with_state(state))
}

fn add_settings(context: &SessionContext, settings: Settings) {
    let state = context.state_ref();
    let mut state = state.write();
    state.config_mut().options_mut().extensions.insert(settings);
}

/// Adds the rules of a session before all others of a context, in place of those of their
/// names: of several sessions of a context, the functions of the last one hold.
fn add_analyzer_rules(builder: &mut SessionStateBuilder, registry: &Arc<Registry>) {
    let late_binding = LateBinding {
        registry: Arc::clone(registry),
    };
    let routines = Routines {
        registry: Arc::clone(registry),
    };
    let rules: [Arc<dyn AnalyzerRule + Send + Sync>; 3] = [
        Arc::new(late_binding),
        Arc::new(SharedQueries),
        Arc::new(routines),
    ];
    if let Some(analyzer) = builder.analyzer() {
        let is_replaced = |name: &str| rules.iter().any(|rule| rule.name() == name);
        analyzer.rules.retain(|rule| !is_replaced(rule.name()));
        analyzer.rules.splice(0..0, rules);
    }
}

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
