//! Batches as messages of Arrow's IPC format, with types that all clients know.
//!
//! Clients are told of the columns before the first batch. So every batch is cast to the columns
//! that were announced: views become text and bytes with offsets, dictionaries and runs become the
//! values that they stand for.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options, take};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::{
    DictionaryTracker, EncodedData, IpcDataGenerator, IpcWriteContext, IpcWriteOptions,
};
use bytes::Bytes;

use super::EncodingError;
use super::array_bytes::{array_bytes, sum};
use super::rows::ROW_BYTES_MAX;

/// Size of a message in bytes, unless it has one row alone.
const MESSAGE_BYTES: u64 = 256 << 10;

/// Message of Arrow's IPC format.
#[derive(Debug)]
pub(crate) struct ArrowMessage {
    /// Table of the message, a flatbuffer.
    pub(crate) header: Bytes,
    /// Buffers of the columns.
    pub(crate) body: Bytes,
}

/// Columns of a result, as they are announced to a client.
pub(crate) struct ArrowColumns {
    schema: SchemaRef,
    dictionaries: DictionaryTracker,
    context: IpcWriteContext,
    options: IpcWriteOptions,
}

impl ArrowColumns {
    /// Makes columns of the types of a schema that clients know. All may be null: what a planner
    /// says of that is not relied on.
    pub(crate) fn new(schema: &Schema) -> Self {
        let fields = schema.fields().iter().map(|field| {
            let data_type = client_type(field.data_type());
            let data_type = match can_cast_types(field.data_type(), &data_type) {
                true => data_type,
                false => field.data_type().clone(),
            };
            Field::new(field.name(), data_type, true).with_metadata(field.metadata().clone())
        });
        Self::exact(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }

    /// Makes columns of exactly these types.
    pub(crate) fn exact(schema: SchemaRef) -> Self {
        let options = IpcWriteOptions::default();
        let mut dictionaries = DictionaryTracker::new(false);
        // Numbers those that stay, as in the message of the schema.
        IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
            &schema,
            &mut dictionaries,
            &options,
        );
        Self {
            schema,
            dictionaries,
            context: IpcWriteContext::default(),
            options,
        }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Divides the rows of a batch into those of messages.
    ///
    /// # Errors
    ///
    /// [`EncodingError::RowTooLarge`].
    pub(crate) fn parts(batch: &RecordBatch) -> Result<Vec<Range<usize>>, EncodingError> {
        let mut parts = Vec::new();
        let all = 0..batch.num_rows();
        let mut open = vec![all];
        while let Some(rows) = open.pop() {
            let bytes = batch_bytes(batch, rows.clone(), ROW_BYTES_MAX as u64);
            if rows.len() > 1 && bytes > MESSAGE_BYTES {
                let middle = rows.start + rows.len() / 2;
                open.push(middle..rows.end);
                open.push(rows.start..middle);
            } else if bytes > ROW_BYTES_MAX as u64 {
                return Err(EncodingError::RowTooLarge);
            } else if !rows.is_empty() {
                parts.push(rows);
            }
        }
        Ok(parts)
    }

    /// Encodes some rows of a batch.
    ///
    /// # Errors
    ///
    /// [`ArrowError`] if they are not of these columns.
    pub(crate) fn messages(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
    ) -> Result<Vec<ArrowMessage>, ArrowError> {
        let batch = self.cast(batch, rows)?;
        let (mut messages, message) = IpcDataGenerator::default().encode(
            &batch,
            &mut self.dictionaries,
            &self.options,
            &mut self.context,
        )?;
        messages.push(message);
        let messages = messages.into_iter().map(|message| {
            let EncodedData {
                ipc_message,
                arrow_data,
            } = message;
            ArrowMessage {
                header: ipc_message.into(),
                body: arrow_data.into(),
            }
        });
        Ok(messages.collect())
    }

    /// Casts some rows of a batch to these columns.
    ///
    /// # Errors
    ///
    /// [`ArrowError`] if that is not possible.
    pub(crate) fn cast(
        &self,
        batch: &RecordBatch,
        rows: Range<usize>,
    ) -> Result<RecordBatch, ArrowError> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| {
            let column = part_of(column, &rows)?;
            if column.data_type() == field.data_type() {
                return Ok(column);
            }
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            cast_with_options(&column, field.data_type(), &options)
        });
        let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

/// Returns the bytes of rows with the types that clients know. Beyond a maximum it does not count
/// on.
pub(crate) fn batch_bytes(batch: &RecordBatch, rows: Range<usize>, max: u64) -> u64 {
    let columns = batch.columns().iter();
    let bytes = columns.map(|column| array_bytes(column, rows.clone(), max));
    sum(bytes, max)
}

/// Returns some rows of a column. Items of nested columns are copied: casts and encoders read all
/// of the items that slices share.
fn part_of(column: &ArrayRef, rows: &Range<usize>) -> Result<ArrayRef, ArrowError> {
    if rows.len() == column.len() {
        return Ok(Arc::clone(column));
    }
    if !column.data_type().is_nested() {
        return Ok(column.slice(rows.start, rows.len()));
    }
    let indices = UInt64Array::from_iter_values(rows.clone().map(|row| row as u64));
    take(column, &indices, None)
}

/// Returns the type that stands for another at clients.
pub(crate) fn client_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => client_type(values),
        DataType::RunEndEncoded(_, values) => client_type(values.data_type()),
        DataType::List(item) | DataType::ListView(item) => DataType::List(client_field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => {
            DataType::LargeList(client_field(item))
        }
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(client_field(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(client_field).collect()),
        DataType::Map(entries, is_sorted) => DataType::Map(client_field(entries), *is_sorted),
        other => other.clone(),
    }
}

fn client_field(field: &FieldRef) -> FieldRef {
    let data_type = client_type(field.data_type());
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, DictionaryArray, ListArray, StringViewArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let names = ["a", "b", "c"];
        RecordBatch::try_from_iter(names.into_iter().zip(columns)).unwrap()
    }

