//! Copies of buffers, restricted to the rows in use.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::LiftError;
use super::column::{ColumnReader, ColumnSlice};
use crate::abi_violation::AbiViolation;
use crate::address::GuestAddr;

impl<'a> ColumnReader<'a> {
    /// Copies bytes out of the guest, within the byte budget.
    fn copy(&mut self, bytes: &[u8]) -> Result<Buffer, LiftError> {
        let copy = self.copy_unowned(bytes)?;
        Ok(self.own(copy))
    }

    fn copy_unowned(&mut self, bytes: &[u8]) -> Result<Buffer, LiftError> {
        self.budget.take(bytes.len() as u64)?;
        Ok(Buffer::from_vec(bytes.to_vec()))
    }

    fn own(&self, buffer: Buffer) -> Buffer {
        self.budget.memory.own(buffer)
    }

    /// Copies values, whose buffer must be aligned. The allocation is not asked
    /// for alignment, which is slower: large allocations are aligned enough in
    /// practice. An unaligned copy is moved.
    fn copy_aligned(&mut self, bytes: &[u8]) -> Result<Buffer, LiftError> {
        let copy = aligned(self.copy_unowned(bytes)?);
        Ok(self.own(copy))
    }

    /// Charges one byte per row for rows without bytes, whose number nothing
    /// else bounds.
    pub(super) fn take_empty_rows(&mut self, rows: usize) -> Result<(), LiftError> {
        self.budget.take(rows as u64)
    }

    /// Copies the `width` bytes of each row in use of the values or offsets,
    /// and those of `extra` more rows.
    pub(super) fn fixed_width_values(
        &mut self,
        column: &ColumnSlice,
        buffer: usize,
        width: usize,
        extra: u64,
    ) -> Result<Buffer, LiftError> {
        match self.fixed_width_bytes(column, buffer, width, extra)? {
            [] => Ok(Buffer::default()),
            bytes => self.copy_aligned(bytes),
        }
    }

    /// Copies the 16 bytes of each row in use of the values. `power` is added
    /// to every upper word, and the bitwise OR of the sums is returned too: it
    /// shows without a second pass whether all values are small.
    pub(super) fn decimal128_values(
        &mut self,
        column: &ColumnSlice,
        power: u64,
    ) -> Result<(Buffer, u64), LiftError> {
        let bytes = self.fixed_width_bytes(column, 1, size_of::<i128>(), 0)?;
        self.budget.take(bytes.len() as u64)?;
        let (words, bits) = copy_i128(bytes, power);
        Ok((self.own(aligned(Buffer::from_vec(words))), bits))
    }

    /// Bytes in use of the values or offsets, in guest memory.
    fn fixed_width_bytes(
        &self,
        column: &ColumnSlice,
        buffer: usize,
        width: usize,
        extra: u64,
    ) -> Result<&'a [u8], AbiViolation> {
        let width = width as u64;
        let skip = column.offset.saturating_mul(width);
        let len = (column.rows as u64)
            .saturating_add(extra)
            .saturating_mul(width);
        if len == 0 {
            return Ok(&[]);
        }
        let bytes = column
            .address(buffer)
            .bytes(skip.saturating_add(len), self.memory)?;
        Ok(bytes.get(skip as usize..).unwrap_or_default())
    }

    /// Copies the bits in use of a bitmap. They start at the returned bit,
    /// below 8.
    pub(super) fn bits(
        &mut self,
        column: &ColumnSlice,
        buffer: usize,
    ) -> Result<(Buffer, usize), LiftError> {
        if column.rows == 0 {
            return Ok((Buffer::default(), 0));
        }
        let skip = column.offset / 8;
        let bits = column.offset.saturating_add(column.rows as u64);
        let bytes = column
            .address(buffer)
            .bytes(bits.div_ceil(8), self.memory)?;
        let bits = self.copy(bytes.get(skip as usize..).unwrap_or_default())?;
        Ok((bits, (column.offset % 8) as usize))
    }

    pub(super) fn validity(
        &mut self,
        column: &ColumnSlice,
    ) -> Result<Option<NullBuffer>, LiftError> {
        if column.address(0) == GuestAddr(0) {
            return Ok(None);
        }
        let (bits, offset) = self.bits(column, 0)?;
        let nulls = NullBuffer::new(BooleanBuffer::new(bits, offset, column.rows));
        Ok(Some(nulls).filter(|nulls| nulls.null_count() > 0))
    }

    /// Copies and checks offsets. The copy starts at 0; returns the subtracted
    /// first offset too.
    pub(super) fn offsets(
        &mut self,
        column: &ColumnSlice,
    ) -> Result<(u64, OffsetBuffer<i32>), LiftError> {
        if column.rows == 0 {
            return Ok((0, OffsetBuffer::new_empty()));
        }
        let offsets = ScalarBuffer::<i32>::from(self.fixed_width_values(column, 1, 4, 1)?);
        let first = offsets.first().copied().unwrap_or_default();
        check_offsets(first, offsets.iter().copied())?;
        Ok((first as u64, from_zero(offsets)))
    }

    /// Offsets and data in use, in guest memory. The offsets are checked.
    pub(super) fn offsets_and_data(
        &mut self,
        column: &ColumnSlice,
    ) -> Result<(&'a [[u8; 4]], &'a [u8]), LiftError> {
        if column.rows == 0 {
            return Ok((&[], &[]));
        }
        let bytes = self.fixed_width_bytes(column, 1, 4, 1)?;
        self.budget.take(bytes.len() as u64)?;
        let offsets = bytes.as_chunks().0;
        let number = |offset: &[u8; 4]| i32::from_le_bytes(*offset);
        let first = offsets.first().map_or(0, number);
        check_offsets(first, offsets.iter().map(number))?;
        let last = offsets.last().map_or(0, number);
        let len = last.wrapping_sub(first) as u64;
        let data = self.data_bytes(column, first as u64, len)?;
        self.budget.take(len)?;
        Ok((offsets, data))
    }

    /// Copies the `len` bytes of data from offset `first`.
    pub(super) fn data(
        &mut self,
        column: &ColumnSlice,
        first: u64,
        len: u64,
    ) -> Result<Buffer, LiftError> {
        match self.data_bytes(column, first, len)? {
            [] => Ok(Buffer::default()),
            bytes => self.copy(bytes),
        }
    }

    /// The `len` bytes of data from offset `first`, in guest memory.
    fn data_bytes(
        &self,
        column: &ColumnSlice,
        first: u64,
        len: u64,
    ) -> Result<&'a [u8], AbiViolation> {
        if len == 0 {
            return Ok(&[]);
        }
        let bytes = column
            .address(2)
            .bytes(first.saturating_add(len), self.memory)?;
        Ok(bytes.get(first as usize..).unwrap_or_default())
    }
}

