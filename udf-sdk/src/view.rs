//! Items and fields of columns, as slices.
//!
//! A view is some consecutive rows of a column of any type. It is created once
//! per call from the whole column, and sliced for each row to the items that
//! the row's argument holds. The contents of the slice are then copied to
//! aligned addresses, like the text of a column, so that their alignment
//! depends on the row alone.

use crate::aligned_copy::CopySlots;
use crate::column::{Bitmap, bit};
use crate::input_array::InputArray;
use crate::number::Number;
use crate::offsets::Offsets;
use crate::raw::{
    BufferLayout, Buffers, ByteSlice, StringSlice, TextSlice, aligned_copy, as_numbers,
};

/// Some consecutive rows of a column.
pub trait View<'c>: Copy + 'c {
    /// Bytes that a row is charged for slicing the view: a copy costs some work
    /// whatever its size.
    const READ_CHARGE_BYTES: usize;

    /// Returns the number of rows.
    fn rows(&self) -> usize;

    /// Returns the rows from `start` to `end`, exclusive, which must exist. If
    /// `COPY`, their contents are copied to aligned addresses.
    fn slice<const COPY: bool>(self, start: usize, end: usize) -> Self;
}

/// Bytes charged for slicing a view: some 70 units of fuel were measured.
const ITEM_CHARGE_BYTES: usize = 160;

/// Size of the largest words that the standard library reads bytes by. Items of
/// this size have the same alignment in every row.
const WORD_BYTES: usize = 8;

/// Bytes charged for copying the contents of a view, however few: some 280
/// units of fuel.
pub(crate) const COPY_CHARGE_BYTES: usize = 640;

/// The validity of some consecutive rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValiditySlice<'c> {
    bits: Bitmap<'c>,
    start: usize,
    len: usize,
}

impl<'c> ValiditySlice<'c> {
    fn new(buffers: &Buffers<'c>) -> Self {
        Self {
            bits: Bitmap::new(buffers),
            start: 0,
            len: buffers.length,
        }
    }

    #[inline]
    fn slice(self, start: usize, len: usize) -> Self {
        Self {
            start: self.start + start,
            len,
            ..self
        }
    }

    #[inline]
    fn is_valid(&self, index: usize) -> bool {
        index < self.len && self.bits.is_valid(self.start + index)
    }

    #[inline]
    fn are_valid(&self) -> bool {
        self.bits.are_valid(self.start, self.len)
    }
}

/// Numbers of a column.
#[derive(Clone, Copy, Debug)]
pub struct NumberView<'c, N: Number> {
    validity: ValiditySlice<'c>,
    values: &'c [N::Bytes],
    slot: usize,
}

impl<'c, N: Number> NumberView<'c, N> {
    pub(crate) fn new(array: InputArray<'c>, slots: &mut CopySlots) -> Self {
        let buffers = array.buffers(BufferLayout::Numbers(size_of::<N>()), slots);
        Self {
            validity: ValiditySlice::new(&buffers),
            values: N::chunks(buffers.values)
                .get(..buffers.length)
                .unwrap_or_default(),
            slot: buffers.slot,
        }
    }

    /// Returns a number; none if it is null or past the end.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<N> {
        let value = self.values.get(index)?;
        self.validity.is_valid(index).then(|| N::from_bytes(*value))
    }

    /// Returns all numbers; none if one of them is null.
    #[inline]
    pub(crate) fn as_slice(&self) -> Option<&'c [N]> {
        match self.validity.are_valid() {
            true => as_numbers(N::flat(self.values)),
            false => None,
        }
    }
}

impl<'c, N: Number> View<'c> for NumberView<'c, N> {
    const READ_CHARGE_BYTES: usize = ITEM_CHARGE_BYTES + COPY_CHARGE_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.validity.len
    }

    #[inline]
    fn slice<const COPY: bool>(self, start: usize, end: usize) -> Self {
        let mut values = self.values.get(start..end).unwrap_or_default();
        // Of the same length, so that one bounds check serves both.
        let validity = self.validity.slice(start, values.len());
        // Only searches by words depend on the alignment of items.
        if COPY && size_of::<N>() < WORD_BYTES {
            values = N::chunks(aligned_copy(N::flat(values), self.slot));
        }
        Self {
            validity,
            values,
            ..self
        }
    }
}

/// Booleans of a column.
#[derive(Clone, Copy, Debug)]
pub struct BitView<'c> {
    validity: ValiditySlice<'c>,
    words: &'c [[u8; 8]],
}

impl<'c> BitView<'c> {
    pub(crate) fn new(array: InputArray<'c>, slots: &mut CopySlots) -> Self {
        let buffers = array.buffers(BufferLayout::Bits, slots);
        Self {
            validity: ValiditySlice::new(&buffers),
            words: buffers.values.as_chunks().0,
        }
    }

    /// Returns a boolean; none if it is null or past the end.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<bool> {
        let is_valid = self.validity.is_valid(index);
        is_valid.then(|| bit(self.words, self.validity.start + index))
    }
}

impl<'c> View<'c> for BitView<'c> {
    const READ_CHARGE_BYTES: usize = ITEM_CHARGE_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.validity.len
    }

    #[inline]
    fn slice<const COPY: bool>(self, start: usize, end: usize) -> Self {
        Self {
            validity: self.validity.slice(start, end.saturating_sub(start)),
            ..self
        }
    }
}

/// Byte strings or texts of a column.
#[derive(Clone, Copy, Debug)]
pub struct StringView<'c, S> {
    validity: ValiditySlice<'c>,
    strings: S,
    slot: usize,
}

/// Byte strings of a column.
pub(crate) type ByteView<'c> = StringView<'c, ByteSlice<'c>>;

