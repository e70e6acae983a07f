//! Buffers, of which the rows in use are copied.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::Unlifted;
use super::column::{Column, Reader};
use crate::address::GuestAddr;
use crate::breach::Breach;

impl Reader<'_> {
    /// Copies bytes of the guest's, if the column may have so many more.
    fn copy(&mut self, bytes: &[u8]) -> Result<Buffer, Unlifted> {
        self.allowance.take(bytes.len() as u64)?;
        Ok(Buffer::from_vec(bytes.to_vec()))
    }

    /// The same of values, which have to be aligned. All that is asked of the
    /// allocator is room: it aligns what is so large far enough by itself, and to
    /// ask for that takes it longer. Should it not, the bytes are moved.
    fn copy_aligned(&mut self, bytes: &[u8]) -> Result<Buffer, Unlifted> {
        let copy = self.copy(bytes)?;
        Ok(
            match copy.as_ptr().addr().is_multiple_of(align_of::<u128>()) {
                true => copy,
                false => Buffer::from_slice_ref(&copy),
            },
        )
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
        let width = width as u64;
        let skip = column.offset.saturating_mul(width);
        let len = (column.rows as u64)
            .saturating_add(extra)
            .saturating_mul(width);
        if len == 0 {
            return Ok(Buffer::default());
        }
        let bytes = column
            .address(buffer)
            .bytes(skip.saturating_add(len), self.memory)?;
        self.copy_aligned(bytes.get(skip as usize..).unwrap_or_default())
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
        let nexts = offsets.get(1..).unwrap_or_default();
        let falls = || {
            offsets
                .iter()
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
        let offsets = match first {
            0 => offsets,
            _ => offsets.iter().map(|o| o.wrapping_sub(first)).collect(),
        };
        Ok((first as u64, OffsetBuffer::new(offsets)))
    }

    /// Copies the data between offsets that end at `end`.
    pub(super) fn data(
        &mut self,
        column: &Column,
        first: u64,
        len: u64,
    ) -> Result<Buffer, Unlifted> {
        if len == 0 {
            return Ok(Buffer::default());
        }
        let bytes = column
            .address(2)
            .bytes(first.saturating_add(len), self.memory)?;
        self.copy(bytes.get(first as usize..).unwrap_or_default())
    }
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
