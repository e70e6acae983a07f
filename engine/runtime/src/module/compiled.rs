//! Compiled modules, one for each digest.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use fusebox_definition::{Digest, ModuleError};
use fusebox_instrument::{
    CompileBudget, Error as InstrumentError, Instrumented, Options, RowFuel, insert_safepoints,
    instrument,
};

use super::instrumented_cache::InstrumentedCache;
use super::loaded::LoadedModule;
use crate::metrics::Profile;
use crate::protections::DisabledProtections;
use crate::sandbox::{
    CHAIN_BYTES_MAX, Compiler, DriverTraits, Exports, Sampler, StoreLimiter, Watchdog,
};

/// Instrumented and compiled module.
pub(crate) struct CompiledModule {
    /// Fuel rules of each export's rows.
    rows: HashMap<String, RowFuel>,
    /// Number of mutable globals to restore by a reset; `None` if it is impossible.
    globals: Option<usize>,
    code: Arc<wasmtime::InstancePre<StoreLimiter>>,
    /// Size of the code in bytes.
    code_bytes: usize,
    sampler: Option<Arc<Sampler>>,
    is_metered: bool,
    /// Cancels running calls of a polled module.
    watchdog: Option<Arc<Watchdog>>,
}

/// Variant of a module's code. Both have the same results and verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Variant {
    /// Ended by its fuel alone.
    Unpolled,
    /// Also checks for cancellation while it runs, which costs some percent.
    Polled,
}

impl CompiledModule {
    /// Returns the compiled code.
    pub(crate) fn code(&self) -> &Arc<wasmtime::InstancePre<StoreLimiter>> {
        &self.code
    }

    /// Returns the exports of these names, which the inspection found.
    pub(crate) fn exports(
        &self,
        names: impl IntoIterator<Item = String>,
        driver: DriverTraits,
    ) -> Exports {
        let operations = names.into_iter().map(|name| {
            let rows = self.rows.get(&name).copied().unwrap_or(RowFuel::Shared);
            (name, rows)
        });
        Exports {
            operations: operations.collect(),
            globals: self.globals,
            sampler: self.sampler.clone(),
            watchdog: self.watchdog.clone(),
            is_metered: self.is_metered,
            driver,
        }
    }
}

/// Compiled modules of a runtime, by the digest of their original bytes and the variant.
///
/// Each is compiled once, however many threads ask for it: later ones wait for the
/// first. A module stays while it is in use, and the most recent ones longer. The number
/// of modules is bounded, because the operating system bounds the mappings of their code.
pub(crate) struct CompiledModules {
    compiler: Compiler,
    instrumented: Option<InstrumentedCache>,
    budget: CompileBudget,
    disabled: DisabledProtections,
    entries: Mutex<Entries>,
    recent: Mutex<VecDeque<Arc<CompiledModule>>>,
    modules_max: usize,
    code_bytes_max: usize,
    compilations: AtomicU64,
}

type Key = (Digest, Variant);

type Entries = HashMap<Key, Entry>;

type Outcome = Result<Arc<CompiledModule>, ModuleError>;

enum Entry {
    InProgress(Arc<OnceLock<Outcome>>),
    Ready {
        module: Weak<CompiledModule>,
        code_bytes: usize,
    },
}

impl Entry {
    /// Returns true if the module is in use, or is being compiled.
    fn is_live(&self) -> bool {
        match self {
            Self::InProgress(_) => true,
            Self::Ready { module, .. } => module.strong_count() > 0,
        }
    }
}

/// Module that was asked for.
enum Found {
    InProgress(Arc<OnceLock<Outcome>>),
    Ready(Arc<CompiledModule>),
}

/// Finds a module that is in use, or is being compiled.
fn find(entries: &Entries, key: Key) -> Option<Found> {
    match entries.get(&key)? {
        Entry::InProgress(cell) => Some(Found::InProgress(Arc::clone(cell))),
        Entry::Ready { module, .. } => module.upgrade().map(Found::Ready),
    }
}

