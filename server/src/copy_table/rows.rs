//! Rows of a client as batches of the types of a table.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayRef, BinaryBuilder, RecordBatch, RecordBatchOptions, StringViewArray,
    StringViewBuilder, new_empty_array,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, ScalarValue};

use crate::copy_format::{CopyFormat, CopyReader, TupleReader};
use crate::encoding::from_bytes::{from_binary, numeric_text};
use crate::encoding::parameters::from_hex;
use crate::encoding::types::{PgType, ScalarType};
use crate::report::{BAD_COPY_FORMAT, Report};

/// Rows and bytes of a batch.
const BATCH_ROWS: usize = 8_192;
const BATCH_BYTES: usize = 1 << 20;

/// Rows of a client as batches of the types of a table.
pub(crate) struct CopyRows {
    schema: SchemaRef,
    source: Source,
    rows: usize,
    bytes: usize,
}

/// Reader of rows, with the values of the open batch.
enum Source {
    Lines(CopyReader, Vec<StringViewBuilder>),
    Tuples(TupleReader, Vec<TupleColumn>),
}

/// Values of a column of tuples.
struct TupleColumn {
    pg_type: PgType,
    /// Type of the values: numbers are texts, since each has a scale of its own.
    own: DataType,
    values: Vec<ScalarValue>,
}

impl CopyRows {
    /// Makes batches of rows in a format, each of them of a maximum size.
    pub(crate) fn new(schema: SchemaRef, format: CopyFormat, row_bytes_max: usize) -> Self {
        let fields = schema.fields().iter();
        let source = match format.is_binary() {
            true => {
                let columns = fields.map(|field| TupleColumn::new(field.data_type()));
                Source::Tuples(TupleReader::new(row_bytes_max), columns.collect())
            }
            false => {
                let columns = fields.map(|_| StringViewBuilder::new());
                Source::Lines(CopyReader::new(format, row_bytes_max), columns.collect())
            }
        };
        Self {
            source,
            schema,
            rows: 0,
            bytes: 0,
        }
    }

    /// Adds bytes of the client.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        match &mut self.source {
            Source::Lines(reader, _) => reader.push(bytes),
            Source::Tuples(reader, _) => reader.push(bytes),
        }
    }

    /// Takes a batch that is full, or the last one if all bytes are there.
    ///
    /// # Errors
    ///
    /// A report for a row that is none of the table.
    pub(crate) fn next_batch(&mut self, is_last: bool) -> Result<Option<RecordBatch>, Report> {
        while self.rows < BATCH_ROWS && self.bytes < BATCH_BYTES {
            let Some(bytes) = self.source.next_row(is_last)? else {
                return match is_last && self.rows > 0 {
                    true => self.take_batch().map(Some),
                    false => Ok(None),
                };
            };
            self.bytes += bytes;
            self.rows += 1;
        }
        self.take_batch().map(Some)
    }

    fn take_batch(&mut self) -> Result<RecordBatch, Report> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (index, field) in self.schema.fields().iter().enumerate() {
            let column = self.source.take_column(index, field.data_type());
            columns.push(column.map_err(|error| {
                let message = format!(
                    "column {} has no value of its type up to {} of COPY: {error}",
                    field.name(),
                    self.source.place()
                );
                Report::error("22P02", message)
            })?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        // Columns that have no nulls are checked by the table.
        let schema = Arc::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, columns, &options);
        batch.map_err(|error| Report::from(DataFusionError::from(error)))
    }
}

impl Source {
    /// Reads a row; returns its bytes, or `None` if it is not complete.
    fn next_row(&mut self, is_last: bool) -> Result<Option<usize>, Report> {
        match self {
            Self::Lines(reader, columns) => {
                let Some(fields) = reader.next_line(is_last)? else {
                    return Ok(None);
                };
                check_count(fields.len(), columns.len(), || line(reader))?;
                let mut bytes = 0;
                for (column, field) in columns.iter_mut().zip(fields) {
                    bytes += field.as_ref().map_or(1, String::len);
                    column.append_option(field);
                }
                Ok(Some(bytes))
            }
            Self::Tuples(reader, columns) => {
                let Some(values) = reader.next_tuple(is_last)? else {
                    return Ok(None);
                };
                check_count(values.len(), columns.len(), || tuple(reader))?;
                let mut bytes = 0;
                for (index, (column, value)) in columns.iter_mut().zip(values).enumerate() {
                    bytes += size_of::<ScalarValue>() + value.as_ref().map_or(0, Bytes::len);
                    column.push(value).map_err(|found| {
                        let message = format!(
                            "expected a value of {} in column {}, found {found} at {} of COPY",
                            column.pg_type,
                            index + 1,
                            tuple(reader)
                        );
                        Report::error("22P03", message)
                    })?;
                }
                Ok(Some(bytes))
            }
        }
    }

