//! The limits that stop a function, and how they are printed.

use std::fmt;

use super::AtRow;

/// The limit that stopped a function. Reads on from the function's name.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum Exhausted {
    #[error("ran out of fuel at row {row} (fuel_per_row = {fuel_per_row})")]
    Fuel { row: u64, fuel_per_row: u64 },
    #[error("ran out of fuel outside its rows (fuel_per_call = {fuel_per_call})")]
    FuelOfCall { fuel_per_call: u64 },
    #[error(
        "ran out of fuel in a batch of {rows} row{} (fuel_per_row = {fuel_per_row}, fuel_per_call = {fuel_per_call})",
        if *rows == 1 { "" } else { "s" }
    )]
    FuelOfBatch {
        rows: u64,
        fuel_per_row: u64,
        fuel_per_call: u64,
    },
    #[error("ran out of memory{} (memory = {})", AtRow(*row), Size(*memory_bytes_max))]
    Memory {
        row: Option<u64>,
        memory_bytes_max: u64,
    },
    #[error(
        "ran out of memory: row {row} needs {bytes} bytes for its arguments (memory = {})",
        Size(*memory_bytes_max)
    )]
    Arguments {
        row: u64,
        bytes: u64,
        memory_bytes_max: u64,
    },
    #[error(
        "ran out of memory: {rows} rows that go together need {bytes} bytes for their arguments (memory = {})",
        Size(*memory_bytes_max)
    )]
    ArgumentsTogether {
        rows: u64,
        bytes: u64,
        memory_bytes_max: u64,
    },
    #[error("overflowed its stack{} (stack = {})", AtRow(*row), Size(*stack_bytes_max))]
    Stack {
        row: Option<u64>,
        stack_bytes_max: u64,
    },
    #[error(
        "returned a result of {bytes} bytes at row {row} (result_bytes = {})",
        Size(*result_bytes_max)
    )]
    Result {
        row: u64,
        bytes: u64,
        result_bytes_max: u64,
    },
    #[error("has {instances_max} instances at work already (instances = {instances_max})")]
    Instances { instances_max: u64 },
    #[error("cannot start: the process has {instances_max} instances at work, which is its limit")]
    ProcessInstances { instances_max: u64 },
    #[error("needs {bytes} bytes of memory more than the query's memory pool gives")]
    MemoryPool { bytes: u64 },
    #[error("was refused memory by the machine: {cause}")]
    Machine { cause: String },
}

/// Prints bytes as the option of a limit states them: `64MB`.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GB", 30), ("MB", 20), ("kB", 10)];
        let unit = units
            .iter()
            .find(|(_, shift)| self.0.is_multiple_of(1 << shift));
        let (unit, shift) = unit.unwrap_or(&("B", 0));
        write!(f, "{}{unit}", self.0 >> shift)
    }
}
