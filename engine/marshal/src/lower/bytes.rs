//! Strings and binaries: offsets and data.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::mem::take;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    BinaryType, BinaryViewType, ByteArrayType, ByteViewType, LargeBinaryType, LargeUtf8Type,
    StringViewType, Utf8Type,
};
use arrow_array::{Array, ArrayRef, GenericByteArray, GenericByteViewArray};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_data::ByteView;
use arrow_schema::DataType;

use super::row_selection::{NULL_ROW, RowSelection, is_valid};

/// Calls the method `$read` on the array downcast to its type.
macro_rules! with_bytes {
    ($array:expr, $read:ident $(, $argument:expr)*) => {
        match $array.data_type() {
            DataType::Utf8 => OffsetBytes($array.as_bytes::<Utf8Type>()).$read($($argument),*),
            DataType::LargeUtf8 => OffsetBytes($array.as_bytes::<LargeUtf8Type>()).$read($($argument),*),
            DataType::Binary => OffsetBytes($array.as_bytes::<BinaryType>()).$read($($argument),*),
            DataType::LargeBinary => OffsetBytes($array.as_bytes::<LargeBinaryType>()).$read($($argument),*),
            DataType::Utf8View => ViewBytes($array.as_byte_view::<StringViewType>()).$read($($argument),*),
            DataType::BinaryView => ViewBytes($array.as_byte_view::<BinaryViewType>()).$read($($argument),*),
            other => unreachable!("{other} is neither a string nor a binary type"),
        }
    };
}

/// Size in bytes of the data of the selected rows.
pub(super) fn data_bytes(array: &ArrayRef, selection: &RowSelection) -> u64 {
    with_bytes!(array, data_bytes, selection)
}

pub(super) fn write_offsets(array: &ArrayRef, selection: &RowSelection, target: &mut [u8]) {
    with_bytes!(array, write_offsets, selection, target);
}

pub(super) fn write_data(array: &ArrayRef, selection: &RowSelection, target: &mut [u8]) {
    with_bytes!(array, write_data, selection, target);
}

/// Rows stored back to back, between offsets.
struct OffsetBytes<'a, T: ByteArrayType>(&'a GenericByteArray<T>);

impl<T: ByteArrayType> OffsetBytes<'_, T> {
    /// Start of the first row's data and end of the last row's.
    fn range(&self) -> (usize, usize) {
        let offsets = self.0.value_offsets();
        let end = |offset: Option<&T::Offset>| offset.map_or(0, |offset| offset.as_usize());
        (end(offsets.first()), end(offsets.last()))
    }

    fn selected<'a>(&'a self, selection: &'a RowSelection) -> impl Iterator<Item = &'a [u8]> {
        selection.positions_or_null(self.0).map(|row| match row {
            NULL_ROW => &[][..],
            row => self.0.value(row).as_ref(),
        })
    }

    fn data_bytes(&self, selection: &RowSelection) -> u64 {
        match selection {
            RowSelection::All => {
                let (first, last) = self.range();
                last.saturating_sub(first) as u64
            }
            RowSelection::Positions(_) => total_len(self.selected(selection)),
        }
    }

    fn write_offsets(&self, selection: &RowSelection, target: &mut [u8]) {
        if let RowSelection::Positions(_) = selection {
            return write_ends(self.selected(selection), target);
        }
        let (first, _) = self.range();
        for (target, offset) in target.chunks_exact_mut(4).zip(self.0.value_offsets()) {
            // Below 2³¹: the plan checked the size of the data.
            let offset = offset.as_usize().wrapping_sub(first) as u32;
            target.copy_from_slice(&offset.to_le_bytes());
        }
    }

    fn write_data(&self, selection: &RowSelection, target: &mut [u8]) {
        if let RowSelection::Positions(_) = selection {
            return write_concatenated(self.selected(selection), target);
        }
        let (first, last) = self.range();
        let data = self.0.value_data().get(first..last);
        target.copy_from_slice(data.expect("the offsets of an array lie in its data"));
    }
}

/// Rows stored anywhere in several buffers. Null rows have no bytes in the
/// arena, whatever their views say.
struct ViewBytes<'a, T: ByteViewType>(&'a GenericByteViewArray<T>);

/// Longest value that is stored in its view.
const INLINE_BYTES_MAX: usize = 12;

