//! Limits that stop a function.

use fusebox_definition::Size;

use super::AtRow;

/// Limit that stopped a function. The message continues from the function's name.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum LimitExceeded {
    #[error("ran out of fuel at row {row} (fuel_per_row = {fuel_per_row})")]
    RowFuel { row: u64, fuel_per_row: u64 },
    #[error("ran out of fuel{} in {place} (fuel_per_row = {fuel_per_row})", AtRow(*row))]
    GroupFuel {
        place: String,
        row: Option<u64>,
        fuel_per_row: u64,
    },
    #[error("ran out of fuel outside its rows (fuel_per_call = {fuel_per_call})")]
    CallFuel { fuel_per_call: u64 },
    #[error("ran out of fuel in its initialisation (fuel_init = {fuel_init})")]
    InitFuel { fuel_init: u64 },
    #[error(
        "ran out of fuel in a batch of {rows} row{} (fuel_per_row = {fuel_per_row}, fuel_per_call = {fuel_per_call})",
        if *rows == 1 { "" } else { "s" }
    )]
    BatchFuel {
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
        "ran out of memory{} in {place} (memory = {})",
        AtRow(*row),
        Size(*memory_bytes_max)
    )]
    GroupMemory {
        place: String,
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
        "ran out of memory: {rows} rows of one call need {bytes} bytes for their arguments (memory = {})",
        Size(*memory_bytes_max)
    )]
    BatchArguments {
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
    #[error("has {instances_max} concurrent calls already (instances = {instances_max})")]
    Instances { instances_max: u64 },
    #[error("cannot be called: the process has its maximum of {instances_max} concurrent calls")]
    ProcessInstances { instances_max: u64 },
    #[error("needs {bytes} bytes of memory that the query's memory pool refuses")]
    MemoryPool { bytes: u64 },
    #[error(
        "returned more than {} for one batch (fusebox.batch_bytes), lower datafusion.execution.batch_size or raise fusebox.batch_bytes",
        Size(*batch_bytes_max)
    )]
    BatchBytes { batch_bytes_max: u64 },
    #[error("was refused memory by the operating system: {cause}")]
    System { cause: String },
    #[error(
        "cannot be called: the process has no addresses or memory mappings left for an instance ({cause}); raise `ulimit -v` or `vm.max_map_count`, or lower the number of instances (instances)"
    )]
    AddressSpace { cause: String },
}

impl LimitExceeded {
    /// Returns true for limits that other weights move: those of fuel, and the stack.
    pub(crate) fn depends_on_weights(&self) -> bool {
        matches!(
            self,
            Self::RowFuel { .. }
                | Self::GroupFuel { .. }
                | Self::CallFuel { .. }
                | Self::InitFuel { .. }
                | Self::BatchFuel { .. }
                | Self::Stack { .. }
        )
    }
}
