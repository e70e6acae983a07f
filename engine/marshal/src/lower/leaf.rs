//! What stands in the buffers of a column, written from where it stands on the
//! host.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_array::cast::AsArray;
use arrow_array::types::{
    BinaryType, BinaryViewType, ByteArrayType, ByteViewType, LargeBinaryType, LargeUtf8Type,
    StringViewType, Utf8Type,
};
use arrow_array::{Array, ArrayRef, GenericByteArray, GenericByteViewArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer};
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
    let chunks = bits.bit_chunks();
    for (target, chunk) in target.chunks_mut(8).zip(chunks.iter_padded()) {
        for (byte, bits) in target.iter_mut().zip(chunk.to_le_bytes()) {
            *byte = bits;
        }
    }
}

fn write_bools(mut bits: impl Iterator<Item = bool>, target: &mut [u8]) {
    for byte in target {
        let bits = bits.by_ref().take(8).enumerate();
        *byte = bits.fold(0, |byte, (bit, value)| byte | u8::from(value) << bit);
    }
}

/// Writes `width` bytes a row: the one buffer of such a type, from the array's
/// first row on.
fn write_fixed(array: &ArrayRef, rows: &Rows, width: usize, target: &mut [u8]) {
    let data = array.to_data();
    let start = data.offset().saturating_mul(width);
    let values = data
        .buffers()
        .first()
        .and_then(|values| values.get(start..))
        .expect("an array's values are as long as the array");
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

impl<T: ByteViewType> Views<'_, T> {
    fn rows<'a>(&'a self, rows: &'a Rows) -> impl Iterator<Item = &'a [u8]> {
        rows.valid(self.0).map(|row| match row {
            NULL => &[][..],
            row => self.0.value(row).as_ref(),
        })
    }

    fn data_bytes(&self, rows: &Rows) -> u64 {
        sum(self.rows(rows))
    }

    fn write_offsets(&self, rows: &Rows, target: &mut [u8]) {
        ends(self.rows(rows), target);
    }

    fn write_data(&self, rows: &Rows, target: &mut [u8]) {
        append(self.rows(rows), target);
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
