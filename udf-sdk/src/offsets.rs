//! Offsets of strings and lists.

/// Offsets of some consecutive rows, which never decrease, relative to the offset
/// of the first row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offsets<'c> {
    offsets: &'c [[u8; 4]],
    base: usize,
}

impl<'c> Offsets<'c> {
    /// Takes the offsets of a whole column, which are relative to 0.
    pub(crate) fn new(offsets: &'c [[u8; 4]]) -> Self {
        Self { offsets, base: 0 }
    }

    #[inline]
    fn at(&self, index: usize) -> usize {
        let offset = self.offsets.get(index).copied().unwrap_or_default();
        u32::from_le_bytes(offset) as usize
    }

    /// Returns the start of row `start` and the end of row `end - 1`.
    #[inline]
    pub(crate) fn range(&self, start: usize, end: usize) -> (usize, usize) {
        let from_base = |index| self.at(index).wrapping_sub(self.base);
        (from_base(start), from_base(end))
    }

    /// Returns the start and the end of a row.
    #[inline]
    pub(crate) fn of(&self, row: usize) -> (usize, usize) {
        let ends = self.offsets.get(row..).and_then(<[_]>::first_chunk);
        let [start, end] = ends.map_or([0; 2], |ends: &[_; 2]| {
            ends.map(|end| (u32::from_le_bytes(end) as usize).wrapping_sub(self.base))
        });
        (start, end)
    }

    /// Returns the offsets from row `start` on, relative to its start.
    #[inline]
    pub(crate) fn slice(self, start: usize) -> Self {
        Self {
            offsets: self.offsets.get(start..).unwrap_or_default(),
            base: self.at(start),
        }
    }
}
