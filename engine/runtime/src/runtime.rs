//! Runtime: compiled modules, pools and metrics, shared by everything in a process.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use fusebox_definition::{
    Definition, Digest, Kind, Limits, ModuleError, Reuse, StatementError, Subject, Volatility,
};
use fusebox_instrument::CompileBudget;

use crate::compile_threads::CompileThreads;
use crate::error::{Error, LimitExceeded, Result};
use crate::function::{
    Binding, WasmFunction, check_signature, has_growing_state, has_independent_rows, is_repeatable,
};
use crate::metrics::{FunctionMetrics, Profile, Registry};
use crate::module::{
    CompiledModule, CompiledModules, LoadedModule, Operation, Variant, check_inputs, with_driver,
};
use crate::protections::DisabledProtections;
use crate::sandbox::{
    Budget, CallError, Cancellation, CompileHelper, Compiler, DriverTraits, IdleInstances,
    IdleLimits, IdleMetrics, Pool,
};

/// Options of a [`Runtime`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeOptions {
    /// True to keep compiled modules in the user's cache directory, so that a module is
    /// compiled once per machine. Anyone who can write there can run code in this
    /// process.
    pub cache: bool,
    /// True to record [`FunctionMetrics`], which costs some dozens of nanoseconds per phase
    /// of a call.
    pub metrics: bool,
    /// Interval of sampling guest backtraces, which makes guests some percent slower.
    pub profile: Option<Duration>,
    /// Number of threads that load and compile modules.
    pub compile_threads: usize,
    /// Maximum number of modules that are compiled at one time. Each has two memory
    /// mappings for its code.
    pub compiled_modules_max: usize,
    /// Bytes of compiled code in use, those of data segments included, above which no further
    /// module is compiled. Of modules that are compiled at the same time, those that end after it
    /// was reached are refused too.
    pub compiled_bytes_max: usize,
    /// Bounds of the idle instances of all functions together.
    pub idle: IdleLimits,
    /// Maximum estimated cost of compiling a module.
    pub compile_budget: CompileBudget,
    /// Program that compiles modules in processes of its own; none to compile them in this
    /// process.
    pub compile_helper: Option<CompileHelper>,
    /// Protections that are disabled, for benches.
    pub disabled_protections: DisabledProtections,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            cache: false,
            metrics: false,
            profile: None,
            compile_threads: 2,
            compiled_modules_max: 4_096,
            compiled_bytes_max: 2 << 30,
            idle: IdleLimits::default(),
            compile_budget: CompileBudget::DEFAULT,
            compile_helper: None,
            disabled_protections: DisabledProtections::default(),
        }
    }
}

/// Compiled modules, pools of instances, and metrics. One per process is enough.
pub struct Runtime {
    modules: CompiledModules,
    pools: Mutex<HashMap<PoolKey, Weak<Pool>>>,
    idle: IdleInstances,
    /// Bound functions by the hash of their definition. A definition itself would stay as
    /// a key after its function is gone, with the module's bytes that it may hold.
    functions: Mutex<HashMap<u64, Weak<WasmFunction>>>,
    hasher: RandomState,
    metrics: Registry,
    threads: CompileThreads,
    options: RuntimeOptions,
}

/// Identity of a pool. Functions that differ in name only share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PoolKey {
    digest: Digest,
    kind: Kind,
    symbol: String,
    limits: Limits,
    driver: DriverTraits,
}

impl Runtime {
    /// Creates a runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if an option is invalid or the cache cannot be set up.
    pub fn new(options: RuntimeOptions) -> Result<Self> {
        if options.profile.is_some_and(|interval| interval.is_zero()) {
            return Err(Error::Config("the interval of the profile is zero"));
        }
        if options.compile_threads == 0 {
            return Err(Error::Config("compile_threads is zero"));
        }
        if options.compiled_modules_max == 0 {
            return Err(Error::Config("compiled_modules_max is zero"));
        }
        let compiler = Compiler::new(
            options.cache,
            options.profile,
            options.compile_helper.clone(),
        )?;
        Ok(Self {
            modules: CompiledModules::new(
                compiler,
                options.compile_budget,
                options.disabled_protections,
                options.compiled_modules_max,
                options.compiled_bytes_max,
            ),
            pools: Mutex::default(),
            idle: IdleInstances::new(options.idle),
            functions: Mutex::default(),
            hasher: RandomState::new(),
            metrics: Registry::new(options.metrics),
            threads: CompileThreads::new(options.compile_threads),
            options,
        })
    }

