//! Scratch memory of a row: a bump allocator that is reset when the row's
//! values have been dropped.
//!
//! An allocation of a row must cost the same whatever earlier rows have
//! allocated, or its fuel would depend on them. A general allocator searches,
//! splits and merges; this one advances an offset. Allocations that do not fit
//! become blocks of a heap, or go to the standard allocator, at fixed prices.
//!
//! The allocator handles no addresses, only offsets into scratch memory.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// Size of scratch memory, in bytes.
pub(crate) const SCRATCH_BYTES: usize = 32 << 10;

/// Maximum alignment of an allocation, in bytes.
pub(crate) const SCRATCH_ALIGNMENT: usize = 64;

/// Returns the price of an operation of the standard allocator within a row, in
/// charged bytes: for the search, for bytes copied, for memory grown. The
/// actual work depends on earlier allocations, and is less.
#[cfg(target_arch = "wasm32")]
pub(crate) fn price(copied: usize, grown: usize) -> u32 {
    const SEARCH_BYTES: usize = 4096;
    (SEARCH_BYTES + copied / 4 + grown / 16) as u32
}

/// Returns the price of allocating a block of `bytes` bytes within a row, or of
/// freeing one, in charged bytes. The actual work is less, that of growing the
/// memory included.
#[cfg(target_arch = "wasm32")]
pub(crate) fn block_price(bytes: usize) -> u32 {
    const LIST_BYTES: usize = 192;
    (LIST_BYTES + bytes / 8) as u32
}

/// The bytes of scratch memory that are in use. Atomics, because a static must
/// be `Sync`; there is one thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// True within a row.
    in_row: AtomicBool,
    /// True if the row may allocate here.
    has_room: AtomicBool,
    /// Start of the row's part; allocations before it outlive their rows.
    base: AtomicUsize,
    /// Start of the next allocation.
    next: AtomicUsize,
    /// The latest allocation, if it is still live: the only one that grows in
    /// place and returns its bytes.
    latest: AtomicUsize,
    /// Number of live allocations from `base` on.
    live: AtomicUsize,
    /// Number of live allocations before `base`.
    outliving: AtomicUsize,
}

/// The offset of no allocation.
const NONE: usize = usize::MAX;

impl Scratch {
    pub(crate) const fn new() -> Self {
        Self {
            in_row: AtomicBool::new(false),
            has_room: AtomicBool::new(false),
            base: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            latest: AtomicUsize::new(NONE),
            live: AtomicUsize::new(0),
            outliving: AtomicUsize::new(0),
        }
    }

    /// Returns true within a row.
    #[inline]
    pub(crate) fn is_in_row(&self) -> bool {
        self.in_row.load(Relaxed)
    }

    /// Begins a row. Live allocations of earlier rows stay in place.
    #[inline]
    pub(crate) fn begin_row(&self) {
        self.in_row.store(true, Relaxed);
        self.has_room.store(true, Relaxed);
        if self.next.load(Relaxed) > 0 {
            self.keep();
        }
    }

