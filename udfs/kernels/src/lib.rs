//! Functions that the benches measure.
//!
//! What is small is marked `#[inline]`, so that a native twin in another crate
//! has it in its loop, as the module has. Of the files, `benches/peers` takes
//! some without the SDK: they use nothing of it but the attribute.
#![forbid(unsafe_code)]

// What needs nothing but Rust.
mod plain;

// Decimals, dates and lists.
mod types;

// A regular expression, JSON and a hash, by crates that many use.
mod crates;

// What a call option is worth.
mod finance;

pub use crates::{is_us_registration, json_get, sha256_hex};
pub use finance::black_scholes;
pub use plain::{add, dispatch, fibonacci, fnv1a, gcd, polynomial, upper, vector_sum};
pub use types::{dot, dot_product, iso_week, with_vat};
