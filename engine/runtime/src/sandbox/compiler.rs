//! Wasmtime engines: compilation, caching.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::code_cache::{CacheKind, CodeCache, compile_into};
use super::compile_helper::CompileHelper;
use super::engine_settings::EngineSettings;
use super::sampler::Sampler;
use super::store_limiter::StoreLimiter;
use super::watchdog::Watchdog;
use crate::error::{Error, Result};

/// Compiler of instrumented modules. Clones share it.
///
/// Wasmtime keeps the memory of its compilations as long as the engine that compiled: with
/// inlining one context for each function of the largest module, which grows to what the
/// largest function of any module needs. So a module is compiled by an engine of its own, or
/// by a helper, and the engines of this compiler load the code from the cache.
#[derive(Clone)]
pub(crate) struct Compiler {
    engine: wasmtime::Engine,
    /// The same without inlining, made for the first module that needs it.
    without_inlining: Arc<Mutex<Option<wasmtime::Engine>>>,
    helper: Option<Arc<CompileHelper>>,
    /// `None` if no directory can be written.
    code: Option<Arc<CodeCache>>,
    /// True once code was not where it was expected.
    misses_code: Arc<AtomicBool>,
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
        let code = match cache {
            true => Some(CodeCache::of_user()?),
            false => match CodeCache::private() {
                Err(error) if helper.is_some() => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "the memory of compilations is kept");
                    None
                }
                Ok(code) => Some(code),
            },
        };
        let settings = EngineSettings {
            is_inlined: true,
            is_sampled: sampling.is_some(),
        };
        let engine = new_engine(settings, code.as_ref()).map_err(internal)?;
        let (without_inlining, sampler) = match sampling {
            None => (None, None),
            Some(interval) => {
                let settings = settings.without_inlining();
                let other = new_engine(settings, code.as_ref()).map_err(internal)?;
                let sampler = Sampler::start(interval, [&engine, &other]);
                let failed = |_| Error::Config("the sampling thread cannot be started");
                (Some(other), Some(sampler.map_err(failed)?))
            }
        };
        Ok(Self {
            engine,
            without_inlining: Arc::new(Mutex::new(without_inlining)),
            helper: helper.map(Arc::new),
            code: code.map(Arc::new),
            misses_code: Arc::default(),
            sampler,
            watchdog: Arc::default(),
        })
    }

    /// Returns the directory of instrumented modules that are kept: the one beside that of
    /// Wasmtime's cache, to which the same rights are needed. Wasmtime removes files that are
    /// not its own from the latter.
    pub(crate) fn instrumented_directory(&self) -> Option<PathBuf> {
        let code = self.code.as_ref();
        let code = code.filter(|code| code.kind() == CacheKind::User)?;
        Some(code.directory().with_file_name("fusebox-instrumented"))
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

    /// Returns the engine of these settings.
    fn engine(&self, settings: EngineSettings) -> wasmtime::Result<wasmtime::Engine> {
        if settings.is_inlined {
            return Ok(self.engine.clone());
        }
        let other = self.without_inlining.lock();
        let mut other = other.unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = &*other {
            return Ok(other.clone());
        }
        let new = new_engine(settings, self.code.as_deref())?;
        Ok(other.insert(new).clone())
    }

    /// Compiles an instrumented module, with or without inlining. `was_cached` says that it was
    /// compiled before, as far as is known.
    pub(crate) fn compile(
        &self,
        bytes: &[u8],
        is_inlined: bool,
        was_cached: bool,
    ) -> Result<Arc<wasmtime::InstancePre<StoreLimiter>>, String> {
        let settings = EngineSettings {
            is_inlined,
            is_sampled: self.sampler.is_some(),
        };
        let engine = self.engine(settings).map_err(message)?;
        let load = || {
            let module = wasmtime::Module::new(&engine, bytes)?;
            // The instrumentation has replaced all imports.
            wasmtime::Linker::new(&engine).instantiate_pre(&module)
        };
        let Some(code) = &self.code else {
            return load().map(Arc::new).map_err(message);
        };
        let _in_use = code.in_use()?;
        let is_expected = was_cached && !self.misses_code.load(Ordering::Relaxed);
        let is_there = match &self.helper {
            Some(helper) => helper.compile(code, settings, bytes).map(|()| true)?,
            None if is_expected => true,
            None => {
                compile_into(code.directory(), code.kind(), settings, bytes).map_err(message)?
            }
        };
        let (loaded, was_found) = code.load(load);
        if !was_found {
            // The cache removes code; a module is compiled apart again from now on.
            self.misses_code.store(is_there, Ordering::Relaxed);
            let directory = code.directory().display();
            tracing::warn!("the memory of a compilation is kept: its code is not in {directory}");
        }
        loaded.map(Arc::new).map_err(message)
    }
}

/// Creates an engine that loads code from a cache.
fn new_engine(
    settings: EngineSettings,
    code: Option<&CodeCache>,
) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = settings.config();
    config.cache(code.map(|code| code.wasmtime().clone()));
    wasmtime::Engine::new(&config)
}

fn message(error: wasmtime::Error) -> String {
    format!("{error:#}")
}

fn internal(error: wasmtime::Error) -> Error {
    Error::Internal(message(error))
}
