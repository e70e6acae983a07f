//! The heap of a guest's rows: blocks of fixed sizes, in pages of its own.
//!
//! A row pays a fixed price for each allocation, so the work of one must have a
//! bound that does not depend on earlier ones: a block is the first of a list, or
//! the next in a page. Blocks are neither split nor merged.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::size_classes::{CLASSES, class_bytes};

/// Size of a Wasm page in bytes, as a power of two.
const PAGE_BYTES_LOG2: u32 = 16;

/// Maximum number of pages that memory grows by at once.
const PAGES_MAX: u32 = 16;

/// Linear memory.
pub(super) trait Memory {
    /// Grows by some pages. Returns the address of the first; none if there is no
    /// memory.
    fn grow(&self, pages: u32) -> Option<u32>;

    /// Reads a word.
    ///
    /// # Safety
    ///
    /// `address` is that of a free block.
    unsafe fn read(&self, address: u32) -> u32;

    /// Writes a word.
    ///
    /// # Safety
    ///
    /// As for [`read`](Self::read).
    unsafe fn write(&self, address: u32, word: u32);
}

/// The blocks that are free. Atomics, because a static must be `Sync`; there is
/// one thread.
pub(super) struct Heap {
    /// The first free block of each class, or 0. A free block begins with the
    /// address of the next.
    free: [AtomicU32; CLASSES],
    /// The part of the last pages that was never handed out.
    next: AtomicU32,
    end: AtomicU32,
    /// Number of pages.
    pages: AtomicU32,
    /// A bit for each page of the memory, 1 if it is one of the heap.
    owned: [AtomicU32; 1 << (32 - PAGE_BYTES_LOG2 - 5)],
}

impl Heap {
    pub(super) const fn new() -> Self {
        Self {
            free: [const { AtomicU32::new(0) }; CLASSES],
            next: AtomicU32::new(0),
            end: AtomicU32::new(0),
            pages: AtomicU32::new(0),
            owned: [const { AtomicU32::new(0) }; 1 << (32 - PAGE_BYTES_LOG2 - 5)],
        }
    }

    /// Returns true for the address of a block.
    #[inline]
    pub(super) fn owns(&self, address: u32) -> bool {
        let (word, bit) = bit(address);
        self.owned[word].load(Relaxed) & bit != 0
    }

    /// Allocates a block; none if there is no memory.
    #[inline]
    pub(super) fn allocate(&self, class: usize, memory: &impl Memory) -> Option<u32> {
        let first = &self.free[class];
        let block = first.load(Relaxed);
        if block == 0 {
            return self.carve(class_bytes(class) as u32, memory);
        }
        // SAFETY: it was the first free block of its class.
        first.store(unsafe { memory.read(block) }, Relaxed);
        Some(block)
    }

    /// Frees a block.
    ///
    /// # Safety
    ///
    /// `block` was allocated with this class and is not used any more.
    #[inline]
    pub(super) unsafe fn free(&self, block: u32, class: usize, memory: &impl Memory) {
        let first = &self.free[class];
        // SAFETY: the block is free now.
        unsafe { memory.write(block, first.load(Relaxed)) };
        first.store(block, Relaxed);
    }

    /// Hands out a part of the last page, or of a new one.
    fn carve(&self, bytes: u32, memory: &impl Memory) -> Option<u32> {
        if self.end.load(Relaxed) - self.next.load(Relaxed) < bytes {
            self.grow(memory)?;
        }
        let block = self.next.load(Relaxed);
        self.next.store(block + bytes, Relaxed);
        Some(block)
    }

    #[cold]
    #[inline(never)]
    fn grow(&self, memory: &impl Memory) -> Option<()> {
        let pages = self.pages.load(Relaxed);
        let wanted = (pages / 16).clamp(1, PAGES_MAX);
        let (count, start) = match memory.grow(wanted) {
            Some(start) => (wanted, start),
            None => (1, memory.grow(1)?),
        };
        // The last page of a memory of 4 GiB has no end.
        let end = start.checked_add(count << PAGE_BYTES_LOG2)?;
        for page in 0..count {
            let (word, bit) = bit(start + (page << PAGE_BYTES_LOG2));
            self.owned[word].fetch_or(bit, Relaxed);
        }
        if self.end.load(Relaxed) != start {
            self.next.store(start, Relaxed);
        }
        self.end.store(end, Relaxed);
        self.pages.store(pages + count, Relaxed);
        Some(())
    }
}

