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
    /// Returns the settings of the engine that inlines no functions.
    pub(super) fn without_inlining(self) -> Self {
        Self {
            is_inlined: false,
            ..self
        }
    }

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
            // A frame of a backtrace has the name of its function, and no place in it. The table of
            // places is about as large as the code, and is read, unpacked and kept with it.
            .generate_address_map(false)
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
        // Wasmtime walks frames of guests by their frame pointers. Tables for unwinders of other
        // code are needed on Windows alone.
        if !cfg!(windows) {
            config.native_unwind_info(false);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_has_no_table_of_places() {
        let module = wat::parse_str("(module (func (export \"f\")))").unwrap();
        for is_sampled in [false, true] {
            let settings = EngineSettings {
                is_inlined: true,
                is_sampled,
            };
            let engine = wasmtime::Engine::new(&settings.config()).unwrap();
            let compiled = wasmtime::Module::new(&engine, &module).unwrap();
            assert!(compiled.address_map().is_none());
            let code = compiled.serialize().unwrap();
            let unwinding = b".eh_frame";
            let has_tables = code.windows(unwinding.len()).any(|name| name == unwinding);
            assert!(!has_tables);
        }
    }
}
