//! The buffers of a column, as slices.

/// Layout of the buffers after a column's validity bitmap.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BufferLayout {
    /// One bit a row.
    Bits,
    /// A fixed number of bytes a row.
    Numbers(usize),
    /// Offsets and data.
    Bytes,
}

/// The buffers of one lowered column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffers<'c> {
    /// The slot of the column's aligned copies.
    pub slot: usize,
    /// Number of rows of the batch.
    pub rows: usize,
    /// Number of rows of the column: `rows`, or 1 if the argument is constant.
    pub length: usize,
    /// The validity bitmap in whole words of 8 bytes; none if no row is null.
    pub validity: Option<&'c [u8]>,
    /// Numbers, bits in whole words of 8 bytes, or offsets.
    pub values: &'c [u8],
    /// The data that the offsets refer to; empty for other layouts.
    pub data: &'c [u8],
}
