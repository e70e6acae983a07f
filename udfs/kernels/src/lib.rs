//! The functions that the benches measure.
//!
//! Small functions are marked `#[inline]`, so that a native twin in another
//! crate inlines them into its loop, as the module does. `benches/peers`
//! compiles some of the files without the SDK: they use nothing of it but the
//! attribute.
#![forbid(unsafe_code)]

// Functions that need only the standard library.
mod plain;

// Decimals, dates and lists.
mod types;

// A regular expression, JSON and a hash, by popular crates.
mod crates;

// The price of a call option.
mod finance;

pub use crates::{is_us_registration, json_get, sha256_hex};
pub use finance::black_scholes;
pub use plain::{add, dispatch, fibonacci, fnv1a, gcd, polynomial, upper, vector_sum};
pub use types::{dot, dot_product, iso_week, with_vat};
