//! Limits and switches of the pass, permitted Wasm features.

use wasmparser::WasmFeatures;

use crate::compile_budget::CompileBudget;

/// Wasm features that a module may use. All others are refused, among them
/// relaxed SIMD, threads, exceptions, garbage collection, 64-bit memories and
/// stack switching: their results depend on the machine, or fuel does not bound
/// their cost. Wide arithmetic has integer operands only and never traps, so it
/// is deterministic.
pub const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::WIDE_ARITHMETIC);

/// Features of an instrumented module: those of the original, and those that the flag of
/// [`Options::polled`] needs.
pub(crate) const INSTRUMENTED_FEATURES: WasmFeatures = FEATURES
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::THREADS);

/// Limits and switches of [`instrument`](crate::instrument).
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Maximum stack of an acyclic call chain, in bytes. Recursion is limited at
    /// run time, by [`EXPORT_STACK`](crate::EXPORT_STACK).
    pub chain_bytes_max: u64,
    /// Maximum estimated cost of compiling the module.
    pub compile_budget: CompileBudget,
    /// Enables the counters of fuel and stack. A module that is not metered has the
    /// same exports, for measuring the cost of metering.
    pub metered: bool,
    /// Enables canonical NaNs.
    pub canonical_nans: bool,
    /// Enables cancellation while the guest runs, by [`EXPORT_CANCEL`](crate::EXPORT_CANCEL).
    /// Fuel and verdicts are the same with and without.
    pub polled: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chain_bytes_max: 256 << 10,
            compile_budget: CompileBudget::DEFAULT,
            metered: true,
            canonical_nans: true,
            polled: false,
        }
    }
}
