//! Argument columns, as slices of what the host lowered.
//!
//! Nothing here knows an address, so all of it runs natively in tests. A
//! constant argument has one row that stands for every row of the batch; the
//! loop over rows must not ask for it row by row, which is why columns are
//! read in [blocks](Column::block).

use std::borrow::Cow;

/// How many copies of a constant number are laid out side by side, so that the
/// loop reads a constant like a column. A multiple of [`BLOCK_ROWS`].
pub const SPREAD_ROWS: usize = 256;

/// The rows that one word of a validity bitmap describes.
pub const BLOCK_ROWS: usize = 64;

/// The buffers of one lowered column.
#[derive(Clone, Copy, Debug)]
pub struct Buffers<'c> {
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

/// What a column does for the loop, whatever its layout.
pub trait Column {
    /// Some rows of the column, ready for the loop.
    type Block<'b>
    where
        Self: 'b;

    /// Which rows are null.
    fn validity(&self) -> &Validity<'_>;

    /// The rows from `start`; `start` is a multiple of [`BLOCK_ROWS`], and of a
    /// constant at most [`SPREAD_ROWS`] rows may be asked for.
    fn block(&self, start: usize, rows: usize) -> Self::Block<'_>;
}

/// Which rows of a column are null, and whether it is constant.
#[derive(Clone, Copy, Debug)]
pub struct Validity<'c> {
    words: Option<&'c [[u8; 8]]>,
    is_constant: bool,
}

impl<'c> Validity<'c> {
    fn new(buffers: &Buffers<'c>) -> Self {
        Self {
            words: buffers.validity.map(|bitmap| bitmap.as_chunks().0),
            is_constant: buffers.length < buffers.rows,
        }
    }

    /// Whether any row is null.
    pub fn has_nulls(&self) -> bool {
        self.words.is_some()
    }

    /// Whether row 0 stands for every row.
    pub fn is_constant(&self) -> bool {
        self.is_constant
    }

    /// One bit for each of the [`BLOCK_ROWS`] rows from `start`, the first
    /// lowest: 1 where the row is not null.
    pub fn word(&self, start: usize) -> u64 {
        match self.words {
            None => u64::MAX,
            Some(words) if self.is_constant => 0_u64.wrapping_sub(bit(words, 0).into()),
            Some(words) => u64::from_le_bytes(words[start / BLOCK_ROWS]),
        }
    }

    /// Whether `row` is not null.
    pub fn is_valid(&self, row: usize) -> bool {
        let row = if self.is_constant { 0 } else { row };
        self.words.is_none_or(|words| bit(words, row))
    }
}

/// A number that a column holds in its own width.
pub trait Number: Copy + Default + 'static {
    /// The number, little endian.
    type Bytes: Copy;

    /// Borrows a buffer as numbers.
    fn chunks(buffer: &[u8]) -> &[Self::Bytes];

    /// Reads one number.
    fn from_bytes(bytes: Self::Bytes) -> Self;
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Number for $number {
            type Bytes = [u8; size_of::<$number>()];

            #[inline]
            fn chunks(buffer: &[u8]) -> &[Self::Bytes] {
                buffer.as_chunks().0
            }

            #[inline(always)]
            fn from_bytes(bytes: Self::Bytes) -> Self {
                <$number>::from_le_bytes(bytes)
            }
        }
    )*};
}
numbers!(i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

/// A column of numbers. Its block is a slice of exactly the rows asked for, so
/// that the compiler sees that no row lies outside it.
#[derive(Debug)]
pub struct Numbers<'c, N: Number> {
    values: Cow<'c, [N::Bytes]>,
    validity: Validity<'c>,
}

impl<'c, N: Number> Numbers<'c, N> {
    /// Reads numbers, and spreads a constant.
    pub fn new(buffers: Buffers<'c>) -> Self {
        let values = &N::chunks(buffers.values)[..buffers.length];
        let validity = Validity::new(&buffers);
        let values = if validity.is_constant {
            vec![values[0]; buffers.rows.min(SPREAD_ROWS)].into()
        } else {
            values.into()
        };
        Self { values, validity }
    }
}

impl<N: Number> Column for Numbers<'_, N> {
    type Block<'b>
        = &'b [N::Bytes]
    where
        Self: 'b;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn block(&self, start: usize, rows: usize) -> Self::Block<'_> {
        let start = if self.validity.is_constant { 0 } else { start };
        &self.values[start..start + rows]
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
    pub fn new(buffers: Buffers<'c>) -> Self {
        Self {
            words: buffers.values.as_chunks().0,
            validity: Validity::new(&buffers),
        }
    }
}

impl<'c> Column for Bits<'c> {
    type Block<'b>
        = (Self, usize)
    where
        Self: 'b;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn block(&self, start: usize, _rows: usize) -> Self::Block<'_> {
        (*self, start)
    }
}

impl Bits<'_> {
    /// The boolean of a row.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        bit(self.words, if self.validity.is_constant { 0 } else { row })
    }
}

/// A column of byte strings.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'c> {
    offsets: &'c [[u8; 4]],
    data: &'c [u8],
    validity: Validity<'c>,
}

impl<'c> Bytes<'c> {
    /// Reads byte strings.
    pub fn new(buffers: Buffers<'c>) -> Self {
        Self {
            offsets: buffers.values.as_chunks().0,
            data: buffers.data,
            validity: Validity::new(&buffers),
        }
    }

    /// The bytes of a row; unspecified ones where it is null.
    #[inline]
    pub fn get(&self, row: usize) -> &'c [u8] {
        let row = if self.validity.is_constant { 0 } else { row };
        let offset = |row: usize| u32::from_le_bytes(self.offsets[row]) as usize;
        &self.data[offset(row)..offset(row + 1)]
    }
}

impl<'c> Column for Bytes<'c> {
    type Block<'b>
        = (Self, usize)
    where
        Self: 'b;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn block(&self, start: usize, _rows: usize) -> Self::Block<'_> {
        (*self, start)
    }
}

/// Bit `row` of a bitmap, least significant bit first.
#[inline]
fn bit(words: &[[u8; 8]], row: usize) -> bool {
    let word = u64::from_le_bytes(words[row / BLOCK_ROWS]);
    word >> (row % BLOCK_ROWS) & 1 == 1
}
