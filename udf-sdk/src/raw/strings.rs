//! Byte strings and texts of a column: rows between offsets into data.
//!
//! [`TextStrings`] and [`TextSlice`] hold rows that are UTF-8 and give them out
//! as `str` unchecked. Every row that can be asked for lies between two
//! consecutive offsets, so no check at the row is needed.

use crate::offsets::Offsets;

use super::buffers::Buffers;
use super::memory::aligned_copy;

/// The strings of a whole column.
pub trait Strings<'c>: Copy {
    /// A string: bytes or text.
    type String: ?Sized;

    /// Returns the string of a row; unspecified if the row is null, empty past
    /// the end.
    fn get(&self, row: usize) -> &'c Self::String;

    /// Copies a string to the aligned address of a slot, where it stays until the
    /// slot is used again.
    fn aligned_copy(string: &'c Self::String, slot: usize) -> &'c Self::String;
}

/// The strings of some consecutive rows of a column.
pub trait StringSlice<'c>: Copy + 'c {
    /// A string: bytes or text.
    type String: ?Sized + 'c;

    /// Returns the string of a row; none past the end.
    fn get(&self, index: usize) -> Option<&'c Self::String>;

    /// Returns the rows from `start` to `end`, exclusive.
    fn slice(self, start: usize, end: usize) -> Self;

    /// Copies all strings to the aligned address of a slot, where they stay until
    /// the slot is used again.
    fn aligned_copy(self, slot: usize) -> Self;
}

/// The byte strings of a whole column.
#[derive(Clone, Copy, Debug)]
pub struct ByteStrings<'c> {
    offsets: &'c [[u8; 4]],
    data: &'c [u8],
}

impl<'c> ByteStrings<'c> {
    /// Reads the buffers of a column.
    pub(crate) fn new(buffers: &Buffers<'c>) -> Self {
        Self {
            offsets: buffers.values.as_chunks().0,
            data: buffers.data,
        }
    }
}

impl<'c> Strings<'c> for ByteStrings<'c> {
    type String = [u8];

    #[inline]
    fn get(&self, row: usize) -> &'c [u8] {
        let Some([start, end]) = self.offsets.get(row..).and_then(|rest| rest.first_chunk()) else {
            return &[];
        };
        let range = u32::from_le_bytes(*start) as usize..u32::from_le_bytes(*end) as usize;
        self.data.get(range).unwrap_or_default()
    }

    #[inline]
    fn aligned_copy(string: &'c [u8], slot: usize) -> &'c [u8] {
        aligned_copy(string, slot)
    }
}

/// The texts of a whole column.
#[derive(Clone, Copy, Debug)]
pub struct TextStrings<'c>(ByteStrings<'c>);

impl<'c> TextStrings<'c> {
    /// Takes byte strings for texts.
    ///
    /// # Safety
    ///
    /// The bytes of every row, null or not, are UTF-8.
    pub(super) unsafe fn new_unchecked(strings: ByteStrings<'c>) -> Self {
        Self(strings)
    }
}

impl<'c> Strings<'c> for TextStrings<'c> {
    type String = str;

    #[inline]
    fn get(&self, row: usize) -> &'c str {
        // SAFETY: `ByteStrings::get` returns the bytes of a row, or none, and the
        // caller of `new_unchecked` guarantees that every row is UTF-8.
        unsafe { str::from_utf8_unchecked(self.0.get(row)) }
    }

    #[inline]
    fn aligned_copy(string: &'c str, slot: usize) -> &'c str {
        let copy = aligned_copy(string.as_bytes(), slot);
        // SAFETY: these are the bytes of `string`.
        unsafe { str::from_utf8_unchecked(copy) }
    }
}

/// The byte strings of some consecutive rows.
#[derive(Clone, Copy, Debug)]
pub struct ByteSlice<'c> {
    offsets: Offsets<'c>,
    data: &'c [u8],
}

impl<'c> ByteSlice<'c> {
    /// Reads the buffers of a column.
    pub(crate) fn new(buffers: &Buffers<'c>) -> Self {
        Self {
            offsets: Offsets::new(buffers.values.as_chunks().0),
            data: buffers.data,
        }
    }
}

impl<'c> StringSlice<'c> for ByteSlice<'c> {
    type String = [u8];

    #[inline]
    fn get(&self, index: usize) -> Option<&'c [u8]> {
        let (start, end) = self.offsets.of(index);
        self.data.get(start..end)
    }

    #[inline]
    fn slice(self, start: usize, end: usize) -> Self {
        let (first, last) = self.offsets.range(start, end);
        Self {
            offsets: self.offsets.slice(start),
            data: self.data.get(first..last).unwrap_or_default(),
        }
    }

    #[inline]
    fn aligned_copy(self, slot: usize) -> Self {
        Self {
            data: aligned_copy(self.data, slot),
            ..self
        }
    }
}

/// The texts of some consecutive rows.
#[derive(Clone, Copy, Debug)]
pub struct TextSlice<'c>(ByteSlice<'c>);

impl<'c> From<TextStrings<'c>> for TextSlice<'c> {
    /// Returns the texts of all rows.
    fn from(texts: TextStrings<'c>) -> Self {
        let ByteStrings { offsets, data } = texts.0;
        Self(ByteSlice {
            offsets: Offsets::new(offsets),
            data,
        })
    }
}

impl<'c> StringSlice<'c> for TextSlice<'c> {
    type String = str;

    #[inline]
    fn get(&self, index: usize) -> Option<&'c str> {
        let bytes = self.0.get(index)?;
        // SAFETY: the bytes lie between two consecutive offsets of a column of
        // texts, relative to the data of the same rows: they are a row of it, or
        // empty, and `TextStrings` guarantees that every row is UTF-8.
        Some(unsafe { str::from_utf8_unchecked(bytes) })
    }

    #[inline]
    fn slice(self, start: usize, end: usize) -> Self {
        Self(self.0.slice(start, end))
    }

    #[inline]
    fn aligned_copy(self, slot: usize) -> Self {
        Self(self.0.aligned_copy(slot))
    }
}
