//! Functions: a definition over a pool of instances, and its calls.

// Calls of scalar functions.
mod scalar;

// Calls that keep state: aggregate, window and table functions.
mod state_cache;
mod stateful;

// Fuel of aggregates whose states grow.
mod state_fuel;

// Memory of accumulators.
mod accumulator_memory;

// One function.
mod wasm_function;

// Result columns made of others.
mod rebuilt;

// Argument columns.
mod arguments;
mod batch_rows;
mod null_filter;

// Signatures.
mod signature_check;
mod signature_match;

pub use accumulator_memory::AccumulatorMemory;
pub use arguments::ArgumentColumn;
pub(crate) use signature_check::check_signature;
pub use signature_match::{accepts, result_type, value_type};
pub use state_cache::{StateCache, StateId, StatePlace};
pub(crate) use state_fuel::has_growing_state;
pub use stateful::{Accounting, StateCall, StatefulInstance};
pub use wasm_function::WasmFunction;
pub(crate) use wasm_function::{Binding, has_independent_rows, is_repeatable};

use arrow_schema::ArrowError;

use crate::error::Error;

/// Wraps an error of Arrow's kernels.
fn arrow(error: ArrowError) -> Error {
    Error::Query(Box::new(error))
}
