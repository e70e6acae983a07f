//! Argument columns, as slices of lowered buffers.
//!
//! This module handles no addresses, so all of it runs natively in tests. The
//! rows of a column are iterators over slices of the right length, which the
//! compiler turns into loops without bounds checks. Nothing here panics: the
//! host guarantees the lengths, and a column that is too short only makes the
//! result too short, which the host rejects.

use std::borrow::Cow;

use crate::number::Number;
use crate::raw::{Buffers, ByteStrings, Strings, TextStrings};

/// Number of contiguous copies of a constant number, so that a loop reads a
/// constant like a column. A multiple of [`BLOCK_ROWS`].
pub(crate) const CONSTANT_ROWS: usize = 256;

/// Number of rows in one word of a validity bitmap.
pub(crate) const BLOCK_ROWS: usize = 64;

/// A column of arguments, of any layout.
pub trait InputColumn {
    /// The value of a row; unspecified if the row is null.
    type Item: Copy;

    /// Bytes that a row is charged for reading it: 0 if the overhead fuel of a
    /// row suffices.
    const READ_CHARGE_BYTES: usize = 0;

    /// True if rows are contiguous, so that loops over them can be vectorised.
    const IS_FLAT: bool = false;

    /// Returns the validity of the rows.
    fn validity(&self) -> &Validity<'_>;

    /// Returns the value of a row in place.
    fn at(&self, row: usize) -> Self::Item;

    /// Returns the value of a row, by work that does not depend on the other
    /// rows.
    #[inline]
    fn get(&self, row: usize) -> Self::Item {
        self.at(row)
    }

    /// Returns the values of the `rows` rows from `start`: at most
    /// [`CONSTANT_ROWS`] rows of a constant.
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = Self::Item>;
}

/// Validity bits, of a column with or without a bitmap.
///
/// Reading the bit of a row takes the same work for constants and for columns
/// with and without nulls, since a row must cost the same in every batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bitmap<'c> {
    words: &'c [[u8; 8]],
    /// Mask of the row of a bit: 0 if one word serves all rows.
    mask: usize,
}

/// The validity of any number of rows without nulls.
static ALL: [[u8; 8]; 1] = [[u8::MAX; 8]];
static NONE: [[u8; 8]; 1] = [[0; 8]];

impl<'c> Bitmap<'c> {
    pub(crate) fn new(buffers: &Buffers<'c>) -> Self {
        let is_constant = buffers.length < buffers.rows;
        let (words, mask) = match buffers.validity.map(|bitmap| bitmap.as_chunks().0) {
            Some(words) if !is_constant => (words, usize::MAX),
            Some(words) if !bit(words, 0) => (&NONE[..], 0),
            _ => (&ALL[..], 0),
        };
        Self { words, mask }
    }

    /// Returns one bit for each of the [`BLOCK_ROWS`] rows from `start`, a
    /// multiple of that, the first row lowest: 1 if the row is not null. All
    /// ones if the column has no nulls.
    #[inline]
    pub(crate) fn word(&self, start: usize) -> u64 {
        word(self.words, start & self.mask)
    }

    /// Returns true if `row` is not null.
    #[inline]
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.word(row) >> (row % BLOCK_ROWS) & 1 == 1
    }

    /// Returns true if none of the `len` rows from `start` is null, by work
    /// that does not depend on `start`.
    #[inline]
    pub(crate) fn are_valid(&self, start: usize, len: usize) -> bool {
        // Most ranges are short and need no call.
        self.are_valid_at_once(start, len)
            && (len <= BLOCK_ROWS || self.are_more_valid(start + BLOCK_ROWS, len - BLOCK_ROWS))
    }

    #[inline(never)]
    fn are_more_valid(self, start: usize, len: usize) -> bool {
        let mut starts = (0..len).step_by(BLOCK_ROWS);
        starts.all(|row| self.are_valid_at_once(start + row, len - row))
    }

    /// Does the same for at most the first [`BLOCK_ROWS`] rows.
    #[inline]
    fn are_valid_at_once(&self, start: usize, len: usize) -> bool {
        let shift = start % BLOCK_ROWS;
        let low = self.word(start) >> shift;
        let high = self.word(start + BLOCK_ROWS) << 1 << (BLOCK_ROWS - 1 - shift);
        let behind = u64::MAX.checked_shl(len as u32).unwrap_or_default();
        low | high | behind == u64::MAX
    }
}

/// The validity of a column's rows, and whether the column is constant.
#[derive(Clone, Copy, Debug)]
pub struct Validity<'c> {
    bits: Bitmap<'c>,
    /// Mask of the row of a value: 0 if row 0 serves all rows.
    rows: usize,
    has_nulls: bool,
}

impl<'c> Validity<'c> {
    pub(crate) fn new(buffers: &Buffers<'c>) -> Self {
        let is_constant = buffers.length < buffers.rows;
        Self {
            bits: Bitmap::new(buffers),
            rows: if is_constant { 0 } else { usize::MAX },
            has_nulls: buffers.validity.is_some(),
        }
    }

    /// Returns true if any row is null.
    pub(crate) fn has_nulls(&self) -> bool {
        self.has_nulls
    }

    /// Returns true if row 0 is the value of every row.
    pub(crate) fn is_constant(&self) -> bool {
        self.rows == 0
    }

    /// Returns one bit for each of the [`BLOCK_ROWS`] rows from `start`, a
    /// multiple of that: 1 if the row is not null.
    #[inline]
    pub(crate) fn word(&self, start: usize) -> u64 {
        self.bits.word(start)
    }

