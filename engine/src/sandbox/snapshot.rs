//! What a memory holds, so that it can hold it again.
//!
//! Most of a guest's memory is zeros that nobody ever touches: stack that is
//! not needed, heap that is free. So the memory is compared block by block with
//! what it held, and only blocks that differ are written. Where nothing was
//! written, the system then has no pages to provide.
//!
//! Nothing here knows a guest: a memory is a slice.

use std::ops::Range;

/// A memory's bytes, blocks of zeros left out.
pub(crate) struct Snapshot {
    bytes: usize,
    /// Where the bytes of each block begin in `content`, unless they are zeros.
    blocks: Vec<Option<usize>>,
    content: Vec<u8>,
}

/// A page of most machines: what was touched and what was not seldom share one.
const BLOCK_BYTES: usize = 4_096;

/// Whether there are zeros alone. Nothing is read but the bytes, eight words at a
/// time: that is as fast as a cache gives them.
fn are_zeros(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let (lines, words) = words.as_chunks::<8>();
    let mut any = [0; 8];
    for line in lines {
        for (any, word) in any.iter_mut().zip(line) {
            *any |= u64::from_ne_bytes(*word);
        }
    }
    let words = words.iter().map(|word| u64::from_ne_bytes(*word));
    any.into_iter().chain(words).all(|word| word == 0) && rest.iter().all(|byte| *byte == 0)
}

impl Snapshot {
    /// What `memory` holds now.
    pub(crate) fn of(memory: &[u8]) -> Self {
        let mut content = Vec::new();
        let blocks = memory.chunks(BLOCK_BYTES).map(|block| {
            let start = content.len();
            (!are_zeros(block)).then(|| {
                content.extend_from_slice(block);
                start
            })
        });
        Self {
            bytes: memory.len(),
            blocks: blocks.collect(),
            content,
        }
    }

    /// How many bytes of memory there were.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes `memory`, of as many bytes, hold what it held, but for the range
    /// that is about to be overwritten whatever it holds.
    pub(crate) fn restore(&self, memory: &mut [u8], overwritten: Range<usize>) {
        assert_eq!(memory.len(), self.bytes, "a memory that has grown stays so");
        self.restore_range(memory, 0..overwritten.start);
        self.restore_range(memory, overwritten.end..self.bytes);
    }

    fn restore_range(&self, memory: &mut [u8], range: Range<usize>) {
        let mut start = range.start;
        while start < range.end {
            let number = start / BLOCK_BYTES;
            let end = range.end.min((number + 1) * BLOCK_BYTES);
            let now = &mut memory[start..end];
            match self.blocks[number] {
                None if are_zeros(now) => {}
                None => now.fill(0),
                Some(content) => {
                    let content = content + start % BLOCK_BYTES;
                    let before = &self.content[content..content + (end - start)];
                    if now != before {
                        now.copy_from_slice(before);
                    }
                }
            }
            start = end;
        }
    }
}