    /// Binds a definition to its module: compiles the module unless it is compiled, and
    /// instantiates it once, so that a function that exists can be called.
    ///
    /// Blocks while it compiles: call it on a thread that serves no async tasks, or by
    /// [`run_blocking`](Self::run_blocking). Equal definitions share one function, unless it
    /// is volatile or keeps state.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a signature that cannot be called, [`Error::Module`] for a
    /// module that does not serve it, [`Error::Limit`] if the operating system refuses memory
    /// for the instance.
    pub fn bind(&self, definition: Definition, module: &LoadedModule) -> Result<Arc<WasmFunction>> {
        self.bind_until(definition, module, &Cancellation::default())
    }

    /// As [`bind`](Self::bind); `cancellation` ends the start function of the module.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind), and [`Error::Cancelled`].
    pub fn bind_until(
        &self,
        definition: Definition,
        module: &LoadedModule,
        cancellation: &Cancellation,
    ) -> Result<Arc<WasmFunction>> {
        let keeps_state = self.keeps_state(&definition);
        let is_shared = definition.volatility != Volatility::Volatile && !keeps_state;
        let hash = self.hasher.hash_one(&definition);
        let is_equal = |bound: &Arc<WasmFunction>| *bound.definition() == definition;
        if is_shared && let Some(bound) = lookup(&self.functions, &hash).filter(is_equal) {
            return Ok(bound);
        }
        let bound = Arc::new(self.bind_new(definition, module, is_shared, cancellation)?);
        if !is_shared {
            return Ok(bound);
        }
        let inserted = insert(&self.functions, hash, Arc::clone(&bound));
        // A function of another definition may have the same hash.
        Ok(match inserted.definition() == bound.definition() {
            true => inserted,
            false => bound,
        })
    }

    fn bind_new(
        &self,
        definition: Definition,
        module: &LoadedModule,
        is_shared: bool,
        cancellation: &Cancellation,
    ) -> Result<WasmFunction> {
        let subject = Subject::Function(definition.name.clone());
        let span = tracing::info_span!("bind", function = definition.name);
        let _entered = span.enter();
        if definition.digest != module.digest() {
            return Err(Error::Internal(format!("{subject} is of another module")));
        }
        if !definition.limits.are_in_range() {
            let reason = "a limit is out of the range that `Limits` documents";
            return Err(Error::Config(reason));
        }
        check_signature(&definition).map_err(|reason| Error::refused(subject.clone(), reason))?;
        let fault = |fault| Error::module(&subject, fault);
        let limits = definition.limits;
        let driven = with_driver(module, &definition).map_err(fault)?;
        let module = driven.as_deref().unwrap_or(module);
        let inspection = module.inspection();
        let operations =
            inspection.operations(definition.kind, &definition.symbol, limits.memory_bytes_max);
        let exported = operations.as_deref().unwrap_or_default();
        let exports = exported.iter().map(|(_, export)| export.as_str());
        check_inputs(module, exports).map_err(fault)?;
        let may_run_long = inspection.has_start() || has_growing_state(&definition);
        let variant = variant(limits.into(), exported, may_run_long);
        // A module that cannot be compiled is reported first.
        let compiled = self.modules.get(module, variant).map_err(fault)?;
        let operations = operations.map_err(fault)?;
        let (operations, exports): (Vec<_>, Vec<_>) = operations.into_iter().unzip();
        let pool = self.pool(
            &definition,
            module,
            &compiled,
            exports,
            is_shared,
            cancellation,
        )?;
        if definition.reuse == Reuse::Always
            && !has_independent_rows(&definition, pool.meters_rows())
        {
            let reason = "is of a module that begins no rows, so that they share fuel";
            return Err(Error::refused(subject, StatementError::Reuse { reason }));
        }
        Ok(WasmFunction::new(Binding {
            recorder: self.metrics.recorder(&definition),
            definition,
            compiled,
            operations,
            pool,
        }))
    }