    #[test]
    fn views_and_dictionaries_become_their_values() {
        let texts = StringViewArray::from(vec![Some("a text of more than twelve bytes"), None]);
        let keyed: DictionaryArray<Int32Type> = vec![Some("x"), Some("x")].into_iter().collect();
        let batch = batch(vec![Arc::new(texts), Arc::new(keyed)]);
        let columns = ArrowColumns::new(&batch.schema());
        let cast = columns.cast(&batch, 0..2).unwrap();
        assert_eq!(cast.schema(), *columns.schema());
        for column in cast.columns() {
            assert_eq!(*column.data_type(), DataType::Utf8);
        }
        assert_eq!(cast.column(1).as_string::<i32>().value(1), "x");
    }

    #[test]
    fn large_batches_are_divided_and_keep_their_rows() {
        let long = "x".repeat(100_000);
        let texts = StringViewArray::from_iter_values(std::iter::repeat_n(long.as_str(), 10));
        let lists = (0..10).map(|n| Some(vec![Some(n), None]));
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
        let batch = batch(vec![Arc::new(texts), Arc::new(lists)]);
        let parts = ArrowColumns::parts(&batch).unwrap();
        assert!(parts.len() > 2, "{parts:?}");
        assert_eq!(parts.iter().map(Range::len).sum::<usize>(), 10);
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
        let mut columns = ArrowColumns::new(&batch.schema());
        for rows in parts {
            let cast = columns.cast(&batch, rows.clone()).unwrap();
            let lists = cast.column(1).as_list::<i32>();
            let first = lists.value(0).as_primitive::<Int32Type>().value(0);
            assert_eq!(first as usize, rows.start);
            let messages = columns.messages(&batch, rows).unwrap();
            assert_eq!(messages.len(), 1);
            assert!(messages[0].body.len() < 2 * MESSAGE_BYTES as usize);
        }
        assert!(ArrowColumns::parts(&batch.slice(0, 0)).unwrap().is_empty());
    }
}
