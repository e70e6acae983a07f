//! In the place of Fusebox's SDK: its attribute, without effect.
//!
//! Where no SDK of ours has a say, the bundled functions are plain Rust: no
//! exports, no allocator and no metering of ours.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;

/// Leaves a function as it is.
#[proc_macro_attribute]
pub fn udf(_options: TokenStream, function: TokenStream) -> TokenStream {
    function
}
