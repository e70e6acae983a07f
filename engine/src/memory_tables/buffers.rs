//! Bytes of batches that share buffers.

use std::collections::HashSet;

use arrow::array::{Array, ArrayData, ArrayRef, RecordBatch};
use arrow::buffer::Buffer;

/// Bytes of a batch and its list of columns, of an array, and of a buffer besides its contents:
/// with few rows in each batch, these are most of it.
const BATCH_BYTES: u64 = 128;
const ARRAY_BYTES: u64 = 128;
const BUFFER_BYTES: u64 = 96;

/// Buffers that were counted: views, slices and dictionaries of several batches share them.
/// The batches have to be kept as long, so that no address is used again.
#[derive(Debug, Default)]
pub(super) struct CountedBuffers(HashSet<usize>);

impl CountedBuffers {
    /// Returns the bytes that a batch keeps and no batch before it.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> u64 {
        self.add_columns(batch.columns())
    }

    /// Returns the bytes that some columns of a batch keep and none before them.
    pub(super) fn add_columns(&mut self, columns: &[ArrayRef]) -> u64 {
        let columns = columns.iter();
        let columns = columns.map(|column| self.add_data(&column.to_data()));
        BATCH_BYTES + columns.sum::<u64>()
    }

    fn add_data(&mut self, data: &ArrayData) -> u64 {
        let nulls = data.nulls().map(|nulls| nulls.buffer());
        let buffers = data.buffers().iter().chain(nulls);
        let own: u64 = buffers.map(|buffer| self.add_buffer(buffer)).sum();
        let children = data.child_data().iter();
        ARRAY_BYTES + own + children.map(|child| self.add_data(child)).sum::<u64>()
    }

    fn add_buffer(&mut self, buffer: &Buffer) -> u64 {
        match self.0.insert(buffer.data_ptr().as_ptr() as usize) {
            true => BUFFER_BYTES + buffer.capacity() as u64,
            false => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    #[test]
    fn shared_buffers_are_counted_once() {
        let texts = StringViewArray::from_iter_values((0..100).map(|n| format!("{n:050}")));
        let numbers = Int64Array::from_iter((0..100).map(|n| (n % 2 == 0).then_some(n)));
        let columns: [(_, ArrayRef); 2] = [("t", Arc::new(texts)), ("n", Arc::new(numbers))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut buffers = CountedBuffers::default();
        let bytes = buffers.add(&batch);
        // Views of 16 bytes, texts of 50 and numbers of 8, and a bit for each; the capacity of
        // a builder's buffers may be more.
        assert!((7_400..40_000).contains(&bytes), "{bytes}");
        let of_batch = BATCH_BYTES + 2 * ARRAY_BYTES;
        assert_eq!(buffers.add(&batch.slice(10, 20)), of_batch);
        assert_eq!(buffers.add(&batch), of_batch);
    }
}
