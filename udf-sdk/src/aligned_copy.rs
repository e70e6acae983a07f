//! Slots for copies at aligned addresses, which do not depend on other rows.
//!
//! This module hands out addresses and writes to none of them.

#[cfg(target_arch = "wasm32")]
use std::cell::RefCell;
#[cfg(target_arch = "wasm32")]
use std::ptr;
#[cfg(target_arch = "wasm32")]
use std::sync::atomic::AtomicU64;

/// Numbers the slots of a call.
#[derive(Debug, Default)]
pub struct CopySlots(usize);

impl CopySlots {
    /// Returns a slot that nothing else is copied to.
    pub(crate) fn allocate(&mut self) -> usize {
        let slot = self.0;
        self.0 += 1;
        slot
    }
}

/// Number of small slots, which are static, and their size in bytes.
#[cfg(target_arch = "wasm32")]
const SMALL: (usize, usize) = (8, 256);

/// Returns the address of a slot, aligned to 16, with space for `bytes` bytes. It
/// is valid until more bytes are asked for in the same slot.
#[cfg(target_arch = "wasm32")]
#[inline]
pub(crate) fn slot_address(slot: usize, bytes: usize) -> *mut u8 {
    #[repr(align(64))]
    struct Small([[AtomicU64; SMALL.1 / 8]; SMALL.0]);
    static SLOTS: Small = Small([const { [const { AtomicU64::new(0) }; SMALL.1 / 8] }; SMALL.0]);
    match SLOTS.0.get(slot) {
        Some(small) if bytes <= SMALL.1 => {
            ptr::with_exposed_provenance_mut(small.as_ptr().expose_provenance())
        }
        _ => large_slot_address(slot, bytes),
    }
}

#[cfg(target_arch = "wasm32")]
#[inline(never)]
fn large_slot_address(slot: usize, bytes: usize) -> *mut u8 {
    thread_local! {
        static SLOTS: RefCell<Vec<Vec<u128>>> = const { RefCell::new(Vec::new()) };
    }
    SLOTS.with_borrow_mut(|slots| {
        if slots.len() <= slot {
            slots.resize_with(slot + 1, Vec::new);
        }
        let memory = &mut slots[slot];
        let words = bytes.div_ceil(size_of::<u128>());
        if words > memory.capacity() {
            *memory = Vec::with_capacity(words.next_power_of_two());
        }
        memory.as_mut_ptr().cast()
    })
}
