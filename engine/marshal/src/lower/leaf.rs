//! What stands in the buffers of a column, written from where it stands on the
//! host.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::mem::take;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    BinaryType, BinaryViewType, ByteArrayType, ByteViewType, LargeBinaryType, LargeUtf8Type,
    StringViewType, Utf8Type,
};
use arrow_array::{
    Array, ArrayRef, GenericByteArray, GenericByteViewArray, downcast_primitive_array,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ByteView;
use arrow_schema::DataType;

use super::rows::{NULL, Rows, is_valid};

/// What stands in a buffer.
pub(super) enum Content {
    Validity,
    Bits,
    Fixed { width: usize },
    Offsets,
    Data,
    Ready(Buffer),
}

impl Content {
    /// Fills `target`, which is as long as was measured.
    pub(super) fn write(&self, array: &ArrayRef, rows: &Rows, target: &mut [u8]) {
        match self {
            Self::Validity if target.is_empty() => {}
            Self::Validity => match (array.nulls(), rows) {
                (Some(nulls), Rows::All) => write_bits(nulls.inner(), target),
                (nulls, _) => {
                    let valid = rows.positions(array).map(|row| is_valid(nulls, row));
                    write_bools(valid, target);
                }
            },
            Self::Bits => match (array.as_boolean().values(), rows) {
                (bits, Rows::All) => write_bits(bits, target),
                (bits, _) => {
                    let bits = rows
                        .positions(array)
                        .map(|row| row != NULL && bits.value(row));
                    write_bools(bits, target);
                }
            },
            Self::Fixed { width } => write_fixed(array, rows, *width, target),
            Self::Offsets => write_offsets(array, rows, target),
            Self::Data => write_data(array, rows, target),
            Self::Ready(buffer) => target.copy_from_slice(buffer),
        }
    }
}

/// Writes bits from bit 0 on, whatever the offset at which they were stored.
/// Bits past the last are 0.
fn write_bits(bits: &BooleanBuffer, target: &mut [u8]) {
    let source = bits.values().get(bits.offset() / 8..).unwrap_or_default();
    match (bits.offset() % 8) as u32 {
        0 => {
            let source = source.get(..target.len());
            target.copy_from_slice(source.expect("there is a bit for each row"));
        }
        shift => write_shifted(source, shift, target),
    }
    if let (Some(last), used @ 1..) = (target.last_mut(), bits.len() % 8) {
        *last &= !(u8::MAX << used);
    }
}

/// Writes bits from bit `shift` of the source on, which is less than 8: whole
/// words while there are any, and then bytes. To shift by `-shift` is to shift
/// by the rest of the word.
fn write_shifted(source: &[u8], shift: u32, target: &mut [u8]) {
    let behind = source.get(8..).unwrap_or_default();
    let words = source.as_chunks().0.iter().zip(behind.as_chunks().0);
    let mut done = 0_usize;
    for (target, (word, next)) in target.as_chunks_mut().0.iter_mut().zip(words) {
        let (word, next) = (u64::from_le_bytes(*word), u64::from_le_bytes(*next));
        *target = (word >> shift | next.wrapping_shl(shift.wrapping_neg())).to_le_bytes();
        done = done.wrapping_add(8);
    }
    let source = source.get(done..).unwrap_or_default();
    let nexts = source.iter().skip(1).chain(&[0]);
    let target = target.get_mut(done..).unwrap_or_default();
    for (target, (byte, next)) in target.iter_mut().zip(source.iter().zip(nexts)) {
        *target = byte >> shift | next.wrapping_shl(shift.wrapping_neg());
    }
}

fn write_bools(mut bits: impl Iterator<Item = bool>, target: &mut [u8]) {
    for byte in target {
        let bits = bits.by_ref().take(8).enumerate();
        *byte = bits.fold(0, |byte, (bit, value)| byte | u8::from(value) << bit);
    }
}

/// Writes `width` bytes a row.
fn write_fixed(array: &ArrayRef, rows: &Rows, width: usize, target: &mut [u8]) {
    let values = fixed_values(array);
    match (rows, width) {
        (Rows::All, _) => {
            let values = values.get(..target.len());
            target.copy_from_slice(values.expect("an array's values are as long as the array"));
        }
        (_, 0) => {}
        (Rows::Picked(rows), 1) => gather::<1>(values, rows, target),
        (Rows::Picked(rows), 2) => gather::<2>(values, rows, target),
        (Rows::Picked(rows), 4) => gather::<4>(values, rows, target),
        (Rows::Picked(rows), 8) => gather::<8>(values, rows, target),
        (Rows::Picked(rows), 16) => gather::<16>(values, rows, target),
        (Rows::Picked(rows), 32) => gather::<32>(values, rows, target),
        (Rows::Picked(rows), _) => {
            for (target, &row) in target.chunks_exact_mut(width).zip(rows.iter()) {
                let start = row.saturating_mul(width);
                match values.get(start..start.saturating_add(width)) {
                    Some(value) if row != NULL => target.copy_from_slice(value),
                    _ => target.fill(0),
                }
            }
        }
    }
}

/// The bytes of the values, from the array's first row on.
fn fixed_values(array: &ArrayRef) -> &[u8] {
    if let Some(array) = array.as_fixed_size_binary_opt() {
        return array.value_data();
    }
    downcast_primitive_array!(
        array => array.values().inner().as_slice(),
        other => unreachable!("{other} has another layout"),
    )
}

fn gather<const WIDTH: usize>(values: &[u8], rows: &[usize], target: &mut [u8]) {
    let (values, _) = values.as_chunks::<WIDTH>();
    let (target, _) = target.as_chunks_mut::<WIDTH>();
    for (target, &row) in target.iter_mut().zip(rows) {
        *target = values.get(row).copied().unwrap_or([0; WIDTH]);
    }
}

/// Calls `$read` with the array as what its type says it is.
macro_rules! with_bytes {
    ($array:expr, $read:ident $(, $argument:expr)*) => {
        match $array.data_type() {
            DataType::Utf8 => Packed($array.as_bytes::<Utf8Type>()).$read($($argument),*),
            DataType::LargeUtf8 => Packed($array.as_bytes::<LargeUtf8Type>()).$read($($argument),*),
            DataType::Binary => Packed($array.as_bytes::<BinaryType>()).$read($($argument),*),
            DataType::LargeBinary => Packed($array.as_bytes::<LargeBinaryType>()).$read($($argument),*),
            DataType::Utf8View => Views($array.as_byte_view::<StringViewType>()).$read($($argument),*),
            DataType::BinaryView => Views($array.as_byte_view::<BinaryViewType>()).$read($($argument),*),
            other => unreachable!("{other} has another layout"),
        }
    };
}

/// How many bytes the data of texts or binaries have.
pub(super) fn data_bytes(array: &ArrayRef, rows: &Rows) -> u64 {
    with_bytes!(array, data_bytes, rows)
}

fn write_offsets(array: &ArrayRef, rows: &Rows, target: &mut [u8]) {
    with_bytes!(array, write_offsets, rows, target);
}

fn write_data(array: &ArrayRef, rows: &Rows, target: &mut [u8]) {
    with_bytes!(array, write_data, rows, target);
}

/// Rows that stand one behind the other, between offsets.
struct Packed<'a, T: ByteArrayType>(&'a GenericByteArray<T>);

