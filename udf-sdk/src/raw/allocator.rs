//! The global allocator of a guest: scratch memory within a row as far as it
//! goes, then blocks, and the standard allocator for what is large, or outlives
//! calls.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

use crate::arena::address as address_of;
use crate::scratch::guest::{SCRATCH, address, offset};
use crate::scratch::{block_price, price};
use crate::size_classes::class_of;

use super::heap::{Heap, Memory};
use super::host::{row_pause, row_resume};

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// The blocks of rows.
static HEAP: Heap = Heap::new();

/// The memory of the guest.
struct LinearMemory;

impl Memory for LinearMemory {
    fn grow(&self, pages: u32) -> Option<u32> {
        let before = core::arch::wasm32::memory_grow::<0>(pages as usize);
        (before != usize::MAX).then_some((before << 16) as u32)
    }

    #[inline(always)]
    unsafe fn read(&self, address: u32) -> u32 {
        // SAFETY: the caller guarantees a free block, which has 16 bytes at least,
        // aligned to 16, and begins with a word that `write` wrote.
        unsafe { ptr::with_exposed_provenance::<u32>(address as usize).read() }
    }

    #[inline(always)]
    unsafe fn write(&self, address: u32, word: u32) {
        // SAFETY: as for `read`.
        unsafe { ptr::with_exposed_provenance_mut::<u32>(address as usize).write(word) }
    }
}

/// Runs an operation. Within a row, suspends the row and charges it a fixed
/// price.
#[inline]
fn priced<T>(price: u32, work: impl FnOnce() -> T) -> T {
    if !SCRATCH.is_in_row() {
        return work();
    }
    row_pause(price);
    let done = work();
    row_resume();
    done
}

/// Allocates outside of scratch memory.
///
/// # Safety
///
/// As for [`GlobalAlloc::alloc`].
unsafe fn allocate(layout: Layout) -> *mut u8 {
    let class = class_of(layout.size(), layout.align()).filter(|_| SCRATCH.is_in_row());
    let Some(class) = class else {
        return priced(price(0, layout.size()), || {
            // SAFETY: the caller guarantees a valid layout.
            unsafe { System.alloc(layout) }
        });
    };
    let block = priced(block_price(layout.size()), || {
        HEAP.allocate(class, &LinearMemory)
    });
    ptr::with_exposed_provenance_mut(block.unwrap_or(0) as usize)
}

/// Returns the class of an allocation outside of scratch memory, if it is a block.
fn block_class(pointer: *mut u8, layout: Layout) -> Option<usize> {
    class_of(layout.size(), layout.align()).filter(|_| HEAP.owns(address_of(pointer)))
}

/// Frees an allocation outside of scratch memory.
///
/// # Safety
///
/// As for [`GlobalAlloc::dealloc`].
unsafe fn free(pointer: *mut u8, layout: Layout) {
    match block_class(pointer, layout) {
        // SAFETY: the block was allocated with this layout, so with this class.
        Some(class) => priced(block_price(0), || unsafe {
            HEAP.free(address_of(pointer), class, &LinearMemory);
        }),
        // SAFETY: an allocation that is neither in scratch memory nor a block came
        // from the standard allocator, and the caller guarantees its layout.
        None => priced(price(0, 0), || unsafe { System.dealloc(pointer, layout) }),
    }
}

/// Moves an allocation.
///
/// # Safety
///
/// As for [`GlobalAlloc::realloc`].
unsafe fn moved(pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
    // SAFETY: the caller guarantees that `bytes`, rounded up to the alignment, is a
    // valid size; the new memory does not overlap the old, and both have the bytes
    // that are copied.
    unsafe {
        let moved = ALLOCATOR.alloc(Layout::from_size_align_unchecked(bytes, layout.align()));
        if !moved.is_null() {
            ptr::copy_nonoverlapping(pointer, moved, layout.size().min(bytes));
            ALLOCATOR.dealloc(pointer, layout);
        }
        moved
    }
}

// SAFETY: memory comes from the standard allocator, from pages of `HEAP` or from
// scratch memory: `Scratch` hands out no byte twice while it is in use, at offsets
// of the requested alignment up to 64, which scratch memory has itself; `Heap`
// neither, at multiples of 16. The address of an allocation tells which of the
// three it came from.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match SCRATCH.allocate(layout.size(), layout.align()) {
            Some(offset) => address(offset),
            // SAFETY: the caller guarantees a valid layout.
            None => unsafe { allocate(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match offset(pointer) {
            Some(offset) => SCRATCH.free(offset),
            // SAFETY: the allocation lies outside of scratch memory, and the caller
            // guarantees that it has this layout.
            None => unsafe { free(pointer, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        let stays = match offset(pointer) {
            Some(offset) => SCRATCH.resize(offset, bytes),
            None => match block_class(pointer, layout) {
                Some(class) => class_of(bytes, layout.align()) == Some(class),
                None => {
                    let copied = layout.size().min(bytes);
                    // SAFETY: it came from the standard allocator, and the caller
                    // guarantees its layout.
                    return priced(price(copied, bytes), || unsafe {
                        System.realloc(pointer, layout, bytes)
                    });
                }
            },
        };
        match stays {
            true => pointer,
            // SAFETY: the caller guarantees the layout and the size.
            false => unsafe { moved(pointer, layout, bytes) },
        }
    }
}