    /// Begins a row whose allocations may outlive it, and so are not made here.
    #[inline]
    pub(crate) fn begin_stateful_row(&self) {
        self.in_row.store(true, Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn keep(&self) {
        let live = self.live.load(Relaxed);
        let outliving = self.outliving.load(Relaxed) + live;
        let base = if outliving > 0 {
            self.next.load(Relaxed)
        } else {
            0
        };
        self.outliving.store(outliving, Relaxed);
        self.base.store(base, Relaxed);
        self.next.store(base, Relaxed);
        self.live.store(0, Relaxed);
        self.latest.store(NONE, Relaxed);
    }

    /// Ends the row.
    #[inline]
    pub(crate) fn end_row(&self) {
        self.in_row.store(false, Relaxed);
        self.has_room.store(false, Relaxed);
    }

    /// Allocates within a row, and returns the offset; none if the allocation
    /// does not fit.
    #[inline]
    pub(crate) fn allocate(&self, bytes: usize, alignment: usize) -> Option<usize> {
        let has_room = self.has_room.load(Relaxed);
        if !has_room || bytes > SCRATCH_BYTES || alignment > SCRATCH_ALIGNMENT {
            return None;
        }
        let offset = self.next.load(Relaxed).next_multiple_of(alignment);
        let end = offset + bytes;
        if end > SCRATCH_BYTES {
            return None;
        }
        self.next.store(end, Relaxed);
        self.latest.store(offset, Relaxed);
        self.live.store(self.live.load(Relaxed) + 1, Relaxed);
        Some(offset)
    }

    /// Resizes an allocation in place and returns true, or returns false.
    #[inline]
    pub(crate) fn resize(&self, offset: usize, bytes: usize) -> bool {
        let fits = bytes <= SCRATCH_BYTES - offset;
        let stays = fits && self.latest.load(Relaxed) == offset && self.has_room.load(Relaxed);
        if stays {
            self.next.store(offset + bytes, Relaxed);
        }
        stays
    }

    /// Frees an allocation.
    #[inline]
    pub(crate) fn free(&self, offset: usize) {
        if offset < self.base.load(Relaxed) {
            self.outliving
                .store(self.outliving.load(Relaxed) - 1, Relaxed);
            return;
        }
        let live = self.live.load(Relaxed) - 1;
        self.live.store(live, Relaxed);
        if live == 0 {
            self.next.store(self.base.load(Relaxed), Relaxed);
            self.latest.store(NONE, Relaxed);
        } else if self.latest.load(Relaxed) == offset {
            self.next.store(offset, Relaxed);
            self.latest.store(NONE, Relaxed);
        }
    }
}

/// The scratch memory of a guest.
#[cfg(target_arch = "wasm32")]
pub(crate) mod guest {
    use std::ptr;
    use std::sync::atomic::AtomicU64;

    use super::{SCRATCH_BYTES, Scratch};

    pub(crate) static SCRATCH: Scratch = Scratch::new();

    /// The bytes that [`SCRATCH`] hands out.
    #[repr(align(64))]
    struct Piece([AtomicU64; SCRATCH_BYTES / 8]);

    static PIECE: Piece = Piece([const { AtomicU64::new(0) }; SCRATCH_BYTES / 8]);

    /// Returns the address of an offset.
    pub(crate) fn address(offset: usize) -> *mut u8 {
        ptr::with_exposed_provenance_mut(PIECE.0.as_ptr().expose_provenance() + offset)
    }

    /// Returns the offset of an address; none if it lies outside of scratch
    /// memory.
    pub(crate) fn offset(pointer: *mut u8) -> Option<usize> {
        let offset = pointer.addr().wrapping_sub(PIECE.0.as_ptr().addr());
        (offset < SCRATCH_BYTES).then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::ops::Range;

    #[test]
    fn no_allocation_is_possible_outside_rows() {
        let scratch = Scratch::new();
        assert_eq!(scratch.allocate(1, 1), None);
        scratch.begin_row();
        assert_eq!(scratch.allocate(1, 1), Some(0));
        scratch.end_row();
        assert_eq!(scratch.allocate(1, 1), None);
    }

    #[test]
    fn no_allocation_is_possible_in_a_stateful_row() {
        let scratch = Scratch::new();
        scratch.begin_stateful_row();
        assert!(scratch.is_in_row());
        assert_eq!(scratch.allocate(1, 1), None);
        scratch.end_row();
        assert!(!scratch.is_in_row());
        scratch.begin_row();
        assert_eq!(scratch.allocate(1, 1), Some(0));
        scratch.end_row();
        scratch.begin_stateful_row();
        assert_eq!(scratch.allocate(1, 1), None);
        assert!(!scratch.resize(0, 2));
    }

    #[test]
    fn allocation_past_the_end_fails() {
        let scratch = Scratch::new();
        scratch.begin_row();
        assert_eq!(scratch.allocate(SCRATCH_BYTES + 1, 1), None);
        assert_eq!(scratch.allocate(SCRATCH_BYTES, 64), Some(0));
        assert_eq!(scratch.allocate(1, 1), None);
        assert!(scratch.resize(0, SCRATCH_BYTES - 8));
        assert_eq!(scratch.allocate(8, 8), Some(SCRATCH_BYTES - 8));
        assert!(!scratch.resize(0, 16), "another one stands behind it");
        assert_eq!(scratch.allocate(usize::MAX, 1), None);
        assert_eq!(scratch.allocate(0, 128), None);
    }

    #[test]
    fn every_row_starts_with_the_same_scratch_memory() {
        let scratch = Scratch::new();
        for _ in 0..3 {
            scratch.begin_row();
            let offsets = [10, 20, 30].map(|bytes| scratch.allocate(bytes, 8).unwrap());
            assert_eq!(offsets, [0, 16, 40]);
            scratch.free(16);
            scratch.end_row();
            scratch.free(40);
            scratch.free(0);
        }
    }

    #[test]
    fn allocation_that_outlives_its_row_is_not_reused() {
        let scratch = Scratch::new();
        scratch.begin_row();
        let kept = scratch.allocate(100, 1).unwrap();
        scratch.end_row();
        scratch.begin_row();
        let other = scratch.allocate(100, 1).unwrap();
        assert_eq!((kept, other), (0, 100));
        scratch.free(other);
        assert_eq!(scratch.allocate(100, 1), Some(100));
        scratch.free(100);
        scratch.end_row();
        scratch.free(kept);
        scratch.begin_row();
        assert_eq!(scratch.allocate(100, 1), Some(0));
    }

    /// Allocates, resizes and frees pseudorandomly, within rows and across
    /// them.
    #[test]
    fn allocations_never_overlap() {
        let scratch = Scratch::new();
        let mut state = 0x9e37_79b9_u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let mut live: Vec<Range<usize>> = Vec::new();
        let (mut placed, mut refused, mut resized) = (0, 0, 0);
        for _ in 0..100_000 {
            match random(40) {
                0 => {
                    scratch.end_row();
                    // Sometimes an allocation outlives its row.
                    let kept = random(3).saturating_sub(1);
                    live.drain(kept.min(live.len())..)
                        .for_each(|range| scratch.free(range.start));
                    scratch.begin_row();
                }
                1 => scratch.begin_row(),
                2..20 => {
                    let bytes = 1 + random(3_000);
                    match scratch.allocate(bytes, 1 << random(7)) {
                        Some(start) => {
                            live.push(start..start + bytes);
                            placed += 1;
                        }
                        None => refused += 1,
                    }
                }
                20..24 if !live.is_empty() => {
                    let one = random(live.len());
                    let bytes = 1 + random(3_000);
                    if scratch.resize(live[one].start, bytes) {
                        live[one].end = live[one].start + bytes;
                        resized += 1;
                    }
                }
                _ if !live.is_empty() => {
                    let range = live.swap_remove(random(live.len()));
                    scratch.free(range.start);
                }
                _ => {}
            }
            for (n, one) in live.iter().enumerate() {
                assert!(one.end <= SCRATCH_BYTES);
                let apart = |other: &Range<usize>| one.end <= other.start || other.end <= one.start;
                assert!(live[n + 1..].iter().all(apart));
            }
        }
        assert!(
            placed > 1_000 && refused > 1_000 && resized > 50,
            "{placed} {refused} {resized}"
        );
    }
}