/// Returns the word and the bit of an address's page.
#[inline]
fn bit(address: u32) -> (usize, u32) {
    let page = address >> PAGE_BYTES_LOG2;
    ((page / 32) as usize, 1 << (page % 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use crate::size_classes::class_of;

    /// Words of a memory whose pages may belong to others too.
    struct Pages {
        words: RefCell<BTreeMap<u32, u32>>,
        pages: RefCell<u32>,
        pages_max: u32,
    }

    impl Pages {
        fn new(pages_max: u32) -> Self {
            Self {
                words: RefCell::default(),
                pages: RefCell::new(1),
                pages_max,
            }
        }
    }

    impl Memory for Pages {
        fn grow(&self, pages: u32) -> Option<u32> {
            let before = *self.pages.borrow();
            let is_possible = before + pages <= self.pages_max;
            is_possible.then(|| {
                *self.pages.borrow_mut() += pages;
                before << PAGE_BYTES_LOG2
            })
        }

        unsafe fn read(&self, address: u32) -> u32 {
            self.words.borrow()[&address]
        }

        unsafe fn write(&self, address: u32, word: u32) {
            self.words.borrow_mut().insert(address, word);
        }
    }

    #[test]
    fn no_byte_is_handed_out_twice_at_a_time() {
        let (heap, memory) = (Heap::new(), Pages::new(1 << 12));
        let mut live: Vec<(u32, usize)> = Vec::new();
        let mut used: BTreeMap<u32, u32> = BTreeMap::new();
        let mut state = 1_u64;
        let (mut allocated, mut freed) = (0, 0);
        for step in 0..if cfg!(miri) { 200 } else { 20_000 } {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let random = (state >> 33) as usize;
            if random % 5 < 3 || live.is_empty() {
                let class = class_of(random % 8000, 16).unwrap();
                let block = heap.allocate(class, &memory).unwrap();
                let end = block + class_bytes(class) as u32;
                assert!(block % 16 == 0 && heap.owns(block) && heap.owns(end - 1));
                let before = used.range(..end).next_back();
                assert!(before.is_none_or(|(_, before)| *before <= block), "{step}");
                used.insert(block, end);
                live.push((block, class));
                allocated += 1;
            } else {
                let (block, class) = live.swap_remove(random % live.len());
                used.remove(&block);
                // SAFETY: it was allocated with this class.
                unsafe { heap.free(block, class, &memory) };
                freed += 1;
            }
            // Pages of another allocator lie in between.
            if step % 1000 == 999 {
                let other = memory.grow(1).unwrap();
                assert!(!heap.owns(other) && !heap.owns(other + 65_535));
            }
        }
        assert!(freed > 50 && allocated > freed);
    }

    #[test]
    fn freed_block_is_the_next_of_its_class() {
        let (heap, memory) = (Heap::new(), Pages::new(8));
        let [a, b, other] = [3, 3, 4].map(|class| heap.allocate(class, &memory).unwrap());
        // SAFETY: both were allocated with this class.
        unsafe {
            heap.free(a, 3, &memory);
            heap.free(b, 3, &memory);
        }
        let again = [3, 4, 3].map(|class| heap.allocate(class, &memory).unwrap());
        assert_eq!([again[0], again[2]], [b, a]);
        assert!(again[1] > other);
    }

    #[test]
    fn allocation_fails_where_memory_cannot_grow() {
        let (heap, memory) = (Heap::new(), Pages::new(3));
        let class = class_of(8192, 16).unwrap();
        let blocks = std::iter::from_fn(|| heap.allocate(class, &memory));
        assert_eq!(blocks.count(), 2 * 8);
    }
}
