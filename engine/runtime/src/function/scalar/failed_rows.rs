//! Rows that fail and are null, of functions with `on_error = 'null'`.

use arrow_array::ArrayRef;
use fusebox_definition::OnError;

use super::{Batch, RowRange};
use crate::error::Result;
use crate::function::WasmFunction;
use crate::notices::FailureCause;
use crate::sandbox::CallError;

impl WasmFunction {
    /// Returns true if the result of a row that fails is null.
    pub(super) fn nulls_failed_rows(&self) -> bool {
        self.definition.on_error == OnError::Null
    }

    /// Returns the cause of an error that makes a row null.
    pub(super) fn failure_cause(&self, error: &CallError) -> Option<FailureCause> {
        error.failure_cause().filter(|_| self.nulls_failed_rows())
    }

    /// Returns null for a row that failed alone.
    pub(super) fn null_failed_row(
        &self,
        batch: &Batch<'_>,
        range: RowRange,
        cause: FailureCause,
    ) -> Result<ArrayRef> {
        batch.scope.count_failed(&self.definition.name, cause);
        batch.execution.statistics.count_failed_row(cause);
        self.recorder.count_failed(cause);
        self.null_range(batch, range)
    }

    /// Calls the guest for the parts of a range in which a row failed, until the row is
    /// alone: whether it is null never depends on the rows beside it.
    ///
    /// Only the first failure is divided at the row that it names. Parts are divided into
    /// halves, whatever rows the guest names then, so that the number of calls of one row is
    /// bounded by the logarithm of the batch.
    pub(super) fn divide_failed_range(
        &self,
        batch: &Batch<'_>,
        range: RowRange,
        error: &CallError,
    ) -> Result<ArrayRef> {
        batch.execution.statistics.count_retry();
        let part = RowRange {
            is_part: true,
            ..range
        };
        let named = error.row().filter(|_| !range.is_part);
        match named.map(|row| row as usize) {
            Some(row) if row < range.rows => {
                self.call_parts(batch, part, &[row, 1, range.rows - row - 1])
            }
            _ => self.call_halves(batch, part),
        }
    }
}
