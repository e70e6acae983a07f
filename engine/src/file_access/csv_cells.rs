//! Places of values in files of separated values that are not of the type that a query needs.
//!
//! Neither arrow-csv nor a cast knows the line of a file: the one counts the records of the part
//! that it reads, the other those of a batch. So the file is read once more when a query has failed.

use std::mem;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::{Decoder, Format};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Buf;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::CsvSource;
use datafusion::datasource::projection::SplitProjection;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::object_store::{GetOptions, ObjectStore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal, TryCastExpr};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::utils::collect_columns;
use futures::{StreamExt, TryStreamExt};

use super::bad_cells::{BadCell, is_of_value};
use crate::short_times::is_completed_text;

/// Records that are parsed at once.
const RECORDS_MAX: usize = 1_024;

/// Length in characters up to which a value is printed.
const VALUE_MAX: usize = 100;

/// Bytes of files that are read to find the place of one error.
pub(super) const BYTES_MAX: usize = 256 << 20;

/// Values of files as a query takes them.
#[derive(Clone, Debug)]
pub(super) struct CsvCells {
    table: TableSchema,
    /// Expressions over the columns of the table.
    projection: ProjectionExprs,
    /// Columns of the files that the expressions use.
    columns: Vec<usize>,
    /// Format of records, without a header.
    format: Format,
    has_header: bool,
    /// End of a line.
    terminator: u8,
    comment: Option<u8>,
    compression: FileCompressionType,
}

/// Part of a file that is being read.
struct Reading {
    decoder: Decoder,
    /// Bytes of the records in the decoder.
    pending: Vec<u8>,
    /// Ends of lines before them.
    lines: usize,
    has_header: bool,
}

impl CsvCells {
    /// Returns the values of expressions over the files of a source.
    pub(super) fn new(
        source: &CsvSource,
        format: &Format,
        compression: FileCompressionType,
        table: &TableSchema,
        projection: ProjectionExprs,
    ) -> Self {
        let split = SplitProjection::new(table.file_schema(), &projection);
        Self {
            table: table.clone(),
            projection,
            columns: split.file_indices,
            format: format.clone().with_header(false),
            has_header: source.has_header(),
            terminator: source.terminator().unwrap_or(b'\n'),
            comment: source.comment(),
            compression,
        }
    }

    /// Finds the first bad value of a file; `None` if there is none in its first `bytes_max` bytes,
    /// from which those that are read are subtracted.
    ///
    /// # Errors
    ///
    /// Those of the object store and of records that cannot be divided.
    pub(super) async fn find(
        &self,
        store: &dyn ObjectStore,
        file: &PartitionedFile,
        bytes_max: &mut usize,
    ) -> Result<Option<BadCell>> {
        let location = &file.object_meta.location;
        let found = store.get_opts(location, GetOptions::default()).await?;
        let bytes = found.into_stream().map_err(DataFusionError::from).boxed();
        let mut bytes = self.compression.convert_stream(bytes)?;
        let mut reading = Reading {
            decoder: self.decoder(&self.columns, RECORDS_MAX),
            pending: Vec::new(),
            lines: 0,
            has_header: self.has_header,
        };
        loop {
            let next = bytes.try_next().await?;
            let is_end = next.is_none();
            let mut rest = next.unwrap_or_default();
            match bytes_max.checked_sub(rest.len()) {
                Some(left) => *bytes_max = left,
                None => {
                    *bytes_max = 0;
                    return Ok(None);
                }
            }
            while is_end || !rest.is_empty() {
                // Decoding nothing ends the last record.
                let decoded = reading.decoder.decode(&rest)?;
                reading.pending.extend_from_slice(&rest[..decoded]);
                rest.advance(decoded);
                if (is_end || reading.decoder.capacity() == 0)
                    && let Some(cell) = self.check(&mut reading, file)?
                {
                    return Ok(Some(cell));
                }
                if is_end {
                    return Ok(None);
                }
            }
        }
    }

