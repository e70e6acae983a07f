//! Contents of buffers, written from the Arrow buffers that hold them.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, downcast_primitive_array};
use arrow_buffer::{BooleanBuffer, Buffer};

use super::bytes;
use super::row_selection::{NULL_ROW, RowSelection, is_valid};

/// Content of a buffer of the arena.
pub(super) enum BufferContent {
    Validity,
    Bits,
    Fixed {
        width: usize,
    },
    Offsets,
    Data,
    /// Bytes computed by the plan.
    Prepared(Buffer),
}

impl BufferContent {
    /// Fills `target`, whose length the plan computed.
    pub(super) fn write(&self, array: &ArrayRef, selection: &RowSelection, target: &mut [u8]) {
        match self {
            Self::Validity if target.is_empty() => {}
            Self::Validity => match (array.nulls(), selection) {
                (Some(nulls), RowSelection::All) => write_bits(nulls.inner(), target),
                (nulls, _) => {
                    let valid = selection.positions(array).map(|row| is_valid(nulls, row));
                    write_bools(valid, target);
                }
            },
            Self::Bits => match (array.as_boolean().values(), selection) {
                (bits, RowSelection::All) => write_bits(bits, target),
                (bits, _) => {
                    let bits = selection
                        .positions(array)
                        .map(|row| row != NULL_ROW && bits.value(row));
                    write_bools(bits, target);
                }
            },
            Self::Fixed { width } => write_fixed(array, selection, *width, target),
            Self::Offsets => bytes::write_offsets(array, selection, target),
            Self::Data => bytes::write_data(array, selection, target),
            Self::Prepared(buffer) => target.copy_from_slice(buffer),
        }
    }
}

/// Writes bits starting at bit 0, for any bit offset of the source. Bits after
/// the last are 0.
fn write_bits(bits: &BooleanBuffer, target: &mut [u8]) {
    let source = bits.values().get(bits.offset() / 8..).unwrap_or_default();
    match (bits.offset() % 8) as u32 {
        0 => {
            let source = source.get(..target.len());
            target.copy_from_slice(source.expect("a bitmap has a bit for every row"));
        }
        shift => write_shifted(source, shift, target),
    }
    if let (Some(last), used @ 1..) = (target.last_mut(), bits.len() % 8) {
        *last &= !(u8::MAX << used);
    }
}

/// Writes bits starting at bit `shift` of the source, from 1 to 7: first whole
/// words, then the remaining bytes. The wrapping left shift by `-shift` is one
/// by the word size minus `shift`.
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

/// Writes `width` bytes per row.
fn write_fixed(array: &ArrayRef, selection: &RowSelection, width: usize, target: &mut [u8]) {
    let values = fixed_values(array);
    match (selection, width) {
        (RowSelection::All, _) => {
            let values = values.get(..target.len());
            target.copy_from_slice(values.expect("an array has a value for every row"));
        }
        (_, 0) => {}
        (RowSelection::Positions(rows), 1) => gather::<1>(values, rows, target),
        (RowSelection::Positions(rows), 2) => gather::<2>(values, rows, target),
        (RowSelection::Positions(rows), 4) => gather::<4>(values, rows, target),
        (RowSelection::Positions(rows), 8) => gather::<8>(values, rows, target),
        (RowSelection::Positions(rows), 16) => gather::<16>(values, rows, target),
        (RowSelection::Positions(rows), 32) => gather::<32>(values, rows, target),
        (RowSelection::Positions(rows), _) => {
            for (target, &row) in target.chunks_exact_mut(width).zip(rows.iter()) {
                let start = row.saturating_mul(width);
                match values.get(start..start.saturating_add(width)) {
                    Some(value) if row != NULL_ROW => target.copy_from_slice(value),
                    _ => target.fill(0),
                }
            }
        }
    }
}

/// Bytes of the values, starting at the first row of the array.
fn fixed_values(array: &ArrayRef) -> &[u8] {
    if let Some(array) = array.as_fixed_size_binary_opt() {
        return array.value_data();
    }
    downcast_primitive_array!(
        array => array.values().inner().as_slice(),
        other => unreachable!("{other} is not a fixed-width type"),
    )
}

fn gather<const WIDTH: usize>(values: &[u8], rows: &[usize], target: &mut [u8]) {
    let (values, _) = values.as_chunks::<WIDTH>();
    let (target, _) = target.as_chunks_mut::<WIDTH>();
    for (target, &row) in target.iter_mut().zip(rows) {
        *target = values.get(row).copied().unwrap_or([0; WIDTH]);
    }
}
