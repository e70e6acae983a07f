//! Helpers of tests: random Arrow types and columns for property tests, and processes of one test.
//!
//! - [`data_type`] is a proptest strategy of types of any nesting, and
//!   [`column()`] one of columns of such types, sliced out of longer ones.
//! - [`random_array`] makes a column of a given type from a seed.
//! - [`other_encoding`] chooses another type for the same values, and
//!   [`show_rows`] prints values independently of their encoding, so that
//!   columns of both types can be compared.
//! - [`CostlyKind`] makes modules that are costly to compile.
//! - [`check_cases`] runs a property over the same cases in every run.
//! - [`passes_in_own_process`] runs a test in a process of its own, whose
//!   memory [`resident_bytes`] and its neighbours measure.
//!
//! This crate is a development dependency only, and is the same for every crate
//! of the workspace: it depends on nothing but Arrow, proptest and wasm-encoder.
//!
//! ```
//! use fusebox_testing::{TypeOptions, check_cases, data_type};
//!
//! check_cases(100, &data_type(TypeOptions::default()), |data_type| {
//!     let printed = data_type.to_string();
//!     assert!(!printed.is_empty());
//! });
//! ```
#![forbid(unsafe_code)]

// Columns of a type.
mod columns;

// Strategies of types.
mod types;

// Other types for the same values.
mod encodings;

// Values as text, independent of their encoding.
mod show;

// Deterministic pseudorandom numbers.
mod random;

// Modules that are costly to compile.
mod costly_modules;

// Properties over the same cases in every run.
mod cases;

// Tests in a process of their own.
mod own_process;

// Memory of this process.
mod process_memory;

pub use cases::check_cases;
pub use columns::{column, random_array};
pub use costly_modules::CostlyKind;
pub use encodings::other_encoding;
pub use own_process::{TWO_ARENAS, is_own_process, passes_below_ulimit, passes_in_own_process};
pub use process_memory::{mapped_bytes, memory_mappings, peak_resident_bytes, resident_bytes};
pub use random::SplitMix64;
pub use show::{show_row, show_rows};
pub use types::{TypeOptions, data_type};