/// Subtracts the first offset from ascending offsets.
pub(super) fn from_zero(offsets: ScalarBuffer<i32>) -> OffsetBuffer<i32> {
    match offsets.first().copied().unwrap_or_default() {
        0 => OffsetBuffer::new(offsets),
        first => OffsetBuffer::new(offsets.iter().map(|o| o.wrapping_sub(first)).collect()),
    }
}

/// Returns an error if offsets fall or start below 0.
fn check_offsets(first: i32, offsets: impl Iterator<Item = i32> + Clone) -> Result<(), LiftError> {
    let falls = || {
        let nexts = offsets.clone().skip(1);
        offsets
            .clone()
            .zip(nexts)
            .map(|(offset, next)| next < offset)
    };
    // All pairs are compared: without a branch for each, the loop is
    // vectorised.
    if first < 0 || falls().fold(false, |any, falls| any | falls) {
        let row = match first {
            ..0 => Some(0),
            _ => falls().position(|falls| falls),
        };
        return Err(LiftError::AbiViolation(AbiViolation::Offsets {
            row: row.unwrap_or_default() as u64,
        }));
    }
    Ok(())
}

/// Aligns a buffer for values of any type, by a copy if needed.
pub(super) fn aligned(buffer: Buffer) -> Buffer {
    match buffer.as_ptr().addr().is_multiple_of(align_of::<u128>()) {
        true => buffer,
        false => Buffer::from_slice_ref(&buffer),
    }
}

/// Copies 16-byte values and returns the bitwise OR of all sums of an upper
/// word and `power`. Two values per iteration, with the lower words collected
/// too, is the form that the compiler vectorises.
#[inline(never)]
fn copy_i128(bytes: &[u8], power: u64) -> (Vec<u64>, u64) {
    let (pairs, rest) = bytes.as_chunks::<8>().0.as_chunks::<4>();
    let mut bits = [0; 2];
    let mut words: Vec<[u64; 4]> = Vec::with_capacity(pairs.len().saturating_add(1));
    words.extend(pairs.iter().map(|pair| {
        let pair = pair.map(u64::from_le_bytes);
        for [low, high] in pair.as_chunks().0 {
            bits[0] |= low;
            bits[1] |= high.wrapping_add(power);
        }
        pair
    }));
    let mut words = words.into_flattened();
    words.extend(rest.iter().map(|word| u64::from_le_bytes(*word)));
    let last = rest
        .get(1)
        .map_or(0, |high| u64::from_le_bytes(*high).wrapping_add(power));
    let [_, bits] = bits;
    (words, bits | last)
}

impl ColumnSlice {
    fn address(&self, buffer: usize) -> GuestAddr {
        let [validity, values, data] = self.buffers;
        match buffer {
            0 => validity,
            1 => values,
            _ => data,
        }
    }
}
