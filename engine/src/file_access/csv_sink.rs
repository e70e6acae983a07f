//! Files of separated values that statements write: the empty string has quotes, and a null has
//! none, as in PostgreSQL and DuckDB.
//!
//! The writer of arrow writes both as nothing.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::csv::WriterBuilder;
use arrow::csv::writer::QuoteStyle;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::datasource::file_format::csv::{CsvSerializer, CsvSink};
use datafusion::datasource::file_format::write::BatchSerializer;
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::file_format::write::orchestration::spawn_writer_tasks_and_join;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::object_store::ObjectStore;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};

/// Replaces the sink of a plan that writes separated values, if nulls are written as nothing.
pub(super) fn quote_empty_texts(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let Some(node) = plan.downcast_ref::<DataSinkExec>() else {
        return plan;
    };
    let Some(csv) = node.sink().downcast_ref::<CsvSink>() else {
        return plan;
    };
    let builder = &csv.writer_options().writer_options;
    let is_trimmed = builder.ignore_leading_whitespace() || builder.ignore_trailing_whitespace();
    let is_necessary = matches!(builder.quote_style(), QuoteStyle::Necessary);
    if is_trimmed || !is_necessary || !builder.null().is_empty() {
        return plan;
    }
    let sink = QuotingSink(CsvSink::new(
        csv.config().clone(),
        csv.writer_options().clone(),
    ));
    let order = node.sort_order().clone();
    Arc::new(DataSinkExec::new(
        Arc::clone(node.input()),
        Arc::new(sink),
        order,
    ))
}

/// DataFusion's sink, with another serializer.
#[derive(Debug)]
struct QuotingSink(CsvSink);

impl DisplayAs for QuotingSink {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as(kind, f)
    }
}

#[async_trait]
impl FileSink for QuotingSink {
    fn config(&self) -> &FileSinkConfig {
        self.0.config()
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        context: &Arc<TaskContext>,
        demux_task: SpawnedTask<Result<()>>,
        file_stream_rx: DemuxedStreamReceiver,
        object_store: Arc<dyn ObjectStore>,
    ) -> Result<u64> {
        let options = self.0.writer_options();
        let serializer = Arc::new(QuotingSerializer(options.writer_options.clone()));
        let written = spawn_writer_tasks_and_join(
            context,
            serializer,
            options.compression.into(),
            options.compression_level,
            object_store,
            demux_task,
            file_stream_rx,
        );
        written.await
    }
}

#[async_trait]
impl DataSink for QuotingSink {
    fn schema(&self) -> &SchemaRef {
        self.0.schema()
    }

    async fn write_all(
        &self,
        data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        FileSink::write_all(self, data, context).await
    }
}

/// Serializer of batches, with the options of a file.
struct QuotingSerializer(WriterBuilder);

impl BatchSerializer for QuotingSerializer {
    fn serialize(&self, batch: RecordBatch, initial: bool) -> Result<Bytes> {
        let plain = CsvSerializer::new().with_header(self.0.header());
        let plain = plain.with_builder(self.0.clone());
        let types = || batch.columns().iter().map(|column| column.data_type());
        // A nested type has its error there.
        if types().any(DataType::is_nested) || !types().any(has_texts) {
            return plain.serialize(batch, initial);
        }
        // The header alone.
        let mut text = plain.serialize(batch.slice(0, 0), initial)?.to_vec();
        self.append_rows(&batch, &mut text)?;
        Ok(Bytes::from(text))
    }
}

impl QuotingSerializer {
    fn append_rows(&self, batch: &RecordBatch, text: &mut Vec<u8>) -> Result<()> {
        let builder = &self.0;
        let options = FormatOptions::default()
            .with_date_format(builder.date_format())
            .with_datetime_format(builder.datetime_format())
            .with_timestamp_format(builder.timestamp_format())
            .with_timestamp_tz_format(builder.timestamp_tz_format())
            .with_time_format(builder.time_format());
        let mut columns = Vec::new();
        for column in batch.columns() {
            let values = ArrayFormatter::try_new(column.as_ref(), &options)?;
            columns.push((values, column.logical_nulls()));
        }
        // An empty line is no row.
        let is_alone = columns.len() == 1;
        let mut field = String::new();
        for row in 0..batch.num_rows() {
            for (index, (values, nulls)) in columns.iter().enumerate() {
                if index > 0 {
                    text.push(builder.delimiter());
                }
                field.clear();
                let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                if !is_null {
                    values.value(row).write(&mut field)?;
                }
                if !is_null || is_alone {
                    self.append_field(field.as_bytes(), text);
                }
            }
            text.push(b'\n');
        }
        Ok(())
    }

    /// Appends a field, in quotes if it is empty or has a character with a meaning.
    fn append_field(&self, field: &[u8], text: &mut Vec<u8>) {
        let builder = &self.0;
        let (quote, escape) = (builder.quote(), builder.escape());
        let has_meaning = |byte: &u8| {
            *byte == builder.delimiter()
                || *byte == quote
                || matches!(byte, b'\n' | b'\r')
                || (!builder.double_quote() && *byte == escape)
        };
        if !field.is_empty() && !field.iter().any(has_meaning) {
            text.extend_from_slice(field);
            return;
        }
        text.push(quote);
        for byte in field {
            if *byte == quote {
                text.push(if builder.double_quote() {
                    quote
                } else {
                    escape
                });
            }
            text.push(*byte);
        }
        text.push(quote);
    }
}

/// Returns true for types whose values may be the empty string.
fn has_texts(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => has_texts(values),
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    fn batch(texts: &[Option<&str>]) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..texts.len() as i64);
        let columns: [(&str, ArrayRef); 2] = [
            ("t", Arc::new(StringArray::from(texts.to_vec()))),
            ("n", Arc::new(numbers)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))
            .unwrap()
    }

    fn written(builder: WriterBuilder, batch: &RecordBatch, initial: bool) -> String {
        let bytes = QuotingSerializer(builder).serialize(batch.clone(), initial);
        String::from_utf8(bytes.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn empty_strings_have_quotes_and_nulls_have_none() {
        let batch = batch(&[Some(""), None, Some("x")]);
        let builder = WriterBuilder::new();
        assert_eq!(
            written(builder.clone(), &batch, true),
            "t,n\n\"\",0\n,1\nx,2\n"
        );
        assert_eq!(written(builder.clone(), &batch, false), "\"\",0\n,1\nx,2\n");
        let alone = batch.project(&[0]).unwrap();
        assert_eq!(written(builder, &alone, false), "\"\"\n\"\"\nx\n");
    }

    #[test]
    fn other_fields_are_written_as_by_arrow() {
        let texts = [
            "a,b",
            "a;b",
            "it's",
            "say \"x\"",
            "\"",
            "a\nb",
            "a\rb",
            "a\\b",
            " x ",
            "é",
            "#",
        ];
        let batch = batch(&texts.map(Some));
        for builder in [
            WriterBuilder::new(),
            WriterBuilder::new().with_delimiter(b';').with_quote(b'\''),
            WriterBuilder::new().with_double_quote(false),
            WriterBuilder::new()
                .with_double_quote(false)
                .with_escape(b'#'),
        ] {
            let mut expected = Vec::new();
            let mut writer = builder.clone().build(&mut expected);
            writer.write(&batch).unwrap();
            drop(writer);
            let expected = String::from_utf8(expected).unwrap();
            assert_eq!(written(builder, &batch, true), expected);
        }
    }
}
