//! Rows of a batch that arguments hold.

use std::sync::Arc;

use arrow_buffer::NullBuffer;

/// Rows of a batch.
pub(super) enum BatchRows {
    All,
    /// Rows at these positions.
    At(Vec<usize>),
    /// Rows at these positions of other rows.
    Of(Arc<Self>, Vec<u32>),
    /// Rows that are not null.
    Valid(NullBuffer),
}

impl BatchRows {
    /// Returns the row of the batch that `row` is.
    pub(super) fn batch_row(&self, row: u64) -> u64 {
        let found = match self {
            Self::All => None,
            Self::At(rows) => rows.get(row as usize).copied(),
            Self::Valid(nulls) => nulls.valid_indices().nth(row as usize),
            Self::Of(others, rows) => {
                let row = rows.get(row as usize).map_or(row, |row| u64::from(*row));
                return others.batch_row(row);
            }
        };
        found.map_or(row, |row| row as u64)
    }
}
