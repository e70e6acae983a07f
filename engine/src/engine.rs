//! The engine: everything that sessions share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use fusebox_definition::statement::{CreateFunction, SourceClause};
use fusebox_definition::{Definition, Limits, StatementError, Subject};
use fusebox_runtime::{
    CompileBudget, CompileHelper, Error, FunctionMetrics, IdleLimits, IdleMetrics, Profile, Result,
    Runtime, RuntimeOptions, WasmFunction,
};

use crate::activity::CatalogActivity;
use crate::catalog::{Catalog, CatalogLimits, MemoryCatalog};
use crate::file_access::{FileAccess, LocateValues};
use crate::function::{LazyFunction, add_expansion, datafusion_function, is_built_in};
use crate::function_factory::WasmFunctionFactory;
use crate::loader::{Loader, check_kind, check_name, check_parameter_names};
use crate::options::SessionOptions;
use crate::overflow;
use crate::privileges::Privileges;
use crate::query_planner::ScopedPlanner;
use crate::rounding;
use crate::scope::{FunctionScope, SessionCancellation, add_scopes_to_rules};
use crate::scope_rule::ScopeRule;
use crate::session_state::rebuild;
use crate::settings::Settings;
use crate::short_times;
use crate::single_values;
use crate::volatile;

/// Compiled modules, pools of instances, metrics and catalog, shared by all sessions.
///
/// One engine per process is enough. Clones share it.
#[derive(Clone)]
pub struct Engine {
    runtime: Arc<Runtime>,
    catalog: Arc<dyn Catalog>,
    activities: Activities,
    options: SessionOptions,
}

/// Activities of the sessions of each catalog that has any, by the address of the catalog.
type Activities = Arc<Mutex<HashMap<usize, (Weak<dyn Catalog>, Arc<CatalogActivity>)>>>;

impl Engine {
    /// Starts a builder with the defaults: a catalog in memory, the limits of
    /// [`Limits::default`], the privileges of [`Privileges::default`] and so no files.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    /// Installs Fusebox in a context of one's own: the language WASM of DataFusion's
    /// `CREATE FUNCTION`, and the plan nodes that cancel calls when a stream is dropped and
    /// charge memory to the query's pool.
    pub fn install(&self, context: &SessionContext) {
        self.install_scopes(context);
        let factory = Arc::new(self.function_factory());
        context.state_ref().write().set_function_factory(factory);
    }

    /// Registers all functions that a module declares in a context of one's own, and returns
    /// their definitions. Functions of the same names are replaced; those of DataFusion only
    /// with the privilege `replace_built_ins`. [`install`](Self::install) gives the context
    /// cancellation.
    ///
    /// # Errors
    ///
    /// [`Error::Module`] if the module is unusable, [`Error::Refused`] if it declares no
    /// functions, or one that is refused for its name, kind or limits. Nothing is registered
    /// then.
    pub async fn register_all(
        &self,
        context: &SessionContext,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<Vec<Definition>> {
        let loader = self.loader();
        let subject = Subject::Module("register_all".to_owned());
        let module = loader.load_bytes(&subject, bytes.into()).await?;
        let define = |declared: &CreateFunction| {
            let create = CreateFunction {
                name: declared.name.clone(),
                kind: declared.kind,
                symbol: Some(declared.symbol().to_owned()),
                source: Some(SourceClause::Base64(String::new())),
                ..CreateFunction::default()
            };
            loader.define(&create, &module)
        };
        let definitions = module.declarations().iter().map(define);
        let definitions: Vec<_> = definitions.collect::<Result<_>>()?;
        if definitions.is_empty() {
            return Err(Error::refused(subject, StatementError::NothingDeclared));
        }
        for definition in &definitions {
            let others = definitions
                .iter()
                .filter(|other| other.name == definition.name);
            let others: Vec<_> = others.collect();
            others
                .iter()
                .try_for_each(|other| check_kind(definition, Some(other.kind)))?;
            check_name(definition)?;
            check_parameter_names(definition, others)?;
            if is_built_in(&context.state_ref().read(), &definition.name) {
                let subject = Subject::Function(definition.name.clone());
                self.options.privileges.check_replacement(&subject)?;
            }
        }
        let mut functions = loader.bind_new(definitions.clone(), &module).await?;
        let scope = FunctionScope::new(Arc::clone(&context.runtime_env().memory_pool));
        while let Some(first) = functions.first() {
            let name = first.definition().name.clone();
            let of_name = |f: &Arc<WasmFunction>| f.definition().name == name;
            let (overloads, others): (Vec<_>, _) = functions.into_iter().partition(of_name);
            functions = others;
            let overloads = overloads
                .into_iter()
                .map(|f| Arc::new(LazyFunction::bound(f)));
            datafusion_function(overloads.collect(), scope.clone()).register(context);
        }
        Ok(definitions)
    }

    /// Makes a [`WasmFunctionFactory`] for a context of one's own, without cancellation.
    pub fn function_factory(&self) -> WasmFunctionFactory {
        WasmFunctionFactory::new(self.loader())
    }

    /// Returns the runtime.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Returns the catalog.
    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.catalog
    }

