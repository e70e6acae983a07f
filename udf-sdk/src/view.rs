//! What is inside of columns: the items of a list, the fields of some rows.
//!
//! A view is some consecutive rows of a column, of whatever type. It is made
//! from the column once per call, and cut down to what a row holds, which makes
//! the argument. All that a row holds is then copied to places of its own, like
//! the text of a column: what lies at which alignment depends on the row alone.

use crate::column::{Bitmap, Buffers, Layout, bit};
use crate::entry::{Array, aligned, as_numbers};
use crate::number::Number;
use crate::places::Places;

/// Some consecutive rows of a column.
pub trait View<'c>: Copy + 'c {
    /// What it is settled with to cut down to a row, in bytes: what is copied
    /// takes some steps whatever its size.
    const READ_BYTES: usize;

    /// How many there are.
    fn rows(&self) -> usize;

    /// Those from `start` on and before `end`, which there must be. If `ALONE`,
    /// what they hold is copied to the places that are theirs.
    fn part<const ALONE: bool>(self, start: usize, end: usize) -> Self;
}

/// What it takes to cut down a view, in bytes that are settled: some 70 units
/// were measured.
const PART_BYTES: usize = 160;

/// The largest numbers that the standard library goes through bytes by: what
/// has as many bytes lies at the same alignment in every row.
const WORD_BYTES: usize = 8;

/// What it takes to copy what it holds, however little that is: some 280 units.
pub(crate) const COPY_BYTES: usize = 640;

/// Which of some consecutive rows are null.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'c> {
    bits: Bitmap<'c>,
    start: usize,
    len: usize,
}

impl<'c> Span<'c> {
    fn new(buffers: &Buffers<'c>) -> Self {
        Self {
            bits: Bitmap::new(buffers),
            start: 0,
            len: buffers.length,
        }
    }

    #[inline]
    fn part(self, start: usize, len: usize) -> Self {
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

/// Reads the buffers of a column that is inside of another.
fn inside<'c>(array: Array<'c>, layout: Layout, place: usize) -> Buffers<'c> {
    array.buffers(layout, place, array.length())
}

/// Numbers of a column.
#[derive(Clone, Copy, Debug)]
pub struct NumberView<'c, N: Number> {
    span: Span<'c>,
    values: &'c [N::Bytes],
    place: usize,
}

impl<'c, N: Number> NumberView<'c, N> {
    pub(crate) fn new(array: Array<'c>, places: &mut Places) -> Self {
        let buffers = inside(array, Layout::Numbers(size_of::<N>()), places.next());
        Self {
            span: Span::new(&buffers),
            values: N::chunks(buffers.values)
                .get(..buffers.length)
                .unwrap_or_default(),
            place: buffers.position,
        }
    }

    /// A number, unless it is null or there is none.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<N> {
        let value = self.values.get(index)?;
        self.span.is_valid(index).then(|| N::from_bytes(*value))
    }

    /// All of them, unless one is null.
    #[inline]
    pub(crate) fn as_slice(&self) -> Option<&'c [N]> {
        match self.span.are_valid() {
            true => as_numbers(N::flat(self.values)),
            false => None,
        }
    }
}

impl<'c, N: Number> View<'c> for NumberView<'c, N> {
    const READ_BYTES: usize = PART_BYTES + COPY_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.span.len
    }

    #[inline]
    fn part<const ALONE: bool>(self, start: usize, end: usize) -> Self {
        let mut values = self.values.get(start..end).unwrap_or_default();
        // As many as there are: what is known of them is looked up together.
        let span = self.span.part(start, values.len());
        // Only what looks through bytes by words cares for the rest.
        if ALONE && size_of::<N>() < WORD_BYTES {
            values = N::chunks(aligned(N::flat(values), self.place));
        }
        Self {
            span,
            values,
            ..self
        }
    }
}

/// Booleans of a column.
#[derive(Clone, Copy, Debug)]
pub struct BitView<'c> {
    span: Span<'c>,
    words: &'c [[u8; 8]],
}

impl<'c> BitView<'c> {
    pub(crate) fn new(array: Array<'c>, places: &mut Places) -> Self {
        let buffers = inside(array, Layout::Bits, places.next());
        Self {
            span: Span::new(&buffers),
            words: buffers.values.as_chunks().0,
        }
    }

    /// A boolean, unless it is null or there is none.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<bool> {
        let is_valid = self.span.is_valid(index);
        is_valid.then(|| bit(self.words, self.span.start + index))
    }
}

impl<'c> View<'c> for BitView<'c> {
    const READ_BYTES: usize = PART_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.span.len
    }

    #[inline]
    fn part<const ALONE: bool>(self, start: usize, end: usize) -> Self {
        Self {
            span: self.span.part(start, end.saturating_sub(start)),
            ..self
        }
    }
}

/// The offsets of some consecutive rows, none of which is less than the one
/// before, and where the first begins.
#[derive(Clone, Copy, Debug)]
struct Offsets<'c> {
    offsets: &'c [[u8; 4]],
    base: usize,
}

impl<'c> Offsets<'c> {
    fn new(buffers: &Buffers<'c>) -> Self {
        Self {
            offsets: buffers.values.as_chunks().0,
            base: 0,
        }
    }

    #[inline]
    fn at(&self, index: usize) -> usize {
        let offset = self.offsets.get(index).copied().unwrap_or_default();
        u32::from_le_bytes(offset) as usize
    }

    /// Where the rows from `start` on and before `end` begin and end.
    #[inline]
    fn range(&self, start: usize, end: usize) -> (usize, usize) {
        let from_base = |index| self.at(index).wrapping_sub(self.base);
        (from_base(start), from_base(end))
    }

