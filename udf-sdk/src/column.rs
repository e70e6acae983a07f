//! Argument columns, as slices of what the host lowered.
//!
//! Nothing here knows an address, so all of it runs natively in tests. The
//! rows of a column come as iterators over slices cut to length, which the
//! compiler turns into loops without a bounds check. Nothing here panics
//! either: the host keeps its promises, and a column that were too short would
//! only make the result too short, which the host refuses.

use std::borrow::Cow;

use crate::entry::aligned;
use crate::number::Number;

/// How the buffers behind a column's validity bitmap are laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    /// One bit a row.
    Bits,
    /// So many bytes a row.
    Numbers(usize),
    /// Offsets, and data.
    Bytes,
}

/// How many copies of a constant number lie side by side, so that the loop
/// reads a constant like a column. A multiple of [`BLOCK_ROWS`].
pub(crate) const SPREAD_ROWS: usize = 256;

/// The rows that one word of a validity bitmap describes.
pub(crate) const BLOCK_ROWS: usize = 64;

/// The buffers of one lowered column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffers<'c> {
    /// Which argument the column is, from 0.
    pub position: usize,
    /// The rows of the batch.
    pub rows: usize,
    /// The rows of the column: `rows`, or 1 where the argument is constant.
    pub length: usize,
    /// The validity bitmap in whole words of 8 bytes, unless no row is null.
    pub validity: Option<&'c [u8]>,
    /// Numbers, bits in whole words of 8 bytes, or offsets.
    pub values: &'c [u8],
    /// What the offsets point into; empty for other layouts.
    pub data: &'c [u8],
}

/// What a column is to the loop, whatever its layout.
pub trait Column {
    /// The value of a row; an unspecified one where the row is null.
    type Item: Copy;

    /// What reading a row is settled with, in bytes: nothing where what every
    /// row brings to the book is enough.
    const READ_BYTES: usize = 0;

    /// Whether rows lie side by side, so that loops over them can be vectorised.
    const IS_FLAT: bool = false;

    /// Which rows are null.
    fn validity(&self) -> &Validity<'_>;

    /// The value of a row, where it lies.
    fn at(&self, row: usize) -> Self::Item;

    /// The value of a row, by steps that do not depend on the other rows.
    #[inline]
    fn get(&self, row: usize) -> Self::Item {
        self.at(row)
    }

    /// The values of the `rows` rows from `start`. Of a constant, at most
    /// [`SPREAD_ROWS`] rows may be asked for at once.
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = Self::Item>;
}

/// Which rows are null, whether the column has a bitmap or not.
///
/// To look at a row takes the same steps whether the column is constant and
/// whether it has nulls, since a row must cost the same in every batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bitmap<'c> {
    words: &'c [[u8; 8]],
    /// What the row of a bit is masked with: 0 where one word stands for all.
    mask: usize,
}

/// The validity of as many rows as one likes.
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

    /// One bit for each of the [`BLOCK_ROWS`] rows from `start`, a multiple of
    /// that, the first row lowest: 1 where the row is not null. All ones where
    /// the column has no nulls.
    #[inline]
    pub(crate) fn word(&self, start: usize) -> u64 {
        word(self.words, start & self.mask)
    }

    /// Whether `row` is not null.
    #[inline]
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.word(row) >> (row % BLOCK_ROWS) & 1 == 1
    }

    /// Whether no one of `len` rows from `start` on is null, by steps that do
    /// not depend on where they are.
    #[inline]
    pub(crate) fn are_valid(&self, start: usize, len: usize) -> bool {
        // Most are few, and then nothing is called.
        self.are_valid_at_once(start, len)
            && (len <= BLOCK_ROWS || self.are_more_valid(start + BLOCK_ROWS, len - BLOCK_ROWS))
    }

    #[inline(never)]
    fn are_more_valid(self, start: usize, len: usize) -> bool {
        let mut starts = (0..len).step_by(BLOCK_ROWS);
        starts.all(|row| self.are_valid_at_once(start + row, len - row))
    }

    /// The same for the first [`BLOCK_ROWS`] of them.
    #[inline]
    fn are_valid_at_once(&self, start: usize, len: usize) -> bool {
        let shift = start % BLOCK_ROWS;
        let low = self.word(start) >> shift;
        let high = self.word(start + BLOCK_ROWS) << 1 << (BLOCK_ROWS - 1 - shift);
        let behind = u64::MAX.checked_shl(len as u32).unwrap_or_default();
        low | high | behind == u64::MAX
    }
}