impl<T: ByteViewType> ViewBytes<'_, T> {
    /// Calls `each` with the view of every row, and with that of an empty value
    /// for a null. The null check is hoisted out of the loop.
    fn for_each_view(&self, selection: &RowSelection, mut each: impl FnMut(u128)) {
        let (views, nulls) = (self.0.views(), self.0.nulls());
        match (selection, nulls) {
            (RowSelection::All, None) => views.iter().for_each(|view| each(*view)),
            (RowSelection::All, Some(nulls)) => {
                let views = views.iter().zip(nulls.inner());
                views.for_each(|(view, is_valid)| each(if is_valid { *view } else { 0 }));
            }
            (RowSelection::Positions(rows), nulls) => rows.iter().for_each(|&row| {
                let view = views.get(row).filter(|_| is_valid(nulls, row));
                each(view.copied().unwrap_or_default());
            }),
        }
    }

    /// Like [`for_each_view`](Self::for_each_view), but may skip null rows.
    fn for_each_valid_view(&self, selection: &RowSelection, mut each: impl FnMut(u128)) {
        match (selection, self.0.nulls()) {
            (RowSelection::All, Some(nulls)) => {
                let views = self.0.views();
                let valid = nulls.valid_indices().filter_map(|row| views.get(row));
                valid.for_each(|view| each(*view));
            }
            _ => self.for_each_view(selection, each),
        }
    }

    fn data_bytes(&self, selection: &RowSelection) -> u64 {
        // Cannot overflow: fewer than 2³² rows of fewer than 2³² bytes each.
        let mut bytes = 0_u64;
        self.for_each_valid_view(selection, |view| {
            bytes = bytes.wrapping_add(u64::from(view as u32));
        });
        bytes
    }

    fn write_offsets(&self, selection: &RowSelection, target: &mut [u8]) {
        let targets = target.as_chunks_mut().0;
        if let (RowSelection::All, Some(nulls)) = (selection, self.0.nulls())
            && nulls.null_count() > nulls.len() / 2
        {
            return self.write_sparse_offsets(nulls, targets);
        }
        let mut end = 0_u32;
        let mut targets = targets.iter_mut();
        let mut write = |end: u32| {
            if let Some(target) = targets.next() {
                *target = end.to_le_bytes();
            }
        };
        write(end);
        self.for_each_view(selection, |view| {
            end = end.wrapping_add(view as u32);
            write(end);
        });
    }

    /// Writes offsets where most rows are null: the offsets of consecutive
    /// nulls are filled in one step.
    fn write_sparse_offsets(&self, nulls: &NullBuffer, targets: &mut [[u8; 4]]) {
        let (mut end, mut done) = (0_u32, 0);
        for row in nulls.valid_indices() {
            let starts = targets.get_mut(done..=row).unwrap_or_default();
            starts.fill(end.to_le_bytes());
            let view = self.0.views().get(row).copied().unwrap_or_default();
            end = end.wrapping_add(view as u32);
            done = row.saturating_add(1);
        }
        let rest = targets.get_mut(done..).unwrap_or_default();
        rest.fill(end.to_le_bytes());
    }

    fn write_data(&self, selection: &RowSelection, target: &mut [u8]) {
        let buffers = self.0.data_buffers();
        let mut rest = target;
        self.for_each_valid_view(selection, |view| {
            let len = view as u32 as usize;
            if len <= INLINE_BYTES_MAX {
                let inline = (view >> 32).to_le_bytes();
                write_prefix::<16>(&inline, len, rest);
            } else {
                let view = ByteView::from(view);
                let data = buffers.get(view.buffer_index as usize);
                let data = data.and_then(|buffer| buffer.get(view.offset as usize..));
                write_prefix::<64>(
                    data.expect("a view refers to a buffer of its array"),
                    len,
                    rest,
                );
            }
            rest = take(&mut rest).get_mut(len..).unwrap_or_default();
        });
    }
}

/// Writes the first `len` bytes of `source`, and possibly more, up to `WIDTH`,
/// which later rows overwrite: a copy of constant size needs no loop.
fn write_prefix<const WIDTH: usize>(source: &[u8], len: usize, target: &mut [u8]) {
    match (source.first_chunk::<WIDTH>(), target.first_chunk_mut()) {
        (Some(source), Some(target)) if len <= WIDTH => *target = *source,
        _ => {
            if let (Some(source), Some(target)) = (source.get(..len), target.get_mut(..len)) {
                target.copy_from_slice(source);
            }
        }
    }
}

fn total_len<'a>(rows: impl Iterator<Item = &'a [u8]>) -> u64 {
    rows.fold(0, |sum: u64, row| sum.saturating_add(row.len() as u64))
}

/// Writes the offset 0 and then the end of each row.
fn write_ends<'a>(rows: impl Iterator<Item = &'a [u8]>, target: &mut [u8]) {
    let mut end = 0_u32;
    let mut targets = target.chunks_exact_mut(4);
    if let Some(first) = targets.next() {
        first.copy_from_slice(&end.to_le_bytes());
    }
    for (target, row) in targets.zip(rows) {
        end = end.wrapping_add(row.len() as u32);
        target.copy_from_slice(&end.to_le_bytes());
    }
}

/// Writes rows back to back.
fn write_concatenated<'a>(rows: impl Iterator<Item = &'a [u8]>, mut target: &mut [u8]) {
    for row in rows {
        let Some((piece, rest)) = target.split_at_mut_checked(row.len()) else {
            return;
        };
        piece.copy_from_slice(row);
        target = rest;
    }
}
