//! The arguments of the functions that the benches measure, the same in every
//! run, and checksums of what functions answer.
//!
//! They are plain values, so that whoever is measured makes the same columns of
//! them with the Arrow that it was built with.
#![forbid(unsafe_code)]

// Which function takes which arguments.
mod functions;

// Texts that look like something.
mod texts;

// Numbers that look like chance.
mod numbers;

// One number for all that a function answered.
mod checksum;

pub use checksum::{Checksum, Value};
pub use functions::arguments;
pub use numbers::{places, random};

/// The arguments of a function, without nulls.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Those that differ from row to row.
    pub columns: Vec<Column>,
    /// Texts behind those, the same for every row.
    pub constants: &'static [&'static str],
}

/// A value for each row.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "types")]
pub enum Column {
    Longs(Vec<i64>),
    Doubles(Vec<f64>),
    Texts(Vec<String>),
    Binaries(Vec<Vec<u8>>),
    /// Hundredths of `DECIMAL(12, 2)`.
    Prices(Vec<i128>),
    /// Days since 1970.
    Dates(Vec<i32>),
    /// `DIMENSIONS` numbers for each row, one row after the other.
    Vectors(Vec<f64>),
}

/// How many numbers a vector has.
pub const DIMENSIONS: usize = 16;