    /// Returns the pool of a function, which may be that of an equal one.
    fn pool(
        &self,
        definition: &Definition,
        module: &LoadedModule,
        compiled: &CompiledModule,
        exports: Vec<String>,
        is_shared: bool,
        cancellation: &Cancellation,
    ) -> Result<Arc<Pool>> {
        let limits = definition.limits;
        let key = is_shared.then(|| PoolKey {
            // That of the driver too, which depends on the signature.
            digest: module.digest(),
            kind: definition.kind,
            symbol: definition.symbol.clone(),
            limits,
            driver: module.driver(),
        });
        if let Some(pool) = key.as_ref().and_then(|key| lookup(&self.pools, key)) {
            return Ok(pool);
        }
        let pool = Pool::new(
            Arc::clone(compiled.code()),
            compiled.exports(exports, module.driver()),
            limits,
            self.keeps_state(definition),
            &self.idle,
        );
        pool.warm(limits.into(), cancellation)
            .map_err(|error| instantiation(&definition.name, error))?;
        Ok(match key {
            Some(key) => insert(&self.pools, key, Arc::new(pool)),
            None => Arc::new(pool),
        })
    }

    /// Returns true if instances of a scalar function keep state between calls.
    fn keeps_state(&self, definition: &Definition) -> bool {
        definition.kind == Kind::Scalar
            && (self.options.disabled_protections.reset() || !is_repeatable(definition))
    }

    /// Runs `work` on a compile thread, and returns its result when awaited. Dropping the
    /// future cancels work that has not started; the result of other work is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if the work panicked.
    pub fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        self.threads.run(work)
    }

    /// Returns the number of modules compiled so far.
    pub fn compilations(&self) -> u64 {
        self.modules.compilations()
    }

    /// Returns the idle instances of all functions together.
    pub fn idle_metrics(&self) -> IdleMetrics {
        self.idle.metrics()
    }

    /// Takes the metrics of each function since the last call, in the order in which they
    /// were created; empty without [`RuntimeOptions::metrics`].
    pub fn take_metrics(&self) -> Vec<FunctionMetrics> {
        self.metrics.take()
    }

    /// Takes the backtraces sampled since the last call; empty without
    /// [`RuntimeOptions::profile`].
    pub fn take_profile(&self) -> Profile {
        self.modules.take_profile()
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Chooses the variant of the code: polled if a single call of the guest may run for long.
fn variant(budget: Budget, operations: &[(Operation, String)], may_run_long: bool) -> Variant {
    // The rows of a partition share their fuel.
    let is_whole = |(operation, _): &(Operation, String)| *operation == Operation::Partition;
    match budget.needs_polling() || may_run_long || operations.iter().any(is_whole) {
        true => Variant::Polled,
        false => Variant::Unpolled,
    }
}

/// Looks up a value that is still in use.
fn lookup<K: Eq + Hash, V>(map: &Mutex<HashMap<K, Weak<V>>>, key: &K) -> Option<Arc<V>> {
    let map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.get(key)?.upgrade()
}

/// Inserts a value, unless one is in use already, and returns the one to use.
fn insert<K: Eq + Hash, V>(map: &Mutex<HashMap<K, Weak<V>>>, key: K, value: Arc<V>) -> Arc<V> {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = map.get(&key).and_then(Weak::upgrade) {
        return found;
    }
    // Swept when no free slot is left, so that insertion takes constant time on average and
    // at most as many dead keys are kept as there were live ones.
    if map.len() == map.capacity() {
        map.retain(|_, value| value.strong_count() > 0);
        let live = map.len();
        map.shrink_to(2 * live + 8);
    }
    map.insert(key, Arc::downgrade(&value));
    value
}

/// Makes an error of the first instantiation.
fn instantiation(function: &str, error: CallError) -> Error {
    let refused = |limit| Error::Limit {
        function: function.to_owned(),
        limit,
        created_with: None,
    };
    let cause = match error {
        CallError::Cancelled => return Error::Cancelled,
        CallError::System(cause) => return refused(LimitExceeded::System { cause }),
        CallError::AddressSpace(cause) => return refused(LimitExceeded::AddressSpace { cause }),
        CallError::Instantiate(cause) => cause,
        CallError::Trap { trap, .. } => trap.to_string(),
        CallError::InitFuel => "it runs out of fuel (fuel_init)".to_owned(),
        CallError::Stack { .. } => "its start overflows the stack (stack)".to_owned(),
        CallError::Memory { .. } => "its start runs out of memory (memory)".to_owned(),
        other => format!("{other:?}"),
    };
    let subject = Subject::Function(function.to_owned());
    Error::module(&subject, ModuleError::Instantiate(cause))
}
