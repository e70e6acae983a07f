//! The global allocator of a guest: scratch memory within a row as far as it
//! goes, and the standard allocator otherwise.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

use crate::scratch::guest::{SCRATCH, address, offset};
use crate::scratch::price;

use super::host::{row_pause, row_resume};

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Runs an operation of the standard allocator. Within a row, suspends the row
/// and charges it a fixed price.
fn priced<T>(copied: usize, grown: usize, work: impl FnOnce() -> T) -> T {
    if !SCRATCH.is_in_row() {
        return work();
    }
    row_pause(price(copied, grown));
    let done = work();
    row_resume();
    done
}

// SAFETY: memory comes from the standard allocator or from scratch memory:
// `Scratch` hands out no byte twice while it is in use, at offsets of the
// requested alignment up to 64, which scratch memory has itself. The address of
// an allocation tells which of the two it came from.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match SCRATCH.allocate(layout.size(), layout.align()) {
            Some(offset) => address(offset),
            // SAFETY: the caller guarantees a valid layout.
            None => priced(0, layout.size(), || unsafe { System.alloc(layout) }),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match offset(pointer) {
            Some(offset) => SCRATCH.free(offset),
            // SAFETY: an allocation outside scratch memory came from the standard
            // allocator, and the caller guarantees that it has this layout.
            None => priced(0, 0, || unsafe { System.dealloc(pointer, layout) }),
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let Some(offset) = offset(pointer) else {
            // SAFETY: as for `dealloc`.
            return priced(bytes, bytes, || unsafe {
                System.realloc(pointer, layout, bytes)
            });
        };
        if SCRATCH.resize(offset, bytes) {
            return pointer;
        }
        // SAFETY: the caller guarantees that `bytes`, rounded up to the alignment,
        // is a valid size; the new memory does not overlap the old, and both have
        // the bytes that are copied.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(bytes, layout.align()));
            if !moved.is_null() {
                ptr::copy_nonoverlapping(pointer, moved, layout.size().min(bytes));
                self.dealloc(pointer, layout);
            }
            moved
        }
    }
}
