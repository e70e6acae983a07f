//! Builders of result columns, which keep their memory from call to call.
//!
//! There are two kinds. [`NumberBuilder`], [`BitBuilder`] and [`BytesBuilder`]
//! build a column of one type in a loop that the compiler unrolls and vectorises,
//! since they know the type and append whole blocks of rows. [`NestedBuilder`]
//! builds lists, structs and maps of any type value by value, with a
//! [`ColumnBuilder`](crate::column_builder::ColumnBuilder) that knows the layout
//! only at run time: one copy of its code serves all types. A flat column built in
//! that way would not be vectorised; nested ones built by generic code would make
//! modules several times as large.

use crate::column::{BLOCK_ROWS, bits};
use crate::raw::Call;

// Numbers.
mod numbers;

// Booleans.
mod bits;

// Texts and byte strings.
mod bytes;

// Lists, structs and maps.
mod nested;

pub(crate) use self::bits::BitBuilder;
pub(crate) use bytes::BytesBuilder;
pub(crate) use nested::NestedBuilder;
pub(crate) use numbers::NumberBuilder;

/// Builds a result column.
pub trait ResultBuilder: Default + 'static {
    /// Message for a row that does not fit.
    const OVERFLOW: &'static str = "the column of results has more than 2147483647 bytes";

    /// Removes all rows, keeps their memory, and reserves memory for `rows` rows.
    fn start(&mut self, rows: usize);

    /// Makes rows null: those of the rows from `start`, a multiple of
    /// [`BLOCK_ROWS`], whose bits are 1.
    fn set_nulls(&mut self, start: usize, nulls: u64);

    /// Returns the column as the result of a call.
    fn return_to(&mut self, call: &Call) -> u32;

    /// Returns the first row whose value did not fit.
    fn overflow(&self) -> Option<usize> {
        None
    }
}

/// The validity of result rows. The bitmap is allocated at the first null.
#[derive(Debug, Default)]
struct Nulls {
    words: Vec<u64>,
    rows: usize,
}

impl Nulls {
    const fn new() -> Self {
        Self {
            words: Vec::new(),
            rows: 0,
        }
    }

    fn start(&mut self, rows: usize) {
        self.words.clear();
        self.rows = rows;
    }

    /// Makes a row null. Not inlined, which leaves more registers to loops without
    /// nulls.
    #[inline(never)]
    fn set_null(&mut self, row: usize) {
        self.set_nulls(row - row % BLOCK_ROWS, 1 << (row % BLOCK_ROWS));
    }

    /// Makes rows null: those of the [`BLOCK_ROWS`] rows from `start` whose bits
    /// are 1.
    #[inline]
    fn set_nulls(&mut self, start: usize, nulls: u64) {
        if nulls == 0 {
            return;
        }
        if self.words.is_empty() {
            self.words.resize(self.rows.div_ceil(BLOCK_ROWS), u64::MAX);
        }
        if let Some(word) = self.words.get_mut(start / BLOCK_ROWS) {
            *word &= !nulls;
        }
    }

    fn buffer(&self) -> *const u8 {
        if self.words.is_empty() {
            std::ptr::null()
        } else {
            self.words.as_ptr().cast()
        }
    }
}

/// At most [`BLOCK_ROWS`] consecutive rows, some of which the function is called
/// for; the others are null.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// The first row, a multiple of [`BLOCK_ROWS`].
    pub(crate) start: usize,
    /// Number of rows.
    pub(crate) rows: usize,
    /// 1 for each row that the function is called for, the first lowest.
    pub(crate) called: u64,
    /// Number of rows that a row group spans, from the first that the function is
    /// called for.
    pub(crate) group: usize,
}

impl Block {
    /// Calls `is_null` for the rows that the function is called for, each by its
    /// index in the block, and `begin` for the first row of each group. Returns the
    /// rows that are null, one bit each.
    ///
    /// Each group has a loop of its own, so that the calls of `begin` do not take
    /// registers from the rows.
    #[inline]
    fn each(self, mut begin: impl FnMut(usize), mut is_null: impl FnMut(usize) -> bool) -> u64 {
        let all = bits(self.rows);
        let mut rest = self.called & all;
        let mut nulls = !rest & all;
        while rest != 0 {
            let first = rest.trailing_zeros() as usize;
            begin(self.start + first);
            let mut left = rest & bits(self.group) << first;
            rest &= !left;
            while left != 0 {
                let index = left.trailing_zeros() as usize;
                left &= left - 1;
                nulls |= u64::from(is_null(index)) << index;
            }
        }
        nulls
    }
}

#[cfg(test)]
mod tests;