    /// The same of a row.
    #[inline]
    fn of(&self, row: usize) -> (usize, usize) {
        let ends = self.offsets.get(row..).and_then(<[_]>::first_chunk);
        let [start, end] = ends.map_or([0; 2], |ends: &[_; 2]| {
            ends.map(|end| (u32::from_le_bytes(end) as usize).wrapping_sub(self.base))
        });
        (start, end)
    }

    #[inline]
    fn part(self, start: usize) -> Self {
        Self {
            offsets: self.offsets.get(start..).unwrap_or_default(),
            base: self.at(start),
        }
    }
}

/// Byte strings of a column.
#[derive(Clone, Copy, Debug)]
pub struct ByteView<'c> {
    span: Span<'c>,
    offsets: Offsets<'c>,
    data: &'c [u8],
    place: usize,
}

impl<'c> ByteView<'c> {
    pub(crate) fn new(array: Array<'c>, places: &mut Places) -> Self {
        let buffers = inside(array, Layout::Bytes, places.next());
        Self {
            span: Span::new(&buffers),
            offsets: Offsets::new(&buffers),
            data: buffers.data,
            place: buffers.position,
        }
    }

    /// A byte string, unless it is null or there is none.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&'c [u8]> {
        if !self.span.is_valid(index) {
            return None;
        }
        let (start, end) = self.offsets.of(index);
        self.data.get(start..end)
    }
}

impl<'c> View<'c> for ByteView<'c> {
    const READ_BYTES: usize = PART_BYTES + COPY_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.span.len
    }

    #[inline]
    fn part<const ALONE: bool>(self, start: usize, end: usize) -> Self {
        let (first, last) = self.offsets.range(start, end);
        let mut data = self.data.get(first..last).unwrap_or_default();
        if ALONE {
            data = aligned(data, self.place);
        }
        Self {
            span: self.span.part(start, end.saturating_sub(start)),
            offsets: self.offsets.part(start),
            data,
            ..self
        }
    }
}

/// Lists of a column, whose items are of one kind.
#[derive(Clone, Copy, Debug)]
pub struct ListView<'c, V> {
    span: Span<'c>,
    offsets: Offsets<'c>,
    items: V,
}

impl<'c, V: View<'c>> ListView<'c, V> {
    pub(crate) fn new(
        array: Array<'c>,
        places: &mut Places,
        items: impl FnOnce(Array<'c>, &mut Places) -> V,
    ) -> Self {
        let buffers = array.outer_buffers(true, array.length());
        Self {
            span: Span::new(&buffers),
            offsets: Offsets::new(&buffers),
            items: items(array.child(0), places),
        }
    }

    /// The items of a list, unless it is null or there is none.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<V> {
        if !self.span.is_valid(index) {
            return None;
        }
        let (start, end) = self.offsets.of(index);
        Some(self.items.part::<false>(start, end))
    }

    /// The same lists, but that the items are those of one list, which is not
    /// null: half the work of a [part](View::part) of which one is got.
    #[inline]
    pub(crate) fn lone<const ALONE: bool>(self, index: usize) -> Self {
        let (start, end) = self.offsets.of(index);
        Self {
            items: self.items.part::<ALONE>(start, end),
            ..self
        }
    }

    /// The items of that list.
    #[inline]
    pub(crate) fn lone_items(&self) -> &V {
        &self.items
    }
}

impl<'c, V: View<'c>> View<'c> for ListView<'c, V> {
    const READ_BYTES: usize = PART_BYTES + V::READ_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.span.len
    }

    #[inline]
    fn part<const ALONE: bool>(self, start: usize, end: usize) -> Self {
        let (first, last) = self.offsets.range(start, end);
        Self {
            span: self.span.part(start, end.saturating_sub(start)),
            offsets: self.offsets.part(start),
            items: self.items.part::<ALONE>(first, last),
        }
    }
}

/// Rows of a struct, whose fields are views in pairs: `(A, (B, ()))`.
#[derive(Clone, Copy, Debug)]
pub struct StructView<'c, F> {
    span: Span<'c>,
    fields: F,
}

impl<'c, F: View<'c>> StructView<'c, F> {
    pub(crate) fn new(
        array: Array<'c>,
        places: &mut Places,
        fields: impl FnOnce(Array<'c>, &mut Places) -> F,
    ) -> Self {
        let buffers = array.outer_buffers(false, array.length());
        Self {
            span: Span::new(&buffers),
            fields: fields(array, places),
        }
    }

    /// The fields of all rows.
    #[inline]
    pub(crate) fn fields(&self) -> &F {
        &self.fields
    }

    /// The fields, if a row is not null.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&F> {
        self.span.is_valid(index).then_some(&self.fields)
    }
}

impl<'c, F: View<'c>> View<'c> for StructView<'c, F> {
    const READ_BYTES: usize = PART_BYTES + F::READ_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.span.len
    }

    #[inline]
    fn part<const ALONE: bool>(self, start: usize, end: usize) -> Self {
        Self {
            span: self.span.part(start, end.saturating_sub(start)),
            fields: self.fields.part::<ALONE>(start, end),
        }
    }
}

impl<'c> View<'c> for () {
    const READ_BYTES: usize = 0;

    fn rows(&self) -> usize {
        0
    }

    fn part<const ALONE: bool>(self, _start: usize, _end: usize) {}
}

impl<'c, A: View<'c>, R: View<'c>> View<'c> for (A, R) {
    const READ_BYTES: usize = A::READ_BYTES + R::READ_BYTES;

    #[inline]
    fn rows(&self) -> usize {
        self.0.rows()
    }

    #[inline]
    fn part<const ALONE: bool>(self, start: usize, end: usize) -> Self {
        (
            self.0.part::<ALONE>(start, end),
            self.1.part::<ALONE>(start, end),
        )
    }
}
