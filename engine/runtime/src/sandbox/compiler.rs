//! Wasmtime engines: compilation, caching.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::compile_helper::{CompileHelper, cache as private_cache};
use super::engine_settings::EngineSettings;
use super::sampler::Sampler;
use super::store_limiter::StoreLimiter;
use super::watchdog::Watchdog;
use crate::error::{Error, Result};

/// Compiler of instrumented modules. Clones share it.
#[derive(Clone)]
pub(crate) struct Compiler {
    engine: wasmtime::Engine,
    /// The same without inlining.
    without_inlining: wasmtime::Engine,
    helper: Option<Arc<Helper>>,
    /// Cache of the user, if modules are kept there.
    cache_of_user: Option<wasmtime::Cache>,
    sampler: Option<Arc<Sampler>>,
    /// Started with the first polled module.
    watchdog: Arc<Mutex<Option<Arc<Watchdog>>>>,
}

impl Compiler {
    /// Creates a compiler. With `cache`, compiled modules are kept in the user's cache
    /// directory, shared by all processes of the user. With `sampling`, guest
    /// backtraces are sampled at that interval. With `helper`, modules are compiled by it.
    pub(crate) fn new(
        cache: bool,
        sampling: Option<Duration>,
        helper: Option<CompileHelper>,
    ) -> Result<Self> {
        let is_of_user = cache;
        let (cache, helper) = open_cache(is_of_user, helper)?;
        let settings = |is_inlined| EngineSettings {
            is_inlined,
            is_sampled: sampling.is_some(),
        };
        let engine = |is_inlined| {
            let mut config = settings(is_inlined).config();
            config.cache(cache.clone());
            wasmtime::Engine::new(&config).map_err(internal)
        };
        let (engine, without_inlining) = (engine(true)?, engine(false)?);
        let sampler =
            sampling.map(|interval| Sampler::start(interval, [&engine, &without_inlining]));
        let sampler = sampler
            .transpose()
            .map_err(|_| Error::Config("the sampling thread cannot be started"))?;
        Ok(Self {
            engine,
            without_inlining,
            helper: helper.map(Arc::new),
            cache_of_user: cache.filter(|_| is_of_user),
            sampler,
            watchdog: Arc::default(),
        })
    }

    /// Returns the directory of instrumented modules that are kept: the one beside that of
    /// Wasmtime's cache, to which the same rights are needed. Wasmtime removes files that are
    /// not its own from the latter.
    pub(crate) fn instrumented_directory(&self) -> Option<PathBuf> {
        let cache = self.cache_of_user.as_ref()?;
        Some(cache.directory().with_file_name("fusebox-instrumented"))
    }

    /// Returns the watchdog of polled modules.
    ///
    /// # Errors
    ///
    /// A message if its thread cannot be started.
    pub(crate) fn watchdog(&self) -> Result<Arc<Watchdog>, String> {
        let mut watchdog = self.watchdog.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watchdog) = &*watchdog {
            return Ok(Arc::clone(watchdog));
        }
        let started = Watchdog::start(&self.engine).map_err(|error| format!("{error:#}"))?;
        Ok(Arc::clone(watchdog.insert(Arc::new(started))))
    }

    /// Returns the sampling profiler, if there is one.
    pub(crate) fn sampler(&self) -> Option<&Arc<Sampler>> {
        self.sampler.as_ref()
    }

    /// Compiles an instrumented module, with or without inlining.
    pub(crate) fn compile(
        &self,
        bytes: &[u8],
        is_inlined: bool,
    ) -> Result<Arc<wasmtime::InstancePre<StoreLimiter>>, String> {
        let engine = match is_inlined {
            true => &self.engine,
            false => &self.without_inlining,
        };
        let helper = self.helper.as_deref();
        let misses = || helper.map(|helper| helper.cache.cache_misses());
        let misses_before = misses();
        if let Some(Helper { helper, cache, .. }) = helper {
            let settings = EngineSettings {
                is_inlined,
                is_sampled: self.sampler.is_some(),
            };
            // The code is loaded from the cache below.
            helper.compile(cache.directory(), settings, bytes)?;
        }
        let compile = || {
            let module = wasmtime::Module::new(engine, bytes)?;
            // The instrumentation has replaced all imports.
            wasmtime::Linker::new(engine).instantiate_pre(&module)
        };
        let compiled = compile();
        if misses() != misses_before {
            // Within the limits all the same: the helper has compiled it.
            tracing::warn!("a module was compiled again, because the helper's code was not found");
        }
        compiled.map(Arc::new).map_err(|error| format!("{error:#}"))
    }
}

/// Compile helper and the cache that it writes.
struct Helper {
    helper: CompileHelper,
    cache: wasmtime::Cache,
    /// Removed when dropped.
    _directory: Option<TempDir>,
}

/// Opens the cache of the user, or one in a private directory for a helper.
fn open_cache(
    of_user: bool,
    helper: Option<CompileHelper>,
) -> Result<(Option<wasmtime::Cache>, Option<Helper>)> {
    let failed = |_| Error::Config("the cache of compiled modules cannot be set up");
    let (cache, directory) = match (of_user, &helper) {
        (true, _) => (wasmtime::Cache::from_file(None).map_err(failed)?, None),
        (false, Some(_)) => {
            let directory = tempfile::Builder::new().prefix("fusebox-").tempdir();
            let directory = directory.map_err(|error| failed(error.into()))?;
            (
                private_cache(directory.path()).map_err(failed)?,
                Some(directory),
            )
        }
        (false, None) => return Ok((None, None)),
    };
    let helper = helper.map(|helper| Helper {
        helper,
        cache: cache.clone(),
        _directory: directory,
    });
    Ok((Some(cache), helper))
}

fn internal(error: wasmtime::Error) -> Error {
    Error::Internal(format!("{error:#}"))
}