    /// Checks the records of the decoder, and starts with the next ones.
    fn check(&self, reading: &mut Reading, file: &PartitionedFile) -> Result<Option<BadCell>> {
        let pending = mem::take(&mut reading.pending);
        let has_header = mem::take(&mut reading.has_header);
        let lines = reading.lines;
        reading.lines += self.count_lines(&pending);
        // The header, which is none of its types, is a record here.
        let is_good = match reading.decoder.flush() {
            Ok(None) => true,
            Ok(Some(batch)) => !has_header && self.bad_expression(&batch, file).is_none(),
            Err(_) => {
                reading.decoder = self.decoder(&self.columns, RECORDS_MAX);
                false
            }
        };
        match is_good {
            true => Ok(None),
            false => self.first_bad(&pending, lines, has_header, file),
        }
    }

    /// Finds the first record with a bad value.
    fn first_bad(
        &self,
        bytes: &[u8],
        lines: usize,
        has_header: bool,
        file: &PartitionedFile,
    ) -> Result<Option<BadCell>> {
        let mut records = self.text_decoder(None);
        let mut is_header = has_header;
        let mut begin = 0;
        while begin < bytes.len() {
            let mut end = begin;
            while end < bytes.len() && records.capacity() > 0 {
                end += records.decode(&bytes[end..])?;
            }
            records.decode(&[])?;
            let is_record = records.flush()?.is_some();
            if is_record && mem::take(&mut is_header) {
                if self.are_good(&bytes[end..], file) {
                    return Ok(None);
                }
                begin = end;
                continue;
            }
            let record = &bytes[begin..end];
            if is_record && let Some((column, error)) = self.bad_column(record, file) {
                let blank = self.blank(record);
                return Ok(Some(BadCell {
                    line: 1 + lines + self.count_lines(&bytes[..begin + blank]),
                    column,
                    error,
                }));
            }
            begin = end;
        }
        Ok(None)
    }

    /// Returns the column of a record that has a bad value, and its error.
    fn bad_column(
        &self,
        record: &[u8],
        file: &PartitionedFile,
    ) -> Option<(String, DataFusionError)> {
        if let Ok(batch) = decoded(self.decoder(&self.columns, 1), record) {
            return self.bad_expression(&batch?, file);
        }
        for column in &self.columns {
            if decoded(self.decoder(&[*column], 1), record).is_ok() {
                continue;
            }
            let field = self.table.file_schema().field(*column);
            let text = decoded(self.text_decoder(Some(*column)), record).ok()??;
            let text = text.column(0).as_string::<i32>().value(0).to_owned();
            let value = match text.char_indices().nth(VALUE_MAX) {
                Some((end, _)) => format!("{}…", text[..end].escape_debug()),
                None => text.escape_debug().to_string(),
            };
            let message = format!(
                "expected a value of the type {}, found '{value}'",
                field.data_type()
            );
            let error = DataFusionError::from(ArrowError::ParseError(message));
            return Some((field.name().clone(), error));
        }
        None
    }

