//! Tests of the attributes from outside of the crate.

#[cfg(feature = "arrow")]
mod columns;
mod compile_errors;
mod declared;
mod kinds;
mod testing;
