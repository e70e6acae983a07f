//! Texts, which are checked where the guest has left them.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_array::builder::{StringBuilder, StringViewBuilder};
use arrow_array::{StringArray, StringViewArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};

use super::Unlifted;
use super::buffers::from_zero;
use super::column::{Column, Reader, misfit};
use crate::breach::Breach;

impl<'a> Reader<'a> {
    pub(super) fn text(
        &mut self,
        column: &Column,
        nulls: Option<NullBuffer>,
    ) -> Result<StringArray, Unlifted> {
        let texts = self.texts(column, nulls)?;
        if let Ok(array) = texts.at_once() {
            return Ok(array);
        }
        // Perhaps only what stands under a null is no text.
        let mut builder = StringBuilder::with_capacity(column.rows, texts.data.len());
        texts.each(|text| builder.append_option(text))?;
        Ok(builder.finish())
    }

    pub(super) fn text_views(
        &mut self,
        column: &Column,
        nulls: Option<NullBuffer>,
    ) -> Result<StringViewArray, Unlifted> {
        let texts = self.texts(column, nulls)?;
        // Where most have no room in their views, copying all takes less; but
        // Arrow takes long to check what is not ASCII.
        let is_long = texts.data.len() > column.rows.saturating_mul(INLINE_BYTES_MAX);
        if is_long && texts.data.is_ascii() {
            return Ok(StringViewArray::from(&texts.at_once()?));
        }
        let mut builder = StringViewBuilder::with_capacity(column.rows);
        if let Ok(bytes @ 1..) = u32::try_from(texts.data.len()) {
            // One block for all that have no room in their views.
            builder = builder.with_fixed_block_size(bytes);
        }
        texts.each(|text| builder.append_option(text))?;
        Ok(builder.finish())
    }

    fn texts(&mut self, column: &Column, nulls: Option<NullBuffer>) -> Result<Texts<'a>, Unlifted> {
        let (offsets, data) = self.offsets_and_data(column)?;
        Ok(Texts {
            offsets,
            data,
            nulls,
        })
    }
}

/// A text of so many bytes at most stands in its view.
const INLINE_BYTES_MAX: usize = 12;

/// Texts in the guest, between offsets that do not fall.
struct Texts<'a> {
    offsets: &'a [[u8; 4]],
    data: &'a [u8],
    nulls: Option<NullBuffer>,
}

impl<'a> Texts<'a> {
    /// All of them, in one copy, which Arrow checks.
    fn at_once(&self) -> Result<StringArray, Unlifted> {
        let ends = self.offsets.iter().map(|end| i32::from_le_bytes(*end));
        let offsets = match self.offsets {
            [] => OffsetBuffer::new_empty(),
            _ => from_zero(ends.collect()),
        };
        let data = Buffer::from(self.data);
        StringArray::try_new(offsets, data, self.nulls.clone()).map_err(misfit)
    }

    /// Calls `append` with each text, and with nothing for each null. They are
    /// checked as a whole, and only where that fails, and a null row may be why,
    /// row by row.
    fn each(&self, mut append: impl FnMut(Option<&'a str>)) -> Result<(), Breach> {
        let whole = simdutf8::basic::from_utf8(self.data).ok();
        let first = self.offsets.first().map_or(0, |offset| position(*offset));
        let ends = self.offsets.iter().skip(1).map(|offset| position(*offset));
        let mut start = 0;
        for (row, end) in ends.enumerate() {
            let end = end.wrapping_sub(first);
            let range = start..end;
            start = end;
            if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                append(None);
                continue;
            }
            let text = match whole {
                Some(whole) => whole.get(range),
                None => str::from_utf8(self.data.get(range).unwrap_or_default()).ok(),
            };
            append(Some(text.ok_or(Breach::Utf8 { row: row as u64 })?));
        }
        Ok(())
    }
}

fn position(offset: [u8; 4]) -> usize {
    u32::from_le_bytes(offset) as usize
}