    /// Returns true if `row` is not null.
    #[inline]
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.bits.is_valid(row)
    }

    /// Returns the row of the column that holds the value of `row`.
    #[inline]
    pub(crate) fn row(&self, row: usize) -> usize {
        row & self.rows
    }
}

/// A column of numbers.
#[derive(Debug)]
pub struct Numbers<'c, N: Number> {
    values: Cow<'c, [N::Bytes]>,
    validity: Validity<'c>,
}

impl<'c, N: Number> Numbers<'c, N> {
    /// Reads numbers, and expands a constant.
    pub(crate) fn new(buffers: Buffers<'c>) -> Self {
        let values = N::chunks(buffers.values);
        let validity = Validity::new(&buffers);
        let values = match values {
            [constant, ..] if validity.is_constant() => {
                vec![*constant; buffers.rows.min(CONSTANT_ROWS)].into()
            }
            _ => values.into(),
        };
        Self { values, validity }
    }
}

impl<N: Number> InputColumn for Numbers<'_, N> {
    type Item = N;

    const IS_FLAT: bool = true;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn at(&self, row: usize) -> N {
        let bytes = self.values.get(self.validity.row(row));
        N::from_bytes(bytes.copied().unwrap_or_default())
    }

    #[inline]
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = N> {
        let start = self.validity.row(start);
        let values = self.values.get(start..start + rows).unwrap_or_default();
        values.iter().map(|bytes| N::from_bytes(*bytes))
    }
}

/// A column of booleans, one bit a row.
#[derive(Clone, Copy, Debug)]
pub struct Bits<'c> {
    words: &'c [[u8; 8]],
    validity: Validity<'c>,
}

impl<'c> Bits<'c> {
    /// Reads booleans.
    pub(crate) fn new(buffers: Buffers<'c>) -> Self {
        Self {
            words: buffers.values.as_chunks().0,
            validity: Validity::new(&buffers),
        }
    }
}

impl InputColumn for Bits<'_> {
    type Item = bool;

    const IS_FLAT: bool = true;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn at(&self, row: usize) -> bool {
        bit(self.words, self.validity.row(row))
    }

    #[inline]
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = bool> {
        (start..start + rows).map(|row| self.at(row))
    }
}

/// A column of byte strings or texts.
#[derive(Clone, Copy, Debug)]
pub struct StringColumn<'c, S> {
    slot: usize,
    strings: S,
    validity: Validity<'c>,
}

/// A column of byte strings.
pub(crate) type ByteColumn<'c> = StringColumn<'c, ByteStrings<'c>>;

/// A column of texts.
pub(crate) type TextColumn<'c> = StringColumn<'c, TextStrings<'c>>;

impl<'c> ByteColumn<'c> {
    /// Reads byte strings.
    pub(crate) fn bytes(buffers: Buffers<'c>) -> Self {
        Self::new(&buffers, ByteStrings::new(&buffers))
    }
}

impl<'c> TextColumn<'c> {
    /// Reads texts.
    pub(crate) fn texts((buffers, texts): (Buffers<'c>, TextStrings<'c>)) -> Self {
        Self::new(&buffers, texts)
    }
}

impl<'c, S: Strings<'c>> StringColumn<'c, S> {
    fn new(buffers: &Buffers<'c>, strings: S) -> Self {
        Self {
            slot: buffers.slot,
            strings,
            validity: Validity::new(buffers),
        }
    }
}

impl<'c, S: Strings<'c, String: 'c>> InputColumn for StringColumn<'c, S> {
    type Item = &'c S::String;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn at(&self, row: usize) -> &'c S::String {
        self.strings.get(self.validity.row(row))
    }

    #[inline]
    fn get(&self, row: usize) -> &'c S::String {
        S::aligned_copy(self.at(row), self.slot)
    }

    #[inline]
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = &'c S::String> {
        (start..start + rows).map(|row| self.at(row))
    }
}

/// Returns the word of a bitmap that has the bit of `row`.
#[inline]
fn word(words: &[[u8; 8]], row: usize) -> u64 {
    u64::from_le_bytes(words.get(row / BLOCK_ROWS).copied().unwrap_or_default())
}

/// Returns a word whose lowest `rows` bits are 1, or all if there are more
/// rows.
#[inline]
pub(crate) fn bits(rows: usize) -> u64 {
    match rows {
        0 => 0,
        1..BLOCK_ROWS => u64::MAX >> (BLOCK_ROWS - rows),
        _ => u64::MAX,
    }
}

/// Returns bit `row` of a bitmap, least significant bit first.
#[inline]
pub(crate) fn bit(words: &[[u8; 8]], row: usize) -> bool {
    word(words, row) >> (row % BLOCK_ROWS) & 1 == 1
}

#[cfg(test)]
impl crate::sample::Sample {
    pub(crate) fn as_numbers(&self) -> Numbers<'_, i64> {
        Numbers::new(self.buffers())
    }

    pub(crate) fn as_bits(&self) -> Bits<'_> {
        Bits::new(self.buffers())
    }

    pub(crate) fn as_bytes(&self) -> ByteColumn<'_> {
        ByteColumn::bytes(self.buffers())
    }

    pub(crate) fn as_text(&self) -> TextColumn<'_> {
        TextColumn::texts((self.buffers(), self.texts_of()))
    }
}

#[cfg(test)]
mod tests;
