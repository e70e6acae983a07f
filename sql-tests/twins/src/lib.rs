//! Twins of DataFusion's built-in functions: the same functions as Wasm.
//!
//! Each twin has the results and the error messages of the function in
//! `datafusion-functions` 55.2, so that DataFusion's tests can run with it. There is
//! one twin for each type that the built-in function distinguishes, except 256-bit
//! decimals, which `DECIMAL(*)` does not accept.
#![forbid(unsafe_code)]

// Text functions, which count characters.
pub mod text;

// Numeric functions, which check for overflow.
pub mod number;