impl<T: ByteArrayType> Packed<'_, T> {
    /// Where the data of the first row begins and that of the last one ends.
    fn range(&self) -> (usize, usize) {
        let offsets = self.0.value_offsets();
        let end = |offset: Option<&T::Offset>| offset.map_or(0, |offset| offset.as_usize());
        (end(offsets.first()), end(offsets.last()))
    }

    fn picked<'a>(&'a self, rows: &'a Rows) -> impl Iterator<Item = &'a [u8]> {
        rows.valid(self.0).map(|row| match row {
            NULL => &[][..],
            row => self.0.value(row).as_ref(),
        })
    }

    fn data_bytes(&self, rows: &Rows) -> u64 {
        match rows {
            Rows::All => {
                let (first, last) = self.range();
                last.saturating_sub(first) as u64
            }
            Rows::Picked(_) => sum(self.picked(rows)),
        }
    }

    fn write_offsets(&self, rows: &Rows, target: &mut [u8]) {
        if let Rows::Picked(_) = rows {
            return ends(self.picked(rows), target);
        }
        let (first, _) = self.range();
        for (target, offset) in target.chunks_exact_mut(4).zip(self.0.value_offsets()) {
            // The data was measured: it ends below 2³¹.
            let offset = offset.as_usize().wrapping_sub(first) as u32;
            target.copy_from_slice(&offset.to_le_bytes());
        }
    }

    fn write_data(&self, rows: &Rows, target: &mut [u8]) {
        if let Rows::Picked(_) = rows {
            return append(self.picked(rows), target);
        }
        let (first, last) = self.range();
        let data = self.0.value_data().get(first..last);
        target.copy_from_slice(data.expect("offsets end inside the data"));
    }
}

/// Rows that stand anywhere. A null row has no bytes here, whatever its view
/// says.
struct Views<'a, T: ByteViewType>(&'a GenericByteViewArray<T>);

