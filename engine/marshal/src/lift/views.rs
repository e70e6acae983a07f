//! Texts as views of them.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_array::builder::StringViewBuilder;
use arrow_array::{StringArray, StringViewArray};
use arrow_buffer::{Buffer, NullBuffer};

use super::Unlifted;
use super::buffers::from_zero;
use super::column::{Column, Reader};
use crate::breach::Breach;

impl Reader<'_> {
    /// Makes views of texts that are checked where the guest has left them: as
    /// a whole, and only where that fails, and a null row may be why, row by
    /// row.
    pub(super) fn views(
        &mut self,
        column: &Column,
        nulls: Option<NullBuffer>,
    ) -> Result<StringViewArray, Unlifted> {
        let (offsets, data) = self.texts(column)?;
        // Where most have no room in their views, copying all at once takes less.
        if data.len() > column.rows.saturating_mul(INLINE_BYTES_MAX) {
            let ends = offsets.iter().map(|offset| i32::from_le_bytes(*offset));
            let offsets = from_zero(ends.collect());
            if let Ok(text) = StringArray::try_new(offsets, Buffer::from(data), nulls.clone()) {
                return Ok(StringViewArray::from(&text));
            }
        }
        let whole = str::from_utf8(data).ok();
        let mut builder = StringViewBuilder::with_capacity(column.rows);
        if let Ok(bytes @ 1..) = u32::try_from(data.len()) {
            // One block for all that have no room in their views.
            builder = builder.with_fixed_block_size(bytes);
        }
        let first = offsets.first().map_or(0, |offset| position(*offset));
        let ends = offsets.iter().skip(1).map(|offset| position(*offset));
        let mut start = 0;
        for (row, end) in ends.enumerate() {
            let end = end.wrapping_sub(first);
            let range = start..end;
            start = end;
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                builder.append_null();
                continue;
            }
            let text = match whole {
                Some(whole) => whole.get(range),
                None => str::from_utf8(data.get(range).unwrap_or_default()).ok(),
            };
            builder.append_value(text.ok_or(Breach::Utf8 { row: row as u64 })?);
        }
        Ok(builder.finish())
    }
}

/// A text of so many bytes at most stands in its view.
const INLINE_BYTES_MAX: usize = 12;

fn position(offset: [u8; 4]) -> usize {
    u32::from_le_bytes(offset) as usize
}