/// Texts of a column.
pub(crate) type TextView<'c> = StringView<'c, TextSlice<'c>>;

impl<'c> ByteView<'c> {
    pub(crate) fn new(array: InputArray<'c>, slots: &mut CopySlots) -> Self {
        let buffers = array.buffers(BufferLayout::Bytes, slots);
        Self::of(&buffers, ByteSlice::new(&buffers))
    }
}

impl<'c> TextView<'c> {
    pub(crate) fn new(array: InputArray<'c>, slots: &mut CopySlots) -> Self {
        let (buffers, texts) = array.text(slots);
        Self::of(&buffers, texts.into())
    }
}

impl<'c, S: StringSlice<'c>> StringView<'c, S> {
    fn of(buffers: &Buffers<'c>, strings: S) -> Self {
        Self {
            validity: ValiditySlice::new(buffers),
            strings,
            slot: buffers.slot,
        }
    }

    /// Returns a string; none if it is null or past the end.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&'c S::String> {
        if !self.validity.is_valid(index) {
            return None;
        }
        self.strings.get(index)
    }
}

impl<'c, S: StringSlice<'c>> View<'c> for StringView<'c, S> {
    const READ_CHARGE_BYTES: usize = ITEM_CHARGE_BYTES + COPY_CHARGE_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.validity.len
    }

    #[inline]
    fn slice<const COPY: bool>(self, start: usize, end: usize) -> Self {
        let mut strings = self.strings.slice(start, end);
        if COPY {
            strings = strings.aligned_copy(self.slot);
        }
        Self {
            validity: self.validity.slice(start, end.saturating_sub(start)),
            strings,
            ..self
        }
    }
}

/// Lists of a column, with a view of their items.
#[derive(Clone, Copy, Debug)]
pub struct ListView<'c, V> {
    validity: ValiditySlice<'c>,
    offsets: Offsets<'c>,
    items: V,
}

impl<'c, V: View<'c>> ListView<'c, V> {
    pub(crate) fn new(
        array: InputArray<'c>,
        slots: &mut CopySlots,
        items: impl FnOnce(InputArray<'c>, &mut CopySlots) -> V,
    ) -> Self {
        let buffers = array.nested_buffers(true, array.length());
        Self {
            validity: ValiditySlice::new(&buffers),
            offsets: Offsets::new(buffers.values.as_chunks().0),
            items: items(array.child(0), slots),
        }
    }

    /// Returns the items of a list; none if it is null or past the end.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<V> {
        if !self.validity.is_valid(index) {
            return None;
        }
        let (start, end) = self.offsets.of(index);
        Some(self.items.slice::<false>(start, end))
    }

    /// Returns lists whose items are those of one list, which is not null. This
    /// is half the work of a [slice](View::slice) from which one list is read.
    #[inline]
    pub(crate) fn row_view<const COPY: bool>(self, index: usize) -> Self {
        let (start, end) = self.offsets.of(index);
        Self {
            items: self.items.slice::<COPY>(start, end),
            ..self
        }
    }

    /// Returns the items of that list.
    #[inline]
    pub(crate) fn row_items(&self) -> &V {
        &self.items
    }
}

impl<'c, V: View<'c>> View<'c> for ListView<'c, V> {
    const READ_CHARGE_BYTES: usize = ITEM_CHARGE_BYTES + V::READ_CHARGE_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.validity.len
    }

    #[inline]
    fn slice<const COPY: bool>(self, start: usize, end: usize) -> Self {
        let (first, last) = self.offsets.range(start, end);
        Self {
            validity: self.validity.slice(start, end.saturating_sub(start)),
            offsets: self.offsets.slice(start),
            items: self.items.slice::<COPY>(first, last),
        }
    }
}

/// Rows of a struct, with the views of its fields in pairs: `(A, (B, ()))`.
#[derive(Clone, Copy, Debug)]
pub struct StructView<'c, F> {
    validity: ValiditySlice<'c>,
    fields: F,
}

impl<'c, F: View<'c>> StructView<'c, F> {
    pub(crate) fn new(
        array: InputArray<'c>,
        slots: &mut CopySlots,
        fields: impl FnOnce(InputArray<'c>, &mut CopySlots) -> F,
    ) -> Self {
        let buffers = array.nested_buffers(false, array.length());
        Self {
            validity: ValiditySlice::new(&buffers),
            fields: fields(array, slots),
        }
    }

    /// Returns the fields of all rows.
    #[inline]
    pub(crate) fn fields(&self) -> &F {
        &self.fields
    }

    /// Returns the fields; none if the row is null or past the end.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&F> {
        self.validity.is_valid(index).then_some(&self.fields)
    }
}

impl<'c, F: View<'c>> View<'c> for StructView<'c, F> {
    const READ_CHARGE_BYTES: usize = ITEM_CHARGE_BYTES + F::READ_CHARGE_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.validity.len
    }

    #[inline]
    fn slice<const COPY: bool>(self, start: usize, end: usize) -> Self {
        Self {
            validity: self.validity.slice(start, end.saturating_sub(start)),
            fields: self.fields.slice::<COPY>(start, end),
        }
    }
}

impl<'c> View<'c> for () {
    const READ_CHARGE_BYTES: usize = 0;

    fn rows(&self) -> usize {
        0
    }

    fn slice<const COPY: bool>(self, _start: usize, _end: usize) {}
}

impl<'c, A: View<'c>, R: View<'c>> View<'c> for (A, R) {
    const READ_CHARGE_BYTES: usize = A::READ_CHARGE_BYTES + R::READ_CHARGE_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.0.rows()
    }

    #[inline]
    fn slice<const COPY: bool>(self, start: usize, end: usize) -> Self {
        (
            self.0.slice::<COPY>(start, end),
            self.1.slice::<COPY>(start, end),
        )
    }
}
