//! Twins of functions that DataFusion has built in.
//!
//! Each does what its original in `datafusion-functions` 55.2 does, and fails
//! with its words, so that DataFusion's own tests can be run against it. A name
//! has a function here for each type that the original tells apart, with one
//! left out: decimals of 256 bits, which `DECIMAL(*)` does not take.
#![forbid(unsafe_code)]

// Text, in characters.
pub mod text;

// Numbers without an overflow that goes unseen.
pub mod number;
