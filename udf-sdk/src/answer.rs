//! Result columns as the host reads them, after the export has returned.

#[cfg(feature = "arrow")]
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "arrow")]
use arrow_array::ffi::FFI_ArrowArray;
#[cfg(feature = "arrow")]
use arrow_data::ArrayData;
use fusebox_abi::ArrowArray;

use crate::arena::address;
use crate::entry::Call;

#[cfg(feature = "arrow")]
thread_local! {
    /// What keeps the last result where it is.
    static KEPT: Cell<Option<FFI_ArrowArray>> = const { Cell::new(None) };
}

impl Call {
    /// Answers with a column: its buffers, of which the first is the validity
    /// bitmap or null. They stay as they are until the next call.
    pub fn answer(&self, buffers: &[*const u8]) -> u32 {
        static ADDRESSES: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];
        for (slot, buffer) in ADDRESSES.iter().zip(buffers) {
            slot.store(address(*buffer), Ordering::Relaxed);
        }
        self.answer_with(ArrowArray {
            length: self.rows() as i64,
            null_count: -1,
            n_buffers: buffers.len() as i64,
            buffers: address(ADDRESSES.as_ptr()),
            ..ArrowArray::default()
        })
    }

    /// Answers that all rows are done, and nothing else.
    pub(crate) fn progress(&self) -> u32 {
        self.answer_with(ArrowArray {
            length: self.rows() as i64,
            ..ArrowArray::default()
        })
    }

    /// Answers with an array, and keeps it.
    #[cfg(feature = "arrow")]
    pub(crate) fn answer_array(&self, array: &ArrayData) -> u32 {
        let kept = FFI_ArrowArray::new(array);
        let status = self.answer_with(ArrowArray {
            length: kept.length,
            null_count: kept.null_count,
            offset: kept.offset,
            n_buffers: kept.n_buffers,
            n_children: kept.n_children,
            buffers: address(kept.buffers),
            children: address(kept.children),
            ..ArrowArray::default()
        });
        KEPT.set(Some(kept));
        status
    }
}

/// Gives the last result's memory back.
#[cfg(feature = "arrow")]
pub(crate) fn forget_array() {
    KEPT.set(None);
}
