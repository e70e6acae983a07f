//! Argument columns as arrays of arrow-rs that borrow guest memory.

use std::slice;
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, from_ffi_and_data_type};
use arrow_data::ArrayData;

use crate::array::{BorrowedBuffers, CopiedBuffers, data_type};
use crate::sql::Parameter;

use super::call::Call;

/// The argument columns of a call, as structs of the C Data Interface: of the
/// types of the parameters, in the layout of ABI 1, and unchanged during `'c`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BorrowedArguments<'c> {
    pub(super) headers: &'c [FFI_ArrowArray],
    pub(super) parameters: &'c [Parameter],
}

impl<'c> BorrowedArguments<'c> {
    /// Reads the argument columns of a call of a function with these parameters.
    pub(crate) fn new(call: &'c Call, parameters: &'c [Parameter]) -> Self {
        if parameters.is_empty() {
            return Self {
                headers: &[],
                parameters,
            };
        }
        // SAFETY: the caller of `Call::new` guarantees one array per argument,
        // contiguous and unchanged until the export returns. On wasm32, the only
        // target that makes calls, both structs are that of the C Data Interface,
        // field by field; a `release` of 0 is none.
        let headers = unsafe { slice::from_raw_parts(call.args.cast(), parameters.len()) };
        Self {
            headers,
            parameters,
        }
    }

    /// Calls `work` with the arguments as arrays and returns its result, with a
    /// copy of every buffer that it shares with an argument.
    ///
    /// The type of the arrays does not tell that they borrow: `work` may clone and
    /// keep them, while the host overwrites the arena after the call. So each of
    /// their buffers owns a share of a lease, and this function returns only when
    /// it owns the last share.
    ///
    /// # Panics
    ///
    /// If anything else still owns memory of an argument.
    pub(crate) fn with_arrays(
        self,
        function: &str,
        work: impl FnOnce(Vec<ArrayData>) -> Result<ArrayData, String>,
    ) -> Result<ArrayData, String> {
        let mut lease = Arc::new(());
        let arguments = self.arrays(&lease)?;
        let borrowed = BorrowedBuffers::of(&arguments);
        let result = work(arguments).map(|result| owned(result, &borrowed));
        // Every buffer of an argument owns a share of the lease. No code of the
        // author runs from here to the next call: a panic ends the instance.
        let is_over = Arc::get_mut(&mut lease).is_some();
        assert!(is_over, "an argument of `{function}` outlives its call");
        result
    }

    fn arrays(self, lease: &Arc<()>) -> Result<Vec<ArrayData>, String> {
        let columns = self.headers.iter().zip(self.parameters);
        let arrays = columns.map(|(header, parameter)| {
            let data_type = data_type(&parameter.sql)?;
            // Children need no copy: only the array itself is ever released.
            let mut array = FFI_ArrowArray::empty();
            array.length = header.length;
            array.null_count = header.null_count;
            array.n_buffers = header.n_buffers;
            array.n_children = header.n_children;
            array.buffers = header.buffers;
            array.children = header.children;
            array.private_data = Arc::into_raw(Arc::clone(lease)).cast_mut().cast();
            array.release = Some(release_share);
            // SAFETY: `BorrowedArguments` guarantees columns of these types in a
            // layout that is Arrow's too. Each of their buffers owns `array`, and so
            // a share of the lease, and `with_arrays` does not return before all
            // shares are released.
            let array = unsafe { from_ffi_and_data_type(array, data_type) };
            array.map_err(|error| error.to_string())
        });
        arrays.collect()
    }
}

/// Releases an argument: drops its share of the lease.
unsafe extern "C" fn release_share(array: *mut FFI_ArrowArray) {
    // SAFETY: Arrow releases an array once, by its own address, and
    // `BorrowedArguments::arrays` stored a share of its own there.
    unsafe {
        drop(Arc::from_raw(
            (*array).private_data.cast::<()>().cast_const(),
        ))
    }
}

/// Copies each borrowed buffer of an array.
fn owned(array: ArrayData, borrowed: &BorrowedBuffers) -> ArrayData {
    let CopiedBuffers { nulls, buffers } = borrowed.copied(&array);
    let children = array.child_data().iter().cloned();
    let children = children.map(|child| owned(child, borrowed)).collect();
    let builder = array.into_builder().nulls(nulls).buffers(buffers);
    // SAFETY: the array was valid, and every buffer has the same length and bytes
    // as before.
    unsafe { builder.child_data(children).build_unchecked() }
}
