//! Result columns, kept in memory until the next call.
//!
//! The host reads a result after the export has returned, so that its buffers
//! belong to statics.

#[cfg(feature = "arrow")]
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "arrow")]
use arrow_array::ffi::FFI_ArrowArray;
#[cfg(feature = "arrow")]
use arrow_data::ArrayData;
use fusebox_abi::ArrowArray;

use crate::arena::address;

use super::call::Call;

#[cfg(feature = "arrow")]
thread_local! {
    /// The owner of the last result's memory.
    static LAST_RESULT: Cell<Option<FFI_ArrowArray>> = const { Cell::new(None) };
}

impl Call {
    /// Returns a column of these buffers, of which the first is the validity
    /// bitmap or null. They stay unchanged until the next call.
    pub fn return_buffers(&self, buffers: &[*const u8]) -> u32 {
        static ADDRESSES: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];
        for (slot, buffer) in ADDRESSES.iter().zip(buffers) {
            slot.store(address(*buffer), Ordering::Relaxed);
        }
        self.return_array(ArrowArray {
            length: self.rows() as i64,
            null_count: -1,
            n_buffers: buffers.len() as i64,
            buffers: address(ADDRESSES.as_ptr()),
            ..ArrowArray::default()
        })
    }

    /// Returns the progress of all rows and no column.
    pub(crate) fn return_progress(&self) -> u32 {
        self.return_array(ArrowArray {
            length: self.rows() as i64,
            ..ArrowArray::default()
        })
    }

    /// Returns an array and keeps it until [`release_array`].
    #[cfg(feature = "arrow")]
    pub(crate) fn return_arrow(&self, array: &ArrayData) -> u32 {
        let kept = FFI_ArrowArray::new(array);
        let status = self.return_array(ArrowArray {
            length: kept.length,
            null_count: kept.null_count,
            offset: kept.offset,
            n_buffers: kept.n_buffers,
            n_children: kept.n_children,
            buffers: address(kept.buffers),
            children: address(kept.children),
            ..ArrowArray::default()
        });
        LAST_RESULT.set(Some(kept));
        status
    }
}

/// Releases the memory of the last array returned.
#[cfg(feature = "arrow")]
pub(crate) fn release_array() {
    LAST_RESULT.set(None);
}
