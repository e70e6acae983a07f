//! Where the memory of a row comes from: a piece that is handed out from front
//! to back and is free again when the row's values are gone.
//!
//! What a row allocates must cost the same whatever the rows before it have
//! left behind, or its fuel would depend on them. A general allocator searches
//! and splits and merges. This one moves a mark. What does not fit here goes to
//! the general allocator, at a price that is fixed.
//!
//! What hands it out knows no address, only offsets into the piece.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// The size of the piece, in bytes.
pub(crate) const SCRATCH_BYTES: usize = 32 << 10;

/// The largest alignment that the piece is good for, in bytes.
pub(crate) const SCRATCH_ALIGNMENT: usize = 64;

/// What a row pays where the general allocator works for it, in bytes of
/// bookkeeping: for the search, for bytes that are copied, for memory that
/// grows. What that costs in truth depends on what was allocated and freed
/// before.
#[cfg(target_arch = "wasm32")]
pub(crate) fn price(copied: usize, grown: usize) -> u32 {
    const SEARCH_BYTES: usize = 512;
    (SEARCH_BYTES + copied / 4 + grown / 16) as u32
}

/// Which bytes of the piece are in use. Atomics, because a static must be
/// shareable; there is one thread.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Whether a row is being worked on.
    in_row: AtomicBool,
    /// Whether there is room for it here.
    has_room: AtomicBool,
    /// Where the row's part begins; what lies before outlives its row.
    base: AtomicUsize,
    /// Where the next allocation may begin.
    next: AtomicUsize,
    /// The latest allocation, if it is still there: the only one that grows in
    /// place and gives its bytes back.
    latest: AtomicUsize,
    /// Allocations from `base` on.
    live: AtomicUsize,
    /// Allocations before `base`.
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

    /// Whether a row is being worked on.
    #[inline]
    pub(crate) fn is_in_row(&self) -> bool {
        self.in_row.load(Relaxed)
    }

    /// Begins a row. What an earlier one has allocated and kept stays where it
    /// is.
    #[inline]
    pub(crate) fn begin_row(&self) {
        self.in_row.store(true, Relaxed);
        self.has_room.store(true, Relaxed);
        if self.next.load(Relaxed) > 0 {
            self.keep();
        }
    }

    /// Begins a row whose allocations may outlive it: there is no room for them
    /// here.
    #[inline]
    pub(crate) fn begin_keeping_row(&self) {
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

    /// Finds room in a row, and returns its offset.
    #[inline]
    pub(crate) fn place(&self, bytes: usize, alignment: usize) -> Option<usize> {
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

    /// Changes the size of an allocation, if it can stay where it is.
    #[inline]
    pub(crate) fn resize(&self, offset: usize, bytes: usize) -> bool {
        let fits = bytes <= SCRATCH_BYTES - offset;
        let stays = fits && self.latest.load(Relaxed) == offset && self.has_room.load(Relaxed);
        if stays {
            self.next.store(offset + bytes, Relaxed);
        }
        stays
    }

    /// Gives an allocation back.
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

/// The one piece that a guest has.
#[cfg(target_arch = "wasm32")]
pub(crate) mod guest {
    use std::ptr;
    use std::sync::atomic::AtomicU64;

    use super::{SCRATCH_BYTES, Scratch};

    pub(crate) static SCRATCH: Scratch = Scratch::new();

    /// The piece that [`SCRATCH`] hands out.
    #[repr(align(64))]
    struct Piece([AtomicU64; SCRATCH_BYTES / 8]);

    static PIECE: Piece = Piece([const { AtomicU64::new(0) }; SCRATCH_BYTES / 8]);

    /// Where an offset into the piece is.
    pub(crate) fn place(offset: usize) -> *mut u8 {
        ptr::with_exposed_provenance_mut(PIECE.0.as_ptr().expose_provenance() + offset)
    }

    /// The offset of what lies in the piece.
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
    fn outside_rows_there_is_no_room() {
        let scratch = Scratch::new();
        assert_eq!(scratch.place(1, 1), None);
        scratch.begin_row();
        assert_eq!(scratch.place(1, 1), Some(0));
        scratch.end_row();
        assert_eq!(scratch.place(1, 1), None);
    }

    #[test]
    fn row_that_keeps_what_it_allocates_finds_no_room() {
        let scratch = Scratch::new();
        scratch.begin_keeping_row();
        assert!(scratch.is_in_row());
        assert_eq!(scratch.place(1, 1), None);
        scratch.end_row();
        assert!(!scratch.is_in_row());
        scratch.begin_row();
        assert_eq!(scratch.place(1, 1), Some(0));
        scratch.end_row();
        scratch.begin_keeping_row();
        assert_eq!(scratch.place(1, 1), None);
        assert!(!scratch.resize(0, 2));
    }

    #[test]
    fn room_ends_with_the_piece() {
        let scratch = Scratch::new();
        scratch.begin_row();
        assert_eq!(scratch.place(SCRATCH_BYTES + 1, 1), None);
        assert_eq!(scratch.place(SCRATCH_BYTES, 64), Some(0));
        assert_eq!(scratch.place(1, 1), None);
        assert!(scratch.resize(0, SCRATCH_BYTES - 8));
        assert_eq!(scratch.place(8, 8), Some(SCRATCH_BYTES - 8));
        assert!(!scratch.resize(0, 16), "another one stands behind it");
        assert_eq!(scratch.place(usize::MAX, 1), None);
        assert_eq!(scratch.place(0, 128), None);
    }

    #[test]
    fn row_finds_the_piece_as_the_row_before_found_it() {
        let scratch = Scratch::new();
        for _ in 0..3 {
            scratch.begin_row();
            let offsets = [10, 20, 30].map(|bytes| scratch.place(bytes, 8).unwrap());
            assert_eq!(offsets, [0, 16, 40]);
            scratch.free(16);
            scratch.end_row();
            scratch.free(40);
            scratch.free(0);
        }
    }

    #[test]
    fn what_outlives_its_row_is_not_handed_out_again() {
        let scratch = Scratch::new();
        scratch.begin_row();
        let kept = scratch.place(100, 1).unwrap();
        scratch.end_row();
        scratch.begin_row();
        let other = scratch.place(100, 1).unwrap();
        assert_eq!((kept, other), (0, 100));
        scratch.free(other);
        assert_eq!(scratch.place(100, 1), Some(100));
        scratch.free(100);
        scratch.end_row();
        scratch.free(kept);
        scratch.begin_row();
        assert_eq!(scratch.place(100, 1), Some(0));
    }

    /// Allocates, resizes and frees at random, within rows and across them.
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
                    // Now and then something outlives its row.
                    let kept = random(3).saturating_sub(1);
                    live.drain(kept.min(live.len())..)
                        .for_each(|range| scratch.free(range.start));
                    scratch.begin_row();
                }
                1 => scratch.begin_row(),
                2..20 => {
                    let bytes = 1 + random(3_000);
                    match scratch.place(bytes, 1 << random(7)) {
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
