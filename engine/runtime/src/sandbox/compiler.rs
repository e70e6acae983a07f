//! Wasmtime engines: features, code generation, caching.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::native_stack::GUEST_BYTES;
use super::sampler::{FRAMES_MAX, Sampler};
use super::store_limiter::StoreLimiter;
use crate::error::{Error, Result};

/// Compiler of instrumented modules. Clones share it.
#[derive(Clone)]
pub(crate) struct Compiler {
    engine: wasmtime::Engine,
    /// The same without inlining.
    without_inlining: wasmtime::Engine,
    sampler: Option<Arc<Sampler>>,
}

/// Maximum functions of a module that is compiled with inlining, whose time grows with
/// the length of call chains.
const INLINED_FUNCTIONS_MAX: usize = 1_000;

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
            .wasm_multi_memory(false)
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
        })
    }

    /// Returns the sampling profiler, if there is one.
    pub(crate) fn sampler(&self) -> Option<&Arc<Sampler>> {
        self.sampler.as_ref()
    }

    /// Compiles an instrumented module of `functions` functions.
    pub(crate) fn compile(
        &self,
        bytes: &[u8],
        functions: usize,
    ) -> Result<Arc<wasmtime::InstancePre<StoreLimiter>>, String> {
        let engine = match functions {
            ..=INLINED_FUNCTIONS_MAX => &self.engine,
            _ => &self.without_inlining,
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