/// Returns the bytes of the code of all modules in use. Upgrades none of them: the last owner
/// would unmap its code, under the lock of the entries.
fn code_bytes(entries: &Entries) -> usize {
    let live = entries.values().filter(|entry| entry.is_live());
    let bytes = live.map(|entry| match entry {
        Entry::InProgress(_) => 0,
        Entry::Ready { code_bytes, .. } => *code_bytes,
    });
    bytes.sum()
}

/// Modules that are kept although no function uses them: dropping and creating a
/// function again, or opening the next session, does not compile again.
const RECENT_MAX: usize = 16;

/// Reason for a module on which the compiler panicked.
const PANIC: &str = "the compiler panicked; please report the module";

/// Maximum code of the recent modules in bytes, the most recent one apart.
const RECENT_CODE_BYTES_MAX: usize = 64 << 20;

impl CompiledModules {
    pub(crate) fn new(
        compiler: Compiler,
        budget: CompileBudget,
        disabled: DisabledProtections,
        modules_max: usize,
        code_bytes_max: usize,
    ) -> Self {
        Self {
            instrumented: compiler
                .instrumented_directory()
                .map(InstrumentedCache::new),
            compiler,
            budget,
            disabled,
            entries: Mutex::default(),
            recent: Mutex::default(),
            modules_max,
            code_bytes_max,
            compilations: AtomicU64::new(0),
        }
    }

    /// Returns the compiled form of a module, compiling it if it is not there. Blocks
    /// while it compiles, here or on another thread; no lock is held then.
    pub(crate) fn get(&self, module: &LoadedModule, variant: Variant) -> Outcome {
        let key = (module.digest(), variant);
        let found = find(&self.entries(), key);
        let found = match found {
            Some(found) => found,
            None => self.begin(key)?,
        };
        let in_progress = match found {
            Found::Ready(ready) => return Ok(ready),
            Found::InProgress(cell) => cell,
        };
        let compile = || {
            // A compiler that panics fails this module alone.
            let compiled = catch_unwind(AssertUnwindSafe(|| self.compile(module, variant)));
            let panicked = |_| Err(ModuleError::Compile(PANIC.to_owned()));
            self.finish(key, compiled.unwrap_or_else(panicked))
        };
        in_progress.get_or_init(compile).clone()
    }

    /// Begins the compilation of a module, unless another thread does.
    fn begin(&self, key: Key) -> Result<Found, ModuleError> {
        self.make_room(|entries| self.check_room(entries));
        let mut entries = self.entries();
        if let Some(found) = find(&entries, key) {
            return Ok(found);
        }
        self.check_room(&entries)?;
        let cell = Arc::<OnceLock<Outcome>>::default();
        entries.insert(key, Entry::InProgress(Arc::clone(&cell)));
        Ok(Found::InProgress(cell))
    }

    /// Replaces the entry in progress by its outcome: an error if compilations that ended in the
    /// meantime have taken the room.
    fn finish(&self, key: Key, outcome: Outcome) -> Outcome {
        // Declared before the guard, so that a module that is refused is dropped after it.
        let ready = match outcome {
            Ok(ready) => ready,
            // A later attempt may succeed, after memory was released.
            Err(error) => {
                self.entries().remove(&key);
                return Err(error);
            }
        };
        self.make_room(|entries| self.check_code(entries));
        let mut entries = self.entries();
        entries.remove(&key);
        self.check_code(&entries)?;
        entries.retain(|_, entry| entry.is_live());
        let entry = Entry::Ready {
            module: Arc::downgrade(&ready),
            code_bytes: ready.code_bytes,
        };
        entries.insert(key, entry);
        drop(entries);
        self.keep(Arc::clone(&ready));
        Ok(ready)
    }

    fn keep(&self, module: Arc<CompiledModule>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back(module);
        let mut forgotten = Vec::new();
        let bytes = |recent: &VecDeque<Arc<CompiledModule>>| -> usize {
            recent.iter().map(|module| module.code_bytes).sum()
        };
        while recent.len() > RECENT_MAX
            || recent.len() > 1 && bytes(&recent) > RECENT_CODE_BYTES_MAX
        {
            forgotten.extend(recent.pop_front());
        }
        drop(recent);
        drop(forgotten);
    }

