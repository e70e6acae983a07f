//! The parameters of one call of an export, and its status.

use fusebox_abi::{ArrowArray, Failure, STATUS_FAILURE, STATUS_OK};

use crate::report::failure;

use super::arguments::Arguments;

/// One call of an export by the host.
#[derive(Debug)]
pub struct Call {
    /// The address of one array per argument.
    pub(super) args: *const ArrowArray,
    rows: usize,
    result: *mut ArrowArray,
}

impl Call {
    /// Takes the parameters of an export.
    ///
    /// # Safety
    ///
    /// The parameters come from a host that keeps ABI 1. `args` are columns of
    /// the types of the function that the call is run with, and all memory that
    /// they refer to stays unchanged until the export returns.
    pub unsafe fn new(args: *const ArrowArray, rows: u32, result: *mut ArrowArray) -> Self {
        Self {
            args,
            rows: rows as usize,
            result,
        }
    }

    /// Returns the number of rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the same call with a result of its first `rows` rows.
    pub(crate) fn of_first(&self, rows: usize) -> Self {
        Self { rows, ..*self }
    }

    /// Returns the argument columns, which live no longer than the call.
    pub(crate) fn arguments(&self) -> Arguments<'_> {
        // SAFETY: the caller of `new` guarantees columns of the types of the
        // function, unchanged until the export returns, and `self` is dropped
        // before that.
        unsafe { Arguments::new(self.args, self.rows) }
    }

    /// Writes the result column, all of which stays unchanged until the next
    /// call.
    pub(crate) fn return_array(&self, array: ArrowArray) -> u32 {
        // SAFETY: the caller of `new` guarantees that `result` is 64 writable
        // bytes, aligned to 64; `ArrowArray` has 64 bytes and a smaller alignment.
        unsafe { self.result.write(array) };
        STATUS_OK
    }

    /// Writes a failure, of a particular row if there is one.
    pub fn fail(&self, row: Option<usize>, message: &str) -> u32 {
        let failure = failure(row, message);
        // SAFETY: the caller of `new` guarantees that `result` is 64 writable
        // bytes, aligned to 64; `Failure` has 16 bytes and the alignment of i64.
        unsafe { self.result.cast::<Failure>().write(failure) };
        STATUS_FAILURE
    }
}
