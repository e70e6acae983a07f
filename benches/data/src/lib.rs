//! Deterministic arguments of the measured functions, and checksums of results.
//!
//! Arguments are plain vectors, without a dependency on Arrow: every subject builds
//! the same columns with its own version of Arrow.
#![forbid(unsafe_code)]

// Arguments by function.
mod functions;

// Realistic texts.
mod texts;

// Pseudorandom numbers.
mod numbers;

// Columns of arguments.
mod columns;

// Checksums of results.
mod checksum;

pub use checksum::{Checksum, ResultValue};
pub use columns::{ArgumentColumn, DIMENSIONS, FunctionArguments};
pub use functions::arguments;
pub use numbers::random;
