//! Strings, which are validated in guest memory.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_array::builder::{StringBuilder, StringViewBuilder};
use arrow_array::{StringArray, StringViewArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};

use super::LiftError;
use super::buffers::from_zero;
use super::column::{ColumnReader, ColumnSlice, invalid_array};
use crate::abi_violation::AbiViolation;
use crate::result_memory::ResultMemory;

impl<'a> ColumnReader<'a> {
    pub(super) fn string_array(
        &mut self,
        column: &ColumnSlice,
        nulls: Option<NullBuffer>,
    ) -> Result<StringArray, LiftError> {
        let strings = self.strings(column, nulls)?;
        let memory = self.budget.memory;
        if let Ok(array) = strings.to_string_array(memory) {
            return Ok(array);
        }
        // The invalid bytes may all be in null rows.
        let mut builder = StringBuilder::with_capacity(column.rows, strings.data.len());
        strings.for_each(|string| builder.append_option(string))?;
        let (offsets, data, nulls) = builder.finish().into_parts();
        StringArray::try_new(offsets, memory.own(data), nulls).map_err(invalid_array)
    }

    pub(super) fn string_view_array(
        &mut self,
        column: &ColumnSlice,
        nulls: Option<NullBuffer>,
    ) -> Result<StringViewArray, LiftError> {
        let strings = self.strings(column, nulls)?;
        // If most strings are too long for their views, one copy of all is
        // faster; but Arrow validates non-ASCII data slowly.
        let is_long = strings.data.len() > column.rows.saturating_mul(INLINE_BYTES_MAX);
        // Views have 16 bytes, of which 4 are counted with the offsets.
        self.budget
            .charge((column.rows as u64).saturating_mul(12))?;
        let memory = self.budget.memory;
        if is_long && strings.data.is_ascii() {
            return Ok(StringViewArray::from(&strings.to_string_array(memory)?));
        }
        let mut builder = StringViewBuilder::with_capacity(column.rows);
        if let Ok(bytes @ 1..) = u32::try_from(strings.data.len()) {
            // One block for all strings that are too long for their views.
            builder = builder.with_fixed_block_size(bytes);
        }
        strings.for_each(|string| builder.append_option(string))?;
        // A block of its own keeps the reservation: Arrow has no view array of
        // other buffers without another validation. Where all strings are in
        // their views, Arrow's kernels are faster without any block.
        let keeps = is_long || column.rows >= VIEWS_KEPT_MIN;
        if let Some(keeper) = memory.keeper().filter(|_| keeps) {
            builder.append_block(keeper);
        }
        Ok(builder.finish())
    }

    fn strings(
        &mut self,
        column: &ColumnSlice,
        nulls: Option<NullBuffer>,
    ) -> Result<GuestStrings<'a>, LiftError> {
        let (offsets, data) = self.offsets_and_data(column)?;
        Ok(GuestStrings {
            offsets,
            data,
            nulls,
        })
    }
}

/// Longest string that is stored in its view.
const INLINE_BYTES_MAX: usize = 12;

/// Number of rows from which a column of short strings keeps its reservation.
pub(super) const VIEWS_KEPT_MIN: usize = 1 << 16;

/// Strings in guest memory, between ascending offsets.
struct GuestStrings<'a> {
    offsets: &'a [[u8; 4]],
    data: &'a [u8],
    nulls: Option<NullBuffer>,
}

impl<'a> GuestStrings<'a> {
    /// Copies all strings at once. Arrow validates them.
    fn to_string_array(&self, memory: &ResultMemory<'_>) -> Result<StringArray, LiftError> {
        let ends = self.offsets.iter().map(|end| i32::from_le_bytes(*end));
        let offsets = match self.offsets {
            [] => OffsetBuffer::new_empty(),
            _ => from_zero(ends.collect()),
        };
        let data = memory.own(Buffer::from(self.data));
        StringArray::try_new(offsets, data, self.nulls.clone()).map_err(invalid_array)
    }

    /// Calls `append` with each string, or with `None` for a null. The data is
    /// validated as a whole; if that fails, which bytes of null rows can cause,
    /// each row is.
    fn for_each(&self, mut append: impl FnMut(Option<&'a str>)) -> Result<(), AbiViolation> {
        let whole = simdutf8::basic::from_utf8(self.data).ok();
        let first = self.offsets.first().map_or(0, |offset| to_usize(*offset));
        let ends = self.offsets.iter().skip(1).map(|offset| to_usize(*offset));
        let mut start = 0;
        for (row, end) in ends.enumerate() {
            let end = end.wrapping_sub(first);
            let range = start..end;
            start = end;
            if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                append(None);
                continue;
            }
            let string = match whole {
                Some(whole) => whole.get(range),
                None => str::from_utf8(self.data.get(range).unwrap_or_default()).ok(),
            };
            append(Some(string.ok_or(AbiViolation::Utf8 { row: row as u64 })?));
        }
        Ok(())
    }
}

fn to_usize(offset: [u8; 4]) -> usize {
    u32::from_le_bytes(offset) as usize
}
