//! Wasmtime engines: features, code generation, caching.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use fusebox_definition::Limits;

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

/// Native stack of a guest in bytes: half of a thread's default, and at least twice
/// the maximum of the instrumentation's own count. So the count ends a recursion, in
/// the same place on every machine.
const NATIVE_STACK_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(NATIVE_STACK_BYTES_MAX as u64 >= 2 * Limits::MAX.stack_bytes_max);

impl Compiler {
    /// Creates a compiler. With `cache`, compiled modules are kept in the user's cache
    /// directory, shared by all processes of the user. With `sampling`, guest
    /// backtraces are sampled at that interval.
    pub(crate) fn new(cache: bool, sampling: Option<Duration>) -> Result<Self> {
        let mut config = wasmtime::Config::new();
        config
            .max_wasm_stack(NATIVE_STACK_BYTES_MAX)
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
