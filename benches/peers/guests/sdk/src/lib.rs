//! Replacement of the Fusebox SDK: the attribute `udf` without effect.
//!
//! With it the source of the bundled functions is plain Rust, without exports,
//! allocator or metering.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;

/// Returns the function unchanged.
#[proc_macro_attribute]
pub fn udf(_options: TokenStream, function: TokenStream) -> TokenStream {
    function
}
