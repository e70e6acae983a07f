//! Runtime of WebAssembly functions over Arrow columns, without a query engine.
//!
//! A [`Runtime`] binds a [`Definition`] to a [`LoadedModule`]; the [`WasmFunction`] takes
//! Arrow columns and returns one:
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{ArrayRef, Int64Array, RecordBatch};
//! use fusebox_runtime::{LoadedModule, Runtime, RuntimeOptions, Scope};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::new(RuntimeOptions::default())?;
//! let wat = br#"(module (func (export "halve") (param i64) (result i64)
//!     (i64.ctz (local.get 0))))"#;
//! let module = LoadedModule::new(wat, 1 << 20)?;
//! let statement = "CREATE FUNCTION halve(value BIGINT) RETURNS BIGINT LANGUAGE WASM";
//! let definition = module.define(statement)?;
//! let halve = runtime.bind(definition, &module)?;
//!
//! let column: ArrayRef = Arc::new(Int64Array::from(vec![12, 3]));
//! let batch = RecordBatch::try_from_iter([("x", column)])?;
//! let halves = halve.call_batch(&batch, &Scope::default())?;
//! assert_eq!(&*halves, &Int64Array::from(vec![2, 0]));
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! A file imports only files below it in this list.
#![forbid(unsafe_code)]

// Compiled modules, pools and metrics of a process.
mod runtime;

// Threads that compile.
mod compile_threads;

// Functions and their calls.
mod function;

// Modules: load, inspect, instrument, compile.
mod module;

// Cancellation, memory accounting and calibration of an execution.
mod scope;

// Answers that are kept for equal rows.
mod reuse;

// Instances, limits, pools.
mod sandbox;

// Time, fuel and bytes of calls; profiles.
mod metrics;

// Switches of benches.
mod protections;

// Failed rows, messages of guests, and statistics.
mod notices;

// Errors, grouped by who can fix them.
mod error;

pub use error::{Error, LimitExceeded, Result, Trap, TrapKind};
pub use function::{
    Accounting, AccumulatorMemory, ArgumentColumn, StateCache, StateCall, StateId, StatePlace,
    StatefulInstance, WasmFunction, accepts, result_type, value_type,
};
pub use fusebox_abi::ABI_VERSION;
pub use fusebox_definition::{
    self as definition, Argument, Definition, Digest, FileAccessError, Kind, Limits, ModuleError,
    ModuleSource, NullHandling, ParseDigestError, Reset, Reuse, Signature, StatementError, Subject,
    Volatility,
};
pub use fusebox_instrument::{CompileBudget, WEIGHTS_VERSION};
pub use fusebox_linker::wasi::Grants;
pub use fusebox_marshal::AbiViolation;
pub use metrics::{FunctionMetrics, Hot, Profile, Sample};
pub use module::{LoadedModule, ModuleReport, Operation, PlainExport};
pub use notices::{
    FailedRows, Failures, FunctionStatistics, GuestMessage, GuestMessages, Notices,
    StatisticsRegistry,
};
pub use protections::DisabledProtections;
pub use runtime::{Runtime, RuntimeOptions};
pub use sandbox::{
    Cancellation, CompileHelper, IdleLimits, IdleMetrics, MemoryReservation, ProcessLimits,
    run_compile_helper,
};
pub use scope::{MemoryBroker, Scope, UnlimitedMemory};
