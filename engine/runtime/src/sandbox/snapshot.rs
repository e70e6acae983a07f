//! Snapshots of a memory, and their restoration.
//!
//! Most of a guest's memory is untouched zeros: unused stack and free heap. So
//! restoring compares the memory with the snapshot block by block and writes only
//! blocks that differ; untouched pages stay unmapped.
//!
//! A memory is a plain slice here; nothing depends on Wasm.

use std::ops::Range;

/// Content of a memory, without blocks of zeros.
pub(crate) struct Snapshot {
    bytes: usize,
    /// Offset of each block in `content`; `None` for a block of zeros.
    blocks: Vec<Option<usize>>,
    content: Vec<u8>,
}

/// Bytes per block: a page of most machines, the granularity of first touches.
const BLOCK_BYTES: usize = 4_096;

/// Returns true if all bytes of a block are zero. One that was written to mostly shows it
/// at its beginning.
fn is_zero_block(bytes: &[u8]) -> bool {
    let (first, rest) = bytes.split_at(bytes.len().min(FIRST_BYTES));
    are_zeros(first) && are_zeros(rest)
}

/// Bytes of a block that are looked at first.
const FIRST_BYTES: usize = 256;

/// Returns true if all bytes are zero. Reads eight words at a time, at the speed of
/// the cache.
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
    /// Takes a snapshot of `memory`.
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

    /// Returns the size of the memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the bytes of the blocks that are not zeros.
    pub(crate) fn content_bytes(&self) -> usize {
        self.content.len()
    }

    /// Restores `memory`, of the same size, except for a range that is about to be
    /// overwritten.
    ///
    /// # Panics
    ///
    /// If the sizes differ.
    pub(crate) fn restore(&self, memory: &mut [u8], overwritten: Range<usize>) {
        assert_eq!(
            memory.len(),
            self.bytes,
            "a memory that has grown cannot be restored"
        );
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
                None if is_zero_block(now) => {}
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