    /// Takes the metrics of each function since the last call, in the order of creation;
    /// empty without [`EngineBuilder::metrics`].
    pub fn take_metrics(&self) -> Vec<FunctionMetrics> {
        self.runtime.take_metrics()
    }

    /// Returns the idle instances of all functions together.
    pub fn idle_metrics(&self) -> IdleMetrics {
        self.runtime.idle_metrics()
    }

    /// Takes the samples of guest backtraces since the last call; empty without
    /// [`EngineBuilder::profile`].
    pub fn take_profile(&self) -> Profile {
        self.runtime.take_profile()
    }

    pub(crate) fn options(&self) -> &SessionOptions {
        &self.options
    }

    /// Returns the activity of the sessions of a catalog.
    pub(crate) fn activity(&self, catalog: &Arc<dyn Catalog>) -> Arc<CatalogActivity> {
        let activities = self.activities.lock();
        let mut activities = activities.unwrap_or_else(PoisonError::into_inner);
        // Swept when there is no free slot, so that a lookup takes constant time on average.
        if activities.len() == activities.capacity() {
            activities.retain(|_, (catalog, _)| catalog.strong_count() > 0);
        }
        // The address is not used again while the weak reference is here.
        let address = Arc::as_ptr(catalog).cast::<()>().addr();
        let new = || (Arc::downgrade(catalog), Arc::default());
        let (_, activity) = activities.entry(address).or_insert_with(new);
        Arc::clone(activity)
    }

    fn loader(&self) -> Loader {
        Loader {
            runtime: Arc::clone(&self.runtime),
            options: self.options.clone(),
            cancellation: SessionCancellation::default(),
        }
    }

    /// Adds the settings and the [scopes](add_scopes), unless the context has them.
    fn install_scopes(&self, context: &SessionContext) {
        let state = context.state_ref();
        let mut state = state.write();
        let extensions = &mut state.config_mut().options_mut().extensions;
        if extensions.get::<Settings>().is_none() {
            extensions.insert(self.options.settings);
        }
        let mut rules = state.physical_optimizers().iter();
        if !rules.any(|rule| rule.name() == ScopeRule::NAME) {
            rebuild(&mut state, add_scopes);
        }
    }
}

/// Adds the rule that inserts scope nodes, the one that finds values of files, those that evaluate
/// volatile calls once, those of integers out of range, that of short times, the one that rounds,
/// that of subqueries, the one that expands arguments, and the planner with a scope, unless the
/// state has them.
pub(crate) fn add_scopes(builder: &mut SessionStateBuilder) {
    let optimizer = builder.physical_optimizers().iter();
    let mut rules = optimizer.flat_map(|optimizer| &optimizer.rules);
    if rules.any(|rule| rule.name() == ScopeRule::NAME) {
        return;
    }
    volatile::add_rules(builder);
    overflow::add_rules(builder);
    short_times::add_rule(builder);
    rounding::add_rule(builder);
    single_values::add_rule(builder);
    add_expansion(builder);
    add_scopes_to_rules(builder);
    let rules = builder.physical_optimizer_rules().get_or_insert_default();
    rules.push(Arc::new(ScopeRule));
    rules.push(Arc::new(LocateValues));
    if let Some(planner) = builder.query_planner() {
        *planner = Arc::new(ScopedPlanner::new(Arc::clone(planner)));
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("runtime", &self.runtime)
            .finish_non_exhaustive()
    }
}

/// Builder of an [`Engine`].
#[derive(Clone, Debug, Default)]
pub struct EngineBuilder {
    runtime: RuntimeOptions,
    catalog: Option<Arc<dyn Catalog>>,
    options: SessionOptions,
}