    /// Refuses to compile one more module than there may be.
    fn check_room(&self, entries: &Entries) -> Result<(), ModuleError> {
        if entries.len() >= self.modules_max {
            let modules_max = self.modules_max;
            return Err(ModuleError::TooMany { modules_max });
        }
        self.check_code(entries)
    }

    /// Refuses another module if those in use have as much code as there may be.
    fn check_code(&self, entries: &Entries) -> Result<(), ModuleError> {
        let (bytes, bytes_max) = (code_bytes(entries), self.code_bytes_max);
        match bytes >= bytes_max {
            true => Err(ModuleError::TooMuchCode { bytes, bytes_max }),
            false => Ok(()),
        }
    }

    /// Forgets modules that no function uses, if `check` finds no room.
    fn make_room(&self, check: impl FnOnce(&Entries) -> Result<(), ModuleError>) {
        if check(&self.entries()).is_ok() {
            return;
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten = std::mem::take(&mut *recent);
        drop(recent);
        drop(forgotten);
        self.entries().retain(|_, entry| entry.is_live());
    }

    fn compile(&self, module: &LoadedModule, variant: Variant) -> Outcome {
        let span = tracing::info_span!("compile", digest = %module.digest(), ?variant);
        let _entered = span.enter();
        let since = Instant::now();
        self.compilations.fetch_add(1, Ordering::Relaxed);
        let options = Options {
            compile_budget: self.budget,
            metered: !self.disabled.fuel(),
            canonical_nans: !self.disabled.canonical_nans(),
            polled: variant == Variant::Polled,
            chain_bytes_max: CHAIN_BYTES_MAX,
        };
        let (instrumented, was_cached) = self.instrumented(module, options)?;
        let bytes = match self.compiler.sampler() {
            None => instrumented.module,
            Some(_) => insert_safepoints(&instrumented.module)
                .map_err(|error| ModuleError::Instrument(error.to_string()))?,
        };
        let watchdog = match variant {
            Variant::Unpolled => None,
            Variant::Polled => Some(self.compiler.watchdog().map_err(ModuleError::Compile)?),
        };
        let code = self
            .compiler
            .compile(&bytes, instrumented.is_inlined, was_cached)
            .map_err(ModuleError::Compile)?;
        tracing::info!(
            bytes = module.bytes().len(),
            elapsed_ms = since.elapsed().as_millis() as u64,
            "compiled a module"
        );
        Ok(Arc::new(CompiledModule {
            rows: instrumented.row_fuel,
            globals: instrumented.mutable_globals,
            code_bytes: {
                let code = code.module().image_range();
                code.end as usize - code.start as usize
            },
            code,
            sampler: self.compiler.sampler().cloned(),
            watchdog,
            is_metered: options.metered,
        }))
    }

    /// Returns the instrumented module, and true if it is from the cache.
    fn instrumented(
        &self,
        module: &LoadedModule,
        options: Options,
    ) -> Result<(Instrumented, bool), ModuleError> {
        let digest = module.digest();
        let cache = self.instrumented.as_ref();
        if let Some(found) = cache.and_then(|cache| cache.get(digest, &options)) {
            return Ok((found, true));
        }
        let instrumented = instrument(&module.code()?, options).map_err(|error| match error {
            InstrumentError::UnknownImport { module, name } => ModuleError::Import { module, name },
            error => ModuleError::Instrument(error.to_string()),
        })?;
        if let Some(cache) = cache {
            cache.insert(digest, &options, &instrumented);
        }
        Ok((instrumented, false))
    }

    /// Returns the number of compilations so far.
    pub(crate) fn compilations(&self) -> u64 {
        self.compilations.load(Ordering::Relaxed)
    }

    /// Takes the backtraces sampled since the last call.
    pub(crate) fn take_profile(&self) -> Profile {
        let taken = self.compiler.sampler().map(|sampler| sampler.take());
        taken.unwrap_or_default()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
