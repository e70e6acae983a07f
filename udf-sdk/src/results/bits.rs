//! Result columns of booleans.

use super::{Block, Nulls, ResultBuilder};
use crate::raw::Call;

/// Builds a result column of booleans.
#[derive(Debug, Default)]
pub struct BitBuilder {
    pub(super) words: Vec<u64>,
    pub(super) nulls: Nulls,
}

impl BitBuilder {
    /// Creates a builder without rows, which owns no memory.
    pub(crate) const fn new() -> Self {
        Self {
            words: Vec::new(),
            nulls: Nulls::new(),
        }
    }

    /// Appends rows, each with its number: a multiple of 64 rows except in the last
    /// call.
    #[inline]
    pub(crate) fn extend(&mut self, rows: impl Iterator<Item = (usize, Option<bool>)>) {
        let mut word = 0;
        let mut bits = 0;
        for (row, value) in rows {
            if value.is_none() {
                self.nulls.set_null(row);
            }
            word |= u64::from(value == Some(true)) << bits;
            bits += 1;
            if bits == u64::BITS {
                self.words.push(word);
                (word, bits) = (0, 0);
            }
        }
        if bits > 0 {
            self.words.push(word);
        }
    }

    /// Appends the rows of a block; `value` returns those that the function is
    /// called for.
    #[inline]
    pub(crate) fn extend_some(
        &mut self,
        block: Block,
        begin: impl FnMut(usize),
        mut value: impl FnMut(usize) -> Option<bool>,
    ) {
        let mut word = 0;
        let nulls = block.each(begin, |index| {
            let value = value(block.start + index);
            word |= u64::from(value == Some(true)) << index;
            value.is_none()
        });
        self.words.push(word);
        self.nulls.set_nulls(block.start, nulls);
    }

    /// Returns the buffers in the order of the layout, the validity bitmap first.
    pub(super) fn buffers(&self) -> impl AsRef<[*const u8]> {
        [self.nulls.buffer(), self.words.as_ptr().cast()]
    }
}

impl ResultBuilder for BitBuilder {
    fn start(&mut self, rows: usize) {
        self.words.clear();
        self.words.reserve(rows.div_ceil(64));
        self.nulls.start(rows);
    }

    #[inline]
    fn set_nulls(&mut self, start: usize, nulls: u64) {
        self.nulls.set_nulls(start, nulls);
    }

    #[inline]
    fn return_to(&mut self, call: &Call) -> u32 {
        call.return_buffers(self.buffers().as_ref())
    }
}
