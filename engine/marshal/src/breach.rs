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
    #[error("it did {found} rows, not {least} to {most}")]
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
    #[error("its result has more digits at row {row} than its type, {precision}")]
    Decimal { row: u64, precision: u8 },
    #[error("its result has the type id {id} at row {row}, which its type has not")]
    TypeId { row: u64, id: i8 },
    #[error("its result's offsets into a child do not rise at row {row}")]
    UnionOffset { row: u64 },
    #[error("its result does not fit its type: {0}")]
    Misfit(String),
    #[error("{breach}, in its child `{path}`")]
    Child { path: String, breach: Box<Breach> },
    #[error("it announced a row that was not to come")]
    Row,
    #[error("it failed at row {row} of a batch of {rows}")]
    FailedRow { row: i64, rows: u64 },
}

impl Breach {
    /// The same of a column that has the child `name`, the rows of which stand
    /// in its rows `row_of`.
    pub(crate) fn in_child(self, name: &str, row_of: impl Fn(u64) -> u64) -> Self {
        let (path, breach) = match self.at(row_of) {
            Self::Child { path, breach } => (format!("{name}.{path}"), breach),
            breach => (name.to_owned(), Box::new(breach)),
        };
        Self::Child { path, breach }
    }

    /// The same of the row `row_of` its row, where it names one: a slice of a
    /// batch counts its rows from 0.
    pub fn at(mut self, row_of: impl Fn(u64) -> u64) -> Self {
        if let Some(row) = self.row() {
            *row = row_of(*row);
        }
        self
    }

    fn row(&mut self) -> Option<&mut u64> {
        match self {
            Self::Offsets { row }
            | Self::Utf8 { row }
            | Self::Null { row }
            | Self::Decimal { row, .. }
            | Self::TypeId { row, .. }
            | Self::UnionOffset { row } => Some(row),
            Self::Child { breach, .. } => breach.row(),
            _ => None,
        }
    }
}
