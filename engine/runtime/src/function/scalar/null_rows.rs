//! Null rows of strict functions that end a call.
//!
//! A strict function is not called for a row with a null argument, in SQL. Few such rows are
//! lowered with the others, because that is cheaper, and the guest leaves them out. One that does
//! not reads what stands under the null: a value that the row does not have, with which it may
//! fail. So the outcome would depend on the rows beside it: alone, the row is null.

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;

use super::{Batch, RowRange};
use crate::error::Result;
use crate::function::WasmFunction;
use crate::sandbox::{CallError, may_be_of_null};

impl WasmFunction {
    /// Returns true if a null row may have ended a call, which can be repeated without such rows.
    pub(super) fn is_of_null(&self, error: &CallError, nulls: &NullBuffer) -> bool {
        self.is_repeatable() && nulls.null_count() > 0 && may_be_of_null(error, nulls)
    }

    /// Calls the guest for the rows of a range that are not null: for each run of them by itself.
    ///
    /// Filtering the columns would take fewer calls, but not all types can be filtered, and guests
    /// leave out null rows.
    pub(super) fn call_without_nulls(
        &self,
        batch: &Batch<'_>,
        range: RowRange,
        nulls: &NullBuffer,
    ) -> Result<ArrayRef> {
        batch.execution.statistics.count_retry();
        self.call_parts(batch, range, &runs(nulls))
    }
}

/// Returns the lengths of the runs of rows that are all null, or all not.
fn runs(nulls: &NullBuffer) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut end = 0;
    for (first, after) in nulls.valid_slices() {
        lengths.extend([first - end, after - first]);
        end = after;
    }
    lengths.push(nulls.len() - end);
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_all_rows() {
        for (rows, expected) in [
            (&[true, false, false, true][..], &[0, 1, 2, 1, 0][..]),
            (&[false, true, true, false], &[1, 2, 1]),
            (&[false], &[1]),
            (&[true], &[0, 1, 0]),
        ] {
            assert_eq!(runs(&NullBuffer::from(rows)), expected, "{rows:?}");
        }
    }
}
