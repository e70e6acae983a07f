//! Limits and switches of the pass, permitted Wasm features.

use wasmparser::WasmFeatures;

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

/// Limits and switches of [`instrument`](crate::instrument).
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Maximum stack of an acyclic call chain, in bytes. Recursion is limited at
    /// run time, by [`EXPORT_STACK`](crate::EXPORT_STACK).
    pub chain_bytes_max: u64,
    /// Maximum number of functions that a module defines. Compilers keep data for
    /// each function until all are compiled.
    pub functions_max: usize,
    /// Maximum nesting depth of blocks in a function. Compile time grows with its
    /// square.
    pub nesting_max: usize,
    /// Maximum of the sum, over all functions, of the number of locals times the
    /// number of loops. Compile time grows with it.
    pub locals_times_loops_max: u64,
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
            functions_max: 30_000,
            nesting_max: 1_000,
            locals_times_loops_max: 1_000_000,
            metered: true,
            canonical_nans: true,
            polled: false,
        }
    }
}
