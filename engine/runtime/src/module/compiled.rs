//! Compiled modules, one for each digest.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use fusebox_definition::{Digest, ModuleError};
use fusebox_instrument::{
    CompileBudget, Error as InstrumentError, Options, RowFuel, insert_safepoints, instrument,
};

use super::loaded::LoadedModule;
use crate::metrics::Profile;
use crate::protections::DisabledProtections;
use crate::sandbox::{Compiler, Exports, Sampler, StoreLimiter};

/// Instrumented and compiled module.
pub(crate) struct CompiledModule {
    /// Fuel rules of each export's rows.
    rows: HashMap<String, RowFuel>,
    /// Number of mutable globals to restore by a reset; `None` if it is impossible.
    globals: Option<usize>,
    code: Arc<wasmtime::InstancePre<StoreLimiter>>,
    sampler: Option<Arc<Sampler>>,
}

impl CompiledModule {
    /// Returns the compiled code.
    pub(crate) fn code(&self) -> &Arc<wasmtime::InstancePre<StoreLimiter>> {
        &self.code
    }

    /// Returns the exports of these names, which the inspection found.
    pub(crate) fn exports(&self, names: impl IntoIterator<Item = String>) -> Exports {
        let operations = names.into_iter().map(|name| {
            let rows = self.rows.get(&name).copied().unwrap_or(RowFuel::Shared);
            (name, rows)
        });
        Exports {
            operations: operations.collect(),
            globals: self.globals,
            sampler: self.sampler.clone(),
        }
    }
}

/// Compiled modules of a runtime, by the digest of their original bytes.
///
/// A digest is compiled once, however many threads ask for it: later ones wait for the
/// first. A module stays while it is in use, and the most recent ones longer.
pub(crate) struct CompiledModules {
    compiler: Compiler,
    budget: CompileBudget,
    disabled: DisabledProtections,
    entries: Mutex<HashMap<Digest, Entry>>,
    recent: Mutex<VecDeque<Arc<CompiledModule>>>,
    compilations: AtomicU64,
}

type Outcome = Result<Arc<CompiledModule>, ModuleError>;

enum Entry {
    InProgress(Arc<OnceLock<Outcome>>),
    Ready(Weak<CompiledModule>),
}

/// Modules that are kept although no function uses them: dropping and creating a
/// function again, or opening the next session, does not compile again.
const RECENT_MAX: usize = 16;

impl CompiledModules {
    pub(crate) fn new(
        compiler: Compiler,
        budget: CompileBudget,
        disabled: DisabledProtections,
    ) -> Self {
        Self {
            compiler,
            budget,
            disabled,
            entries: Mutex::default(),
            recent: Mutex::default(),
            compilations: AtomicU64::new(0),
        }
    }

    /// Returns the compiled form of a module, compiling it if it is not there. Blocks
    /// while it compiles, here or on another thread; no lock is held then.
    pub(crate) fn get(&self, module: &LoadedModule) -> Outcome {
        let digest = module.digest();
        let in_progress = {
            let mut entries = self.entries();
            let found = match entries.get(&digest) {
                Some(Entry::InProgress(cell)) => Some(Arc::clone(cell)),
                Some(Entry::Ready(ready)) => match ready.upgrade() {
                    Some(ready) => return Ok(ready),
                    None => None,
                },
                None => None,
            };
            found.unwrap_or_else(|| {
                let cell = Arc::<OnceLock<Outcome>>::default();
                entries.insert(digest, Entry::InProgress(Arc::clone(&cell)));
                cell
            })
        };
        let outcome = in_progress.get_or_init(|| self.compile(module)).clone();
        self.finish(digest, &in_progress, &outcome);
        outcome
    }

    /// Replaces the entry in progress by its outcome.
    fn finish(&self, digest: Digest, cell: &Arc<OnceLock<Outcome>>, outcome: &Outcome) {
        let mut entries = self.entries();
        let is_ours = |entry: &Entry| matches!(entry, Entry::InProgress(c) if Arc::ptr_eq(c, cell));
        if !entries.get(&digest).is_some_and(is_ours) {
            return;
        }
        entries.retain(|_, entry| match entry {
            Entry::InProgress(_) => true,
            Entry::Ready(ready) => ready.strong_count() > 0,
        });
        match outcome {
            Ok(ready) => {
                entries.insert(digest, Entry::Ready(Arc::downgrade(ready)));
                drop(entries);
                self.keep(Arc::clone(ready));
            }
            // A later attempt may succeed, after memory was released.
            Err(_) => drop(entries.remove(&digest)),
        }
    }

    fn keep(&self, module: Arc<CompiledModule>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_back(module);
        let oldest = (recent.len() > RECENT_MAX).then(|| recent.pop_front());
        drop(recent);
        drop(oldest);
    }

    fn compile(&self, module: &LoadedModule) -> Outcome {
        let span = tracing::info_span!("compile", digest = %module.digest());
        let _entered = span.enter();
        let since = Instant::now();
        self.compilations.fetch_add(1, Ordering::Relaxed);
        let options = Options {
            compile_budget: self.budget,
            metered: !self.disabled.fuel(),
            canonical_nans: !self.disabled.canonical_nans(),
            ..Options::default()
        };
        let instrumented = instrument(module.bytes(), options).map_err(|error| match error {
            InstrumentError::UnknownImport { module, name } => ModuleError::Import { module, name },
            error => ModuleError::Instrument(error.to_string()),
        })?;
        let bytes = match self.compiler.sampler() {
            None => instrumented.module,
            Some(_) => insert_safepoints(&instrumented.module)
                .map_err(|error| ModuleError::Instrument(error.to_string()))?,
        };
        let code = self
            .compiler
            .compile(&bytes, instrumented.is_inlined)
            .map_err(ModuleError::Compile)?;
        tracing::info!(
            bytes = module.bytes().len(),
            elapsed_ms = since.elapsed().as_millis() as u64,
            "compiled a module"
        );
        Ok(Arc::new(CompiledModule {
            rows: instrumented.row_fuel,
            globals: instrumented.mutable_globals,
            code,
            sampler: self.compiler.sampler().cloned(),
        }))
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

    fn entries(&self) -> MutexGuard<'_, HashMap<Digest, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