    /// Returns true if at most as many records as are parsed at once have no bad value.
    fn are_good(&self, records: &[u8], file: &PartitionedFile) -> bool {
        match decoded(self.decoder(&self.columns, RECORDS_MAX), records) {
            Ok(Some(batch)) => self.bad_expression(&batch, file).is_none(),
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Returns the column of the first cast that fails for the columns of some records.
    fn bad_expression(
        &self,
        batch: &RecordBatch,
        file: &PartitionedFile,
    ) -> Option<(String, DataFusionError)> {
        let rows = self.rows(batch, file).ok()?;
        self.projection.iter().find_map(|projected| {
            // A function is not called again.
            if !is_cast(&projected.expr) {
                return None;
            }
            let error = projected.expr.evaluate(&rows).err();
            let error = error.filter(is_of_value)?;
            let mut columns = collect_columns(&projected.expr).into_iter();
            let name = match (columns.next(), columns.next()) {
                (Some(column), None) => column.name().to_owned(),
                _ => projected.alias.clone(),
            };
            Some((name, error))
        })
    }

    /// Returns rows of the table with the columns of a batch, and nulls in all others.
    fn rows(&self, batch: &RecordBatch, file: &PartitionedFile) -> Result<RecordBatch> {
        let count = batch.num_rows();
        let files = self.table.file_schema().fields().len();
        let schema = self.table.table_schema();
        let columns = schema.fields().iter().enumerate().map(|(index, field)| {
            let read = self.columns.iter().position(|column| *column == index);
            let partition = index.checked_sub(files);
            let partition = partition.and_then(|index| file.partition_values.get(index));
            match (read, partition) {
                (Some(read), _) => Ok(Arc::clone(batch.column(read))),
                (None, Some(value)) => value.to_array_of_size(count),
                (None, None) => Ok(new_null_array(field.data_type(), count)),
            }
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
        let fields = schema.fields().iter().zip(&columns).map(|(field, column)| {
            let field = field.as_ref().clone().with_nullable(true);
            field.with_data_type(column.data_type().clone())
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }

    /// Makes a decoder of columns in their types.
    fn decoder(&self, columns: &[usize], records: usize) -> Decoder {
        let schema = Arc::clone(self.table.file_schema());
        self.decoder_of(schema, Some(columns.to_vec()), records)
    }

    /// Makes a decoder of one record as texts.
    fn text_decoder(&self, column: Option<usize>) -> Decoder {
        let fields = self.table.file_schema().fields().iter();
        let fields = fields.map(|field| Field::new(field.name(), DataType::Utf8, true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        self.decoder_of(schema, column.map(|column| vec![column]), 1)
    }

    fn decoder_of(
        &self,
        schema: SchemaRef,
        columns: Option<Vec<usize>>,
        records: usize,
    ) -> Decoder {
        let builder = ReaderBuilder::new(schema)
            .with_format(self.format.clone())
            .with_batch_size(records);
        match columns {
            Some(columns) => builder.with_projection(columns).build_decoder(),
            None => builder.build_decoder(),
        }
    }

    fn count_lines(&self, bytes: &[u8]) -> usize {
        let ends = bytes.iter().filter(|byte| **byte == self.terminator);
        ends.count()
    }

    /// Returns the length of the blank lines and comments before a record.
    fn blank(&self, bytes: &[u8]) -> usize {
        let mut begin = 0;
        while let Some(first) = bytes.get(begin) {
            begin += match *first {
                b'\r' | b'\n' => 1,
                first if first == self.terminator => 1,
                first if Some(first) == self.comment => {
                    let rest = &bytes[begin..];
                    let end = rest.iter().position(|byte| *byte == self.terminator);
                    end.map_or(rest.len(), |end| end + 1)
                }
                _ => break,
            };
        }
        begin
    }
}

/// Decodes as many records as a decoder takes at once.
fn decoded(mut decoder: Decoder, records: &[u8]) -> Result<Option<RecordBatch>, ArrowError> {
    let mut rest = records;
    while !rest.is_empty() && decoder.capacity() > 0 {
        let decoded = decoder.decode(rest)?;
        rest = &rest[decoded..];
    }
    decoder.decode(&[])?;
    decoder.flush()
}

/// Returns true for casts of columns and constants, and of texts that are completed before.
fn is_cast(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let mut is_cast = true;
    let walked = expr.apply(|expr| {
        is_cast &= expr.is::<CastExpr>()
            || expr.is::<TryCastExpr>()
            || expr.is::<Column>()
            || expr.is::<Literal>()
            || is_completed_text(expr);
        Ok(TreeNodeRecursion::Continue)
    });
    walked.is_ok() && is_cast
}

#[cfg(test)]
mod tests;