/// A text of so many bytes at most stands in its view.
const INLINE_BYTES_MAX: usize = 12;

impl<T: ByteViewType> Views<'_, T> {
    /// Calls `each` with the view of each row, and that of an empty text for a
    /// null. Whether there are any is asked once for all rows.
    fn each(&self, rows: &Rows, mut each: impl FnMut(u128)) {
        let (views, nulls) = (self.0.views(), self.0.nulls());
        match (rows, nulls) {
            (Rows::All, None) => views.iter().for_each(|view| each(*view)),
            (Rows::All, Some(nulls)) => {
                let views = views.iter().zip(nulls.inner());
                views.for_each(|(view, is_valid)| each(if is_valid { *view } else { 0 }));
            }
            (Rows::Picked(rows), nulls) => rows.iter().for_each(|&row| {
                let view = views.get(row).filter(|_| is_valid(nulls, row));
                each(view.copied().unwrap_or_default());
            }),
        }
    }

    /// The same for rows that are not null, and perhaps for others.
    fn each_valid(&self, rows: &Rows, mut each: impl FnMut(u128)) {
        match (rows, self.0.nulls()) {
            (Rows::All, Some(nulls)) => {
                let views = self.0.views();
                let valid = nulls.valid_indices().filter_map(|row| views.get(row));
                valid.for_each(|view| each(*view));
            }
            _ => self.each(rows, each),
        }
    }

    fn data_bytes(&self, rows: &Rows) -> u64 {
        // Fewer than 2³² rows of fewer than 2³² bytes.
        let mut bytes = 0_u64;
        self.each_valid(rows, |view| {
            bytes = bytes.wrapping_add(u64::from(view as u32));
        });
        bytes
    }

    fn write_offsets(&self, rows: &Rows, target: &mut [u8]) {
        let targets = target.as_chunks_mut().0;
        if let (Rows::All, Some(nulls)) = (rows, self.0.nulls())
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
        self.each(rows, |view| {
            end = end.wrapping_add(view as u32);
            write(end);
        });
    }

    /// The same where most rows are null: those between two others are filled at
    /// once.
    fn write_sparse_offsets(&self, nulls: &NullBuffer, targets: &mut [[u8; 4]]) {
        let (mut end, mut done) = (0_u32, 0);
        for row in nulls.valid_indices() {
            let starts = targets.get_mut(done..=row).unwrap_or_default();
            starts.fill(end.to_le_bytes());
            let view = self.0.views().get(row).copied().unwrap_or_default();
            end = end.wrapping_add(view as u32);
            done = row.saturating_add(1);
        }
        let behind = targets.get_mut(done..).unwrap_or_default();
        behind.fill(end.to_le_bytes());
    }

    fn write_data(&self, rows: &Rows, target: &mut [u8]) {
        let buffers = self.0.data_buffers();
        let mut rest = target;
        self.each_valid(rows, |view| {
            let len = view as u32 as usize;
            if len <= INLINE_BYTES_MAX {
                let inline = (view >> 32).to_le_bytes();
                write_start::<16>(&inline, len, rest);
            } else {
                let view = ByteView::from(view);
                let text = buffers.get(view.buffer_index as usize);
                let text = text.and_then(|buffer| buffer.get(view.offset as usize..));
                write_start::<64>(text.expect("a view is of a buffer"), len, rest);
            }
            rest = take(&mut rest).get_mut(len..).unwrap_or_default();
        });
    }
}

/// Writes the first `len` bytes of `source`, and perhaps some more up to `WIDTH`,
/// which the rows behind overwrite: to copy a fixed number takes no loop.
fn write_start<const WIDTH: usize>(source: &[u8], len: usize, target: &mut [u8]) {
    match (source.first_chunk::<WIDTH>(), target.first_chunk_mut()) {
        (Some(source), Some(target)) if len <= WIDTH => *target = *source,
        _ => {
            if let (Some(source), Some(target)) = (source.get(..len), target.get_mut(..len)) {
                target.copy_from_slice(source);
            }
        }
    }
}

fn sum<'a>(rows: impl Iterator<Item = &'a [u8]>) -> u64 {
    rows.fold(0, |sum: u64, row| sum.saturating_add(row.len() as u64))
}

/// Writes where each row ends, and before that where the first one begins.
fn ends<'a>(rows: impl Iterator<Item = &'a [u8]>, target: &mut [u8]) {
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

/// Writes one row behind the other.
fn append<'a>(rows: impl Iterator<Item = &'a [u8]>, mut target: &mut [u8]) {
    for row in rows {
        let Some((piece, rest)) = target.split_at_mut_checked(row.len()) else {
            return;
        };
        piece.copy_from_slice(row);
        target = rest;
    }
}
