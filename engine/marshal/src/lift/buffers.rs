//! Buffers, of which the rows in use are copied.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::Unlifted;
use super::column::{Column, Reader};
use crate::address::GuestAddr;
use crate::breach::Breach;

impl<'a> Reader<'a> {
    /// Copies bytes of the guest's, if the column may have so many more.
    fn copy(&mut self, bytes: &[u8]) -> Result<Buffer, Unlifted> {
        self.allowance.take(bytes.len() as u64)?;
        Ok(Buffer::from_vec(bytes.to_vec()))
    }

    /// The same of values, which have to be aligned. All that is asked of the
    /// allocator is room: it aligns what is so large far enough by itself, and to
    /// ask for that takes it longer. Should it not, the bytes are moved.
    fn copy_aligned(&mut self, bytes: &[u8]) -> Result<Buffer, Unlifted> {
        Ok(aligned(self.copy(bytes)?))
    }

    /// Counts rows that have no bytes as if they had one each: there is no other
    /// end to them.
    pub(super) fn count_out(&mut self, rows: usize) -> Result<(), Unlifted> {
        self.allowance.take(rows as u64)
    }

    /// Copies the `width` bytes of each row in use of the values or offsets, and
    /// `extra` rows more.
    pub(super) fn fixed(
        &mut self,
        column: &Column,
        buffer: usize,
        width: usize,
        extra: u64,
    ) -> Result<Buffer, Unlifted> {
        match self.fixed_bytes(column, buffer, width, extra)? {
            [] => Ok(Buffer::default()),
            bytes => self.copy_aligned(bytes),
        }
    }

    /// Copies the 16 bytes of each row in use of the values, whose upper halves
    /// are added to `power` and collected on the way: how many values fit shows
    /// without a second pass.
    pub(super) fn wide(&mut self, column: &Column, power: u64) -> Result<(Buffer, u64), Unlifted> {
        let bytes = self.fixed_bytes(column, 1, size_of::<i128>(), 0)?;
        self.allowance.take(bytes.len() as u64)?;
        let (words, bits) = copy_wide(bytes, power);
        Ok((aligned(Buffer::from_vec(words)), bits))
    }

    /// The bytes in use of the values or offsets, in the guest.
    fn fixed_bytes(
        &self,
        column: &Column,
        buffer: usize,
        width: usize,
        extra: u64,
    ) -> Result<&'a [u8], Breach> {
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

    /// Copies the bits in use of the buffer; they begin at the returned bit,
    /// less than 8.
    pub(super) fn bits(
        &mut self,
        column: &Column,
        buffer: usize,
    ) -> Result<(Buffer, usize), Unlifted> {
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

    pub(super) fn validity(&mut self, column: &Column) -> Result<Option<NullBuffer>, Unlifted> {
        if column.address(0) == GuestAddr(0) {
            return Ok(None);
        }
        let (bits, offset) = self.bits(column, 0)?;
        let nulls = NullBuffer::new(BooleanBuffer::new(bits, offset, column.rows));
        Ok(Some(nulls).filter(|nulls| nulls.null_count() > 0))
    }

    /// Copies offsets and checks them. They start at 0 in the copy; what was
    /// subtracted is returned too.
    pub(super) fn offsets(
        &mut self,
        column: &Column,
    ) -> Result<(u64, OffsetBuffer<i32>), Unlifted> {
        if column.rows == 0 {
            return Ok((0, OffsetBuffer::new_empty()));
        }
        let offsets = ScalarBuffer::<i32>::from(self.fixed(column, 1, 4, 1)?);
        let first = offsets.first().copied().unwrap_or_default();
        check_rising(first, offsets.iter().copied())?;
        Ok((first as u64, from_zero(offsets)))
    }

    /// The offsets and the data in use, in the guest; the offsets are checked.
    pub(super) fn offsets_and_data(
        &mut self,
        column: &Column,
    ) -> Result<(&'a [[u8; 4]], &'a [u8]), Unlifted> {
        if column.rows == 0 {
            return Ok((&[], &[]));
        }
        let bytes = self.fixed_bytes(column, 1, 4, 1)?;
        self.allowance.take(bytes.len() as u64)?;
        let offsets = bytes.as_chunks().0;
        let number = |offset: &[u8; 4]| i32::from_le_bytes(*offset);
        let first = offsets.first().map_or(0, number);
        check_rising(first, offsets.iter().map(number))?;
        let last = offsets.last().map_or(0, number);
        let len = last.wrapping_sub(first) as u64;
        let data = self.data_bytes(column, first as u64, len)?;
        self.allowance.take(len)?;
        Ok((offsets, data))
    }

    /// Copies the data between offsets that end at `end`.
    pub(super) fn data(
        &mut self,
        column: &Column,
        first: u64,
        len: u64,
    ) -> Result<Buffer, Unlifted> {
        match self.data_bytes(column, first, len)? {
            [] => Ok(Buffer::default()),
            bytes => self.copy(bytes),
        }
    }

    /// The data between offsets, in the guest.
    fn data_bytes(&self, column: &Column, first: u64, len: u64) -> Result<&'a [u8], Breach> {
        if len == 0 {
            return Ok(&[]);
        }
        let bytes = column
            .address(2)
            .bytes(first.saturating_add(len), self.memory)?;
        Ok(bytes.get(first as usize..).unwrap_or_default())
    }
}

/// Offsets that never fall, so that they begin at 0.
pub(super) fn from_zero(offsets: ScalarBuffer<i32>) -> OffsetBuffer<i32> {
    match offsets.first().copied().unwrap_or_default() {
        0 => OffsetBuffer::new(offsets),
        first => OffsetBuffer::new(offsets.iter().map(|o| o.wrapping_sub(first)).collect()),
    }
}

/// Refuses offsets that fall, or begin below 0.
fn check_rising(first: i32, offsets: impl Iterator<Item = i32> + Clone) -> Result<(), Unlifted> {
    let falls = || {
        let nexts = offsets.clone().skip(1);
        offsets
            .clone()
            .zip(nexts)
            .map(|(offset, next)| next < offset)
    };
    // All pairs are looked at: no branch on each is faster than an early end.
    if first < 0 || falls().fold(false, |any, falls| any | falls) {
        let row = match first {
            ..0 => Some(0),
            _ => falls().position(|falls| falls),
        };
        return Err(Unlifted::Breach(Breach::Offsets {
            row: row.unwrap_or_default() as u64,
        }));
    }
    Ok(())
}

/// The buffer where any value may stand, moved if need be.
fn aligned(buffer: Buffer) -> Buffer {
    match buffer.as_ptr().addr().is_multiple_of(align_of::<u128>()) {
        true => buffer,
        false => Buffer::from_slice_ref(&buffer),
    }
}

/// Copies values of two words each, and returns the bits that are set in any of
/// the sums of `power` and an upper word. The lower ones are collected too, and
/// two values at a time: that is what the compiler makes vectors of.
#[inline(never)]
fn copy_wide(bytes: &[u8], power: u64) -> (Vec<u64>, u64) {
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

impl Column {
    fn address(&self, buffer: usize) -> GuestAddr {
        let [validity, values, data] = self.buffers;
        match buffer {
            0 => validity,
            1 => values,
            _ => data,
        }
    }
}
