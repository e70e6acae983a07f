//! Columns of kept answers, to which others are appended.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;
use arrow_select::take::take;

/// Maximum bytes of kept answers, above which they are cleared.
const BYTES_MAX: usize = 8 << 20;

/// Maximum number of blocks of views before they are merged.
const BLOCKS_MAX: usize = 16;

/// Returns true if answers of this type can be kept.
pub(crate) fn can_keep(data_type: &DataType) -> bool {
    use DataType::*;
    match data_type {
        Boolean | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => true,
        List(item) | LargeList(item) => item.data_type().is_primitive(),
        other => other.is_primitive(),
    }
}

/// Kept answers. They share no memory with the columns that they came in, which are charged
/// to their batch.
#[derive(Default)]
pub(super) struct Answers {
    column: Option<ArrayRef>,
}

impl Answers {
    /// Returns the number of answers.
    pub(super) fn len(&self) -> usize {
        self.column.as_ref().map_or(0, |column| column.len())
    }

    /// Returns the answers.
    pub(super) fn column(&self) -> Option<&ArrayRef> {
        self.column.as_ref()
    }

    /// Returns true if the answers should be cleared before a batch.
    pub(super) fn is_full(&self) -> bool {
        self.allocated() > BYTES_MAX
    }

    /// Returns the bytes that they have allocated.
    pub(super) fn allocated(&self) -> usize {
        let bytes = |column: &ArrayRef| column.get_buffer_memory_size();
        self.column.as_ref().map_or(0, bytes)
    }

    /// Appends a copy of answers.
    pub(super) fn append(&mut self, new: &ArrayRef) -> Result<(), ArrowError> {
        let all = match self.column.take() {
            // The kernels copy all but the blocks of views.
            Some(kept) => concat(&[&kept, &compact(new)])?,
            None => {
                let all = UInt32Array::from_iter_values(0..new.len() as u32);
                compact(&take(new, &all, None)?)
            }
        };
        self.column = Some(match block_count(&all) > BLOCKS_MAX {
            true => compact(&all),
            false => all,
        });
        Ok(())
    }
}

fn block_count(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().data_buffers().len(),
        DataType::BinaryView => column.as_binary_view().data_buffers().len(),
        _ => 0,
    }
}

/// Copies the texts of views.
fn compact(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        _ => ArrayRef::clone(column),
    }
}
