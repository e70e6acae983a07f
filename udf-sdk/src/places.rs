//! Places for copies that lie at aligned addresses, whatever the rows before have
//! taken.
//!
//! Nothing here writes to one: a place is handed out by its address.

#[cfg(target_arch = "wasm32")]
use std::cell::RefCell;
#[cfg(target_arch = "wasm32")]
use std::ptr;
#[cfg(target_arch = "wasm32")]
use std::sync::atomic::AtomicU64;

/// Hands out numbers for the places of `aligned` copies.
#[derive(Debug, Default)]
pub struct Places(usize);

impl Places {
    /// A place that nothing else is copied to.
    pub(crate) fn next(&mut self) -> usize {
        let place = self.0;
        self.0 += 1;
        place
    }
}

/// How many places are there from the beginning, and how many bytes they have.
#[cfg(target_arch = "wasm32")]
const SMALL: (usize, usize) = (8, 256);

/// The address of a place, aligned to 16, with room for so many bytes. It is
/// good until more room is asked for there.
#[cfg(target_arch = "wasm32")]
#[inline]
pub(crate) fn place(position: usize, bytes: usize) -> *mut u8 {
    #[repr(align(64))]
    struct Small([[AtomicU64; SMALL.1 / 8]; SMALL.0]);
    static PLACES: Small = Small([const { [const { AtomicU64::new(0) }; SMALL.1 / 8] }; SMALL.0]);
    match PLACES.0.get(position) {
        Some(place) if bytes <= SMALL.1 => {
            ptr::with_exposed_provenance_mut(place.as_ptr().expose_provenance())
        }
        _ => large_place(position, bytes),
    }
}

#[cfg(target_arch = "wasm32")]
#[inline(never)]
fn large_place(position: usize, bytes: usize) -> *mut u8 {
    thread_local! {
        // One place for each argument.
        static PLACES: RefCell<Vec<Vec<u128>>> = const { RefCell::new(Vec::new()) };
    }
    PLACES.with_borrow_mut(|places| {
        if places.len() <= position {
            places.resize_with(position + 1, Vec::new);
        }
        let place = &mut places[position];
        let words = bytes.div_ceil(size_of::<u128>());
        if words > place.capacity() {
            *place = Vec::with_capacity(words.next_power_of_two());
        }
        place.as_mut_ptr().cast()
    })
}
