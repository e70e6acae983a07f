//! Settings of Wasmtime's engines, which a compile helper has to share.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use super::native_stack::GUEST_BYTES;
use super::sampler::FRAMES_MAX;

/// Settings in which the engines differ. Printed and parsed as two words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EngineSettings {
    /// True to inline functions into their callers.
    pub(super) is_inlined: bool,
    /// True to interrupt guests for samples of their backtraces.
    pub(super) is_sampled: bool,
}

impl EngineSettings {
    /// Returns the configuration, without a cache.
    pub(super) fn config(self) -> wasmtime::Config {
        let mut config = wasmtime::Config::new();
        config
            .async_stack_size(GUEST_BYTES)
            .max_wasm_stack(GUEST_BYTES)
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
            .wasm_wide_arithmetic(true)
            // Inlined functions have no frame of their own in a backtrace.
            .compiler_inlining(match self.is_inlined && !self.is_sampled {
                true => wasmtime::Inlining::Yes,
                false => wasmtime::Inlining::No,
            });
        if self.is_sampled {
            config
                .epoch_interruption(true)
                .wasm_backtrace_max_frames(NonZeroUsize::new(FRAMES_MAX));
        }
        config
    }
}

impl fmt::Display for EngineSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.is_inlined {
            true => "inlined",
            false => "not-inlined",
        })?;
        f.write_str(match self.is_sampled {
            true => ",sampled",
            false => ",not-sampled",
        })
    }
}

/// Text that states no settings.
pub(super) struct ParseSettingsError;

impl FromStr for EngineSettings {
    type Err = ParseSettingsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [(true, true), (true, false), (false, true), (false, false)];
        let mut all = all.map(|(is_inlined, is_sampled)| Self {
            is_inlined,
            is_sampled,
        });
        let found = all.iter_mut().find(|settings| settings.to_string() == text);
        found.copied().ok_or(ParseSettingsError)
    }
}