impl EngineBuilder {
    /// Catalog of the engine's sessions, instead of one in memory.
    pub fn catalog(mut self, catalog: Arc<dyn Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Privileges of sessions, unless they are given others; also those of functions that
    /// are created in a context without a session. Replaces earlier [`files`](Self::files) and
    /// [`limits_max`](Self::limits_max).
    pub fn privileges(mut self, privileges: Privileges) -> Self {
        self.options.privileges = privileges;
        self
    }

    /// Files that sessions may read and write, unless they are given others; a part of their
    /// [`Privileges`].
    pub fn files(mut self, files: FileAccess) -> Self {
        self.options.privileges.files = files;
        self
    }

    /// Limits of functions whose statement states none.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Ceiling of every function's limits; a part of the [`Privileges`].
    /// [`Limits::DEFAULT_MAX`] unless given.
    pub fn limits_max(mut self, limits: Limits) -> Self {
        self.options.privileges.limits_max = limits;
        self
    }

    /// Linear memory of an aggregate function whose statement states none, in bytes. 1 GiB
    /// unless given; at least that of other functions, at most that of
    /// [`limits_max`](Self::limits_max).
    pub fn aggregate_memory_bytes_max(mut self, bytes: u64) -> Self {
        self.options.aggregate_memory_bytes_max = bytes;
        self
    }

    /// Maximum size of a module in bytes.
    pub fn module_bytes_max(mut self, bytes: u64) -> Self {
        self.options.module_bytes_max = bytes;
        self
    }

    /// Maximum contents of the catalog, and of the temporary functions of each session.
    pub fn catalog_limits(mut self, limits: CatalogLimits) -> Self {
        self.options.catalog = limits;
        self
    }

    /// Bounds of the idle instances of all functions together.
    pub fn idle_limits(mut self, limits: IdleLimits) -> Self {
        self.runtime.idle = limits;
        self
    }

    /// Maximum number of modules that are compiled at one time; 4,096 unless given.
    pub fn compiled_modules_max(mut self, modules: usize) -> Self {
        self.runtime.compiled_modules_max = modules;
        self
    }

    /// Bytes of compiled code in use, those of data segments included, above which no further
    /// module is compiled; 2 GiB unless given. Of modules that are compiled at the same time, those
    /// that end after it was reached are refused too.
    pub fn compiled_bytes_max(mut self, bytes: usize) -> Self {
        self.runtime.compiled_bytes_max = bytes;
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

    /// Keeps compiled modules in the user's cache directory, so that a module is compiled
    /// once per machine. Anyone who can write there can run code in this process. Otherwise
    /// code passes from the compiler through a directory for temporary files of this process,
    /// which only its user can read and write.
    pub fn cache(mut self, cache: bool) -> Self {
        self.runtime.cache = cache;
        self
    }

    /// Records metrics, for [`take_metrics`](Engine::take_metrics). Costs some dozens of
    /// nanoseconds for each phase of a call.
    pub fn metrics(mut self, metrics: bool) -> Self {
        self.runtime.metrics = metrics;
        self
    }

    /// Samples guest backtraces at `interval`, for [`take_profile`](Engine::take_profile).
    /// Makes guests some percent slower.
    pub fn profile(mut self, interval: Duration) -> Self {
        self.runtime.profile = Some(interval);
        self
    }

    /// Number of threads that load and compile modules; 2 unless given.
    pub fn compile_threads(mut self, threads: usize) -> Self {
        self.runtime.compile_threads = threads;
        self
    }

    /// Maximum estimated cost of compiling a module; [`CompileBudget::DEFAULT`] unless given.
    pub fn compile_budget(mut self, budget: CompileBudget) -> Self {
        self.runtime.compile_budget = budget;
        self
    }

    /// Compiles modules in processes of a helper, with its limits; in this process unless
    /// given. Meant for servers whose users bring modules.
    pub fn compile_helper(mut self, helper: CompileHelper) -> Self {
        self.runtime.compile_helper = Some(helper);
        self
    }

    /// Disables protections of the sandbox, to measure their cost. For benches only.
    #[cfg(feature = "disable-protections")]
    pub fn disable_protections(mut self, disabled: fusebox_runtime::DisabledProtections) -> Self {
        self.runtime.disabled_protections = disabled;
        self
    }

    /// Builds the engine.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for an invalid option, or if the cache cannot be set up.
    pub fn build(self) -> Result<Engine> {
        self.options.check()?;
        let catalog = self.catalog;
        Ok(Engine {
            runtime: Arc::new(Runtime::new(self.runtime)?),
            catalog: catalog.unwrap_or_else(|| Arc::new(MemoryCatalog::default())),
            activities: Arc::default(),
            options: self.options,
        })
    }
}
