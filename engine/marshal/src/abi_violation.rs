//! ABI rules that a guest can violate.

/// A rule of the ABI that a guest violated.
///
/// The message is a clause with the guest as its subject, to follow a colon.
/// Rows are those of the batch, counted from 0.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum AbiViolation {
    #[error("{len} bytes at {address:#x} lie outside a memory of {memory_len} bytes")]
    OutOfBounds {
        address: u32,
        len: u64,
        memory_len: u64,
    },
    #[error("its arena at {address:#x} is not aligned to 64")]
    Unaligned { address: u32 },
    #[error("it returned the status {0}, expected 0 or 1")]
    Status(u32),
    #[error("it returned {found} rows, expected {expected}")]
    Rows { found: i64, expected: u64 },
    #[error("it returned {found} rows, expected {least} to {most}")]
    RowsBetween { found: i64, least: u64, most: u64 },
    #[error("its result has a negative offset, {0}")]
    Offset(i64),
    #[error("its result has {found} buffers, not {expected}")]
    Buffers { found: i64, expected: i64 },
    #[error("its result has {found} children, not {expected}")]
    Children { found: i64, expected: i64 },
    #[error("its result has a dictionary")]
    Dictionary,
    #[error("its result has {found} rows in a child where {expected} are in use")]
    ChildRows { found: i64, expected: u64 },
    #[error("its result's offsets fall at row {row}")]
    Offsets { row: u64 },
    #[error("its result is not UTF-8 at row {row}")]
    Utf8 { row: u64 },
    #[error("its result is null at row {row}, where its type has no nulls")]
    Null { row: u64 },
    #[error("its result at row {row} is {value}, which is out of the range of {data_type}")]
    OutOfRange {
        row: u64,
        value: String,
        data_type: String,
    },
    #[error("its result has more than {precision} digits at row {row}")]
    Decimal { row: u64, precision: u8 },
    #[error("its result has the type id {id} at row {row}, which its union type does not have")]
    TypeId { row: u64, id: i8 },
    #[error("its result's offsets into a child do not rise at row {row}")]
    UnionOffset { row: u64 },
    #[error("its result does not fit its type: {0}")]
    InvalidArray(String),
    #[error("{violation}, in its child `{path}`")]
    Child {
        path: String,
        violation: Box<AbiViolation>,
    },
    #[error("it announced a row out of order or beyond its batch")]
    AnnouncedRow,
    #[error("it failed at row {row} of a batch of {rows}")]
    FailedRow { row: i64, rows: u64 },
}

impl AbiViolation {
    /// Converts a violation in the child `name` into one of its parent, where
    /// `row_of` maps rows of the child to rows of the parent.
    pub(crate) fn in_child(self, name: &str, row_of: impl Fn(u64) -> u64) -> Self {
        let (path, violation) = match self.map_row(row_of) {
            Self::Child { path, violation } => (format!("{name}.{path}"), violation),
            violation => (name.to_owned(), Box::new(violation)),
        };
        Self::Child { path, violation }
    }

    /// Replaces the row of the violation, if it has one, by `row_of` that row.
    ///
    /// A slice of a batch counts its rows from 0; this maps them back to rows of
    /// the batch.
    pub fn map_row(mut self, row_of: impl Fn(u64) -> u64) -> Self {
        if let Some(row) = self.row_mut() {
            *row = row_of(*row);
        }
        self
    }

    fn row_mut(&mut self) -> Option<&mut u64> {
        match self {
            Self::Offsets { row }
            | Self::Utf8 { row }
            | Self::Null { row }
            | Self::OutOfRange { row, .. }
            | Self::Decimal { row, .. }
            | Self::TypeId { row, .. }
            | Self::UnionOffset { row } => Some(row),
            Self::Child { violation, .. } => violation.row_mut(),
            _ => None,
        }
    }
}
