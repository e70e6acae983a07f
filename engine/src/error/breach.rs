//! The rules that a guest may not break.

/// The rule that a guest broke. Reads on from "broke the contract".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum Breach {
    #[error("{len} bytes at {address:#x} lie outside a memory of {memory_len} bytes")]
    OutOfBounds {
        address: u32,
        len: u64,
        memory_len: u64,
    },
    #[error("its arena at {address:#x} is not aligned to 64")]
    Unaligned { address: u32 },
    #[error("it returned the status {0}, which means nothing")]
    Status(u32),
    #[error("it returned {found} rows for {expected}")]
    Rows { found: i64, expected: u64 },
    #[error("its result has a negative offset, {0}")]
    Offset(i64),
    #[error("its result has {found} buffers, not {expected}")]
    Buffers { found: i64, expected: i64 },
    #[error("its result has children or a dictionary, which its type has not")]
    Children,
    #[error("its result's offsets fall at row {row}")]
    Offsets { row: u64 },
    #[error("its result is not UTF-8 at row {row}")]
    Utf8 { row: u64 },
    #[error("it announced a row that was not to come")]
    Row,
    #[error("it failed at row {row} of a batch of {rows}")]
    FailedRow { row: i64, rows: u64 },
}