/// Which rows of a column are null, and whether it is constant.
#[derive(Clone, Copy, Debug)]
pub struct Validity<'c> {
    bits: Bitmap<'c>,
    /// What the row of a value is masked with: 0 where row 0 stands for all.
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

    /// Whether any row is null.
    pub(crate) fn has_nulls(&self) -> bool {
        self.has_nulls
    }

    /// Whether row 0 stands for every row.
    pub(crate) fn is_constant(&self) -> bool {
        self.rows == 0
    }

    /// One bit for each of the [`BLOCK_ROWS`] rows from `start`, a multiple of
    /// that: 1 where the row is not null.
    #[inline]
    pub(crate) fn word(&self, start: usize) -> u64 {
        self.bits.word(start)
    }

    /// Whether `row` is not null.
    #[inline]
    pub(crate) fn is_valid(&self, row: usize) -> bool {
        self.bits.is_valid(row)
    }

    /// The row of the column that stands for `row`.
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
    /// Reads numbers, and spreads a constant.
    pub(crate) fn new(buffers: Buffers<'c>) -> Self {
        let values = N::chunks(buffers.values);
        let validity = Validity::new(&buffers);
        let values = match values {
            [constant, ..] if validity.is_constant() => {
                vec![*constant; buffers.rows.min(SPREAD_ROWS)].into()
            }
            _ => values.into(),
        };
        Self { values, validity }
    }
}

impl<N: Number> Column for Numbers<'_, N> {
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

impl Column for Bits<'_> {
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

/// A column of byte strings.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'c> {
    position: usize,
    offsets: &'c [[u8; 4]],
    data: &'c [u8],
    validity: Validity<'c>,
}

impl<'c> Bytes<'c> {
    /// Reads byte strings.
    pub(crate) fn new(buffers: Buffers<'c>) -> Self {
        Self {
            position: buffers.position,
            offsets: buffers.values.as_chunks().0,
            data: buffers.data,
            validity: Validity::new(&buffers),
        }
    }

    /// Which argument the column is, from 0.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The bytes of a row, in the column; unspecified ones where it is null.
    #[inline]
    pub(crate) fn slice(&self, row: usize) -> &'c [u8] {
        let row = self.validity.row(row);
        let Some([start, end]) = self.offsets.get(row..).and_then(|rest| rest.first_chunk()) else {
            return &[];
        };
        let range = u32::from_le_bytes(*start) as usize..u32::from_le_bytes(*end) as usize;
        self.data.get(range).unwrap_or_default()
    }
}

impl<'c> Column for Bytes<'c> {
    type Item = &'c [u8];

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn at(&self, row: usize) -> &'c [u8] {
        self.slice(row)
    }

    #[inline]
    fn get(&self, row: usize) -> &'c [u8] {
        aligned(self.slice(row), self.position)
    }

    #[inline]
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = &'c [u8]> {
        (start..start + rows).map(|row| self.slice(row))
    }
}

/// The word of a bitmap that describes `row`.
#[inline]
fn word(words: &[[u8; 8]], row: usize) -> u64 {
    u64::from_le_bytes(words.get(row / BLOCK_ROWS).copied().unwrap_or_default())
}

/// As many bits as a word has rows, the lowest ones.
#[inline]
pub(crate) fn bits(rows: usize) -> u64 {
    match rows {
        0 => 0,
        1..BLOCK_ROWS => u64::MAX >> (BLOCK_ROWS - rows),
        _ => u64::MAX,
    }
}

/// Bit `row` of a bitmap, least significant bit first.
#[inline]
pub(crate) fn bit(words: &[[u8; 8]], row: usize) -> bool {
    word(words, row) >> (row % BLOCK_ROWS) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::sample::Sample;

    #[test]
    fn validity_of_a_constant_is_that_of_every_row() {
        for (constant, word) in [(Some(7), u64::MAX), (None, 0)] {
            let sample = Sample::numbers(1000, &[constant]);
            let column = sample.as_numbers();
            assert!(column.validity().is_constant());
            assert_eq!(column.validity().has_nulls(), constant.is_none());
            assert_eq!(column.validity().word(0), word);
            assert_eq!(column.validity().word(960), word);
            assert_eq!(column.validity().is_valid(999), constant.is_some());
        }
    }

    #[test]
    fn column_of_one_row_is_no_constant() {
        assert!(
            !Sample::numbers(1, &[Some(7)])
                .as_numbers()
                .validity()
                .is_constant()
        );
    }

    #[test]
    fn bit_past_the_end_is_null() {
        let mut rows = [Some(7); 65];
        rows[0] = None;
        let sample = Sample::numbers(65, &rows);
        let column = sample.as_numbers();
        assert_eq!(column.validity().word(0), u64::MAX - 1);
        assert_eq!(column.validity().word(64), 1);
    }

    #[test]
    fn column_shorter_than_promised_has_no_more_rows() {
        let sample = Sample::texts(2, &[Some("ab"), Some("c")]);
        let column = sample.as_bytes();
        let rows: Vec<&[u8]> = column.rows(0, 2).collect();
        assert_eq!(rows, [&b"ab"[..], b"c"]);
        assert_eq!(column.slice(1000), b"");
        let sample = Sample::numbers(8, &[Some(7); 8]);
        assert_eq!(sample.as_numbers().rows(8, 8).count(), 0);
    }
}
