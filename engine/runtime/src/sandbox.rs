//! Sandbox: instances with linear memories of their own, and their pool.
//!
//! Knows no SQL. A call takes Arrow columns and a [`Budget`] and returns a column
//! or a [`CallError`]; the function that called adds its name and makes an
//! [`Error`](crate::Error) of it.

// Instances of one function.
mod pool;

// Idle instances of all pools.
mod idle;

// Retries, and the sizes of calls.
mod calibration;
mod retry;

// One instance, and its reset.
mod baseline;
mod instance;
mod snapshot;

// Fuel, stack, rows.
mod meter;

// Functions of the host that instances call.
mod host_functions;

// Wasmtime engines and compilation, also in another process.
mod compiler;

mod compile_helper;

mod code_cache;

mod engine_settings;

// Native stacks of guests.
mod native_stack;

// Sampling profiler.
mod sampler;

// Cancellation of running guests.
mod watchdog;

// Exports that instances use.
mod exports;

// Limits of one store, and messages of its guest.
mod store_limiter;

mod call_log;

// Limits of concurrent calls.
mod permits;

// Fuel of calls.
mod budget;

// Errors of calls.
mod call_error;

// Memory accounting and cancellation.
mod cancellation;
mod memory_reservation;

pub(crate) use budget::{Budget, RowMetering};
pub(crate) use calibration::Calibration;
pub(crate) use call_error::CallError;
pub(crate) use call_log::{CallLog, LoggedMessage};
pub use cancellation::Cancellation;
pub use compile_helper::{CompileHelper, run_compile_helper};
pub(crate) use compiler::Compiler;
pub(crate) use exports::{DriverTraits, Exports};
pub(crate) use idle::{IdleInstances, Pin};
pub use idle::{IdleLimits, IdleMetrics};
pub(crate) use instance::{Answer, Call};
pub use memory_reservation::MemoryReservation;
pub(crate) use native_stack::CHAIN_BYTES_MAX;
pub use permits::ProcessLimits;
pub(crate) use pool::{CallSize, Pool, PooledInstance};
pub(crate) use retry::{Attempt, NextStep, Repeat, may_be_of_null, next_step};
pub(crate) use sampler::Sampler;
pub(crate) use store_limiter::StoreLimiter;
pub(crate) use watchdog::Watchdog;
