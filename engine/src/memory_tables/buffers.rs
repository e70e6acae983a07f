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

    use arrow::array::{Int64Array, StringViewArray, make_view};
    use arrow::buffer::{BooleanBuffer, NullBuffer};

    use super::*;

    /// Returns 100 texts of 50 bytes in buffers without spare capacity, as no builder makes them.
    fn texts() -> StringViewArray {
        let bytes = vec![b'x'; 5_000];
        let views = (0..100).map(|n| make_view(&bytes[50 * n..][..50], 0, 50 * n as u32));
        let views: Vec<u128> = views.collect();
        StringViewArray::new(views.into(), vec![Buffer::from_vec(bytes)], None)
    }

    /// Returns 100 numbers, some of which are null.
    fn numbers() -> Int64Array {
        let bits = Buffer::from_vec(vec![0b0101_0101_u8; 13]);
        let nulls = NullBuffer::new(BooleanBuffer::new(bits, 0, 100));
        Int64Array::new(vec![7; 100].into(), Some(nulls))
    }

    #[test]
    fn shared_buffers_are_counted_once() {
        let columns: [(_, ArrayRef); 2] = [("t", Arc::new(texts())), ("n", Arc::new(numbers()))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut buffers = CountedBuffers::default();
        let of_batch = BATCH_BYTES + 2 * ARRAY_BYTES;
        // Views of 16 bytes, texts of 50, numbers of 8 and a bit for each.
        let contents = 1_600 + 5_000 + 800 + 13;
        assert_eq!(buffers.add(&batch), of_batch + 4 * BUFFER_BYTES + contents);
        assert_eq!(buffers.add(&batch.slice(10, 20)), of_batch);
        assert_eq!(buffers.add(&batch), of_batch);
    }

    #[test]
    fn capacity_of_buffers_is_counted() {
        let mut numbers = Vec::<i64>::with_capacity(1_000);
        numbers.push(7);
        let numbers: ArrayRef = Arc::new(Int64Array::new(numbers.into(), None));
        let bytes = CountedBuffers::default().add_columns(&[numbers]);
        assert_eq!(bytes, BATCH_BYTES + ARRAY_BYTES + BUFFER_BYTES + 8_000);
    }
}
