//! The machine: what code may do, how it is compiled, once for all modules.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use super::guard::Guard;
use super::sampler::{FRAMES_MAX, Sampler};
use crate::definition::Limits;
use crate::error::{Error, Result};

/// A configured Wasmtime engine. Clones share it.
#[derive(Clone)]
pub(crate) struct Machine {
    engine: wasmtime::Engine,
    /// The same, but that it inlines nothing.
    modest: wasmtime::Engine,
    sampler: Option<Arc<Sampler>>,
}

/// The most functions of a module whose functions are inlined into each other.
/// Compiling takes a time that grows with the length of a chain of calls.
const INLINED_FUNCTIONS_MAX: usize = 1_000;

/// How many bytes of the host's stack a guest may use: half of what a thread
/// has by default, and at least twice what the guest's own count of its frames
/// allows, so that the count is what stops a recursion, on every machine in the
/// same place.
const HOST_STACK_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(HOST_STACK_BYTES_MAX as u64 >= 2 * Limits::WIDEST.stack_bytes_max);

impl Machine {
    /// Starts a machine; with `cache`, compiled modules are kept in the user's
    /// cache directory and shared by every process of this user. With `sampled`,
    /// what guests do is looked at so often.
    pub(crate) fn new(cache: bool, sampled: Option<Duration>) -> Result<Self> {
        let mut config = wasmtime::Config::new();
        config
            .max_wasm_stack(HOST_STACK_BYTES_MAX)
            .compiler_inlining(wasmtime::Inlining::Yes)
            .cranelift_opt_level(wasmtime::OptLevel::Speed)
            .wasm_relaxed_simd(false)
            .wasm_multi_memory(false)
            .wasm_memory64(false)
            .wasm_wide_arithmetic(true);
        if sampled.is_some() {
            // What is inlined cannot be told from its caller.
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
        let modest = wasmtime::Engine::new(&config).map_err(internal)?;
        let sampler = sampled.map(|interval| Sampler::start(interval, [&engine, &modest]));
        let sampler = sampler
            .transpose()
            .map_err(|_| Error::Config("the machine refuses a thread for the profile"))?;
        Ok(Self {
            engine,
            modest,
            sampler,
        })
    }

    /// Who looks at what guests do.
    pub(crate) fn sampler(&self) -> Option<&Arc<Sampler>> {
        self.sampler.as_ref()
    }

    /// Compiles a module that was instrumented, of so many functions.
    pub(crate) fn compile(
        &self,
        bytes: &[u8],
        functions: usize,
    ) -> Result<Arc<wasmtime::InstancePre<Guard>>, String> {
        let engine = match functions {
            ..=INLINED_FUNCTIONS_MAX => &self.engine,
            _ => &self.modest,
        };
        let compile = || {
            let module = wasmtime::Module::new(engine, bytes)?;
            // The instrumentation has replaced what was imported.
            wasmtime::Linker::new(engine).instantiate_pre(&module)
        };
        compile()
            .map(Arc::new)
            .map_err(|error| format!("{error:#}"))
    }
}

pub(super) fn internal(error: wasmtime::Error) -> Error {
    Error::Internal(format!("{error:#}"))
}
