//! Random Arrow types and columns for property tests.
//!
//! - [`data_type`] is a proptest strategy of types of any nesting, and
//!   [`column()`] one of columns of such types, sliced out of longer ones.
//! - [`random_array`] makes a column of a given type from a seed.
//! - [`other_encoding`] chooses another type for the same values, and
//!   [`show_rows`] prints values independently of their encoding, so that
//!   columns of both types can be compared.
//! - [`CostlyKind`] makes modules that are costly to compile.
//! - [`check_cases`] runs a property over the same cases in every run.
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

pub use cases::check_cases;
pub use columns::{column, random_array};
pub use costly_modules::CostlyKind;
pub use encodings::other_encoding;
pub use random::SplitMix64;
pub use show::{show_row, show_rows};
pub use types::{TypeOptions, data_type};