    /// Takes the values of a column, as those of a type.
    fn take_column(&mut self, index: usize, to: &DataType) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Lines(_, columns) => typed(columns[index].finish(), to),
            Self::Tuples(_, columns) => columns[index].take(to),
        }
    }

    /// Returns the place of the last row.
    fn place(&self) -> String {
        match self {
            Self::Lines(reader, _) => line(reader),
            Self::Tuples(reader, _) => tuple(reader),
        }
    }
}

fn line(reader: &CopyReader) -> String {
    format!("line {}", reader.line())
}

fn tuple(reader: &TupleReader) -> String {
    format!("row {}", reader.row())
}

fn check_count(
    found: usize,
    expected: usize,
    place: impl FnOnce() -> String,
) -> Result<(), Report> {
    if found == expected {
        return Ok(());
    }
    let place = place();
    let message = format!("expected {expected} columns, found {found} at {place} of COPY");
    Err(Report::error(BAD_COPY_FORMAT, message))
}

impl TupleColumn {
    fn new(data_type: &DataType) -> Self {
        let pg_type = PgType::of(data_type);
        let own = match (pg_type.scalar, pg_type.is_array) {
            (ScalarType::Numeric, false) => DataType::Utf8,
            _ => pg_type.arrow(),
        };
        Self {
            pg_type,
            own,
            values: Vec::new(),
        }
    }

    /// Adds a value; returns what it is if it is none of the type.
    fn push(&mut self, value: Option<Bytes>) -> Result<(), String> {
        let Some(bytes) = value else {
            let null = ScalarValue::try_from(&self.own).map_err(|error| error.to_string())?;
            self.values.push(null);
            return Ok(());
        };
        let length = bytes.len();
        let decoded = match (self.pg_type.scalar, self.pg_type.is_array) {
            (ScalarType::Numeric, false) => {
                numeric_text(bytes).map(|text| ScalarValue::Utf8(Some(text)))
            }
            // Parameters of the type may be an `oid`, but not values of a column.
            (ScalarType::Int8, false) if length != 8 => None,
            _ => from_binary(self.pg_type, self.pg_type.oid(), bytes),
        };
        let decoded = decoded.filter(|value| value.data_type() == self.own);
        self.values
            .push(decoded.ok_or_else(|| format!("{length} other bytes"))?);
        Ok(())
    }

    fn take(&mut self, to: &DataType) -> Result<ArrayRef, ArrowError> {
        let values = std::mem::take(&mut self.values);
        let array = match values.is_empty() {
            true => new_empty_array(&self.own),
            false => ScalarValue::iter_to_array(values)
                .map_err(|error| ArrowError::ExternalError(Box::new(error)))?,
        };
        cast_to(array, to)
    }
}

/// Converts texts to a type.
fn typed(texts: StringViewArray, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let array: ArrayRef = match data_type {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let mut bytes = BinaryBuilder::new();
            for text in &texts {
                match text.map(|text| (text.strip_prefix("\\x"), text)) {
                    None => bytes.append_null(),
                    Some((Some(digits), _)) => {
                        let value = from_hex(digits).ok_or_else(|| {
                            ArrowError::ParseError("expected hexadecimal digits after \\x".into())
                        })?;
                        bytes.append_value(value);
                    }
                    Some((None, text)) => bytes.append_value(text),
                }
            }
            Arc::new(bytes.finish())
        }
        _ => Arc::new(texts),
    };
    cast_to(array, data_type)
}

/// Casts a column; a value that does not fit is an error.
fn cast_to(array: ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    match array.data_type() == data_type {
        true => Ok(array),
        false => cast_with_options(&array, data_type, &options),
    }
}
