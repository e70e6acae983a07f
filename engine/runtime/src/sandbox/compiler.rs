//! Wasmtime engines: features, code generation, caching.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::native_stack::GUEST_BYTES;
use super::sampler::{FRAMES_MAX, Sampler};
use super::store_limiter::StoreLimiter;
use super::watchdog::Watchdog;
use crate::error::{Error, Result};

/// Compiler of instrumented modules. Clones share it.
#[derive(Clone)]
pub(crate) struct Compiler {
    engine: wasmtime::Engine,
    /// The same without inlining.
    without_inlining: wasmtime::Engine,
    sampler: Option<Arc<Sampler>>,
    /// Started with the first polled module.
    watchdog: Arc<Mutex<Option<Arc<Watchdog>>>>,
}

impl Compiler {
    /// Creates a compiler. With `cache`, compiled modules are kept in the user's cache
    /// directory, shared by all processes of the user. With `sampling`, guest
    /// backtraces are sampled at that interval.
    pub(crate) fn new(cache: bool, sampling: Option<Duration>) -> Result<Self> {
        let mut config = wasmtime::Config::new();
        config
            .async_stack_size(GUEST_BYTES)
            .max_wasm_stack(GUEST_BYTES)
            .compiler_inlining(wasmtime::Inlining::Yes)
            .cranelift_opt_level(wasmtime::OptLevel::Speed)
            .wasm_relaxed_simd(false)
            // An image of the data segments takes a file descriptor of each module, and two
            // more mappings of each instance.
            .memory_init_cow(false)
            // For the flag of polled modules: the inspection refuses guests that use either.
            .wasm_multi_memory(true)
            .wasm_threads(true)
            .shared_memory(true)
            .wasm_memory64(false)
            .wasm_wide_arithmetic(true);
        if sampling.is_some() {
            // Inlined functions have no frame of their own.
            config
                .compiler_inlining(wasmtime::Inlining::No)
                .epoch_interruption(true)
                .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES_MAX));
        }
        if cache {
            let cache = wasmtime::Cache::from_file(None)
                .map_err(|_| Error::Config("the cache of compiled modules cannot be set up"))?;
            config.cache(Some(cache));
        }
        let engine = wasmtime::Engine::new(&config).map_err(internal)?;
        config.compiler_inlining(wasmtime::Inlining::No);
        let without_inlining = wasmtime::Engine::new(&config).map_err(internal)?;
        let sampler =
            sampling.map(|interval| Sampler::start(interval, [&engine, &without_inlining]));
        let sampler = sampler
            .transpose()
            .map_err(|_| Error::Config("the sampling thread cannot be started"))?;
        Ok(Self {
            engine,
            without_inlining,
            sampler,
            watchdog: Arc::default(),
        })
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
        let compile = || {
            let module = wasmtime::Module::new(engine, bytes)?;
            // The instrumentation has replaced all imports.
            wasmtime::Linker::new(engine).instantiate_pre(&module)
        };
        compile()
            .map(Arc::new)
            .map_err(|error| format!("{error:#}"))
    }
}

fn internal(error: wasmtime::Error) -> Error {
    Error::Internal(format!("{error:#}"))
}
