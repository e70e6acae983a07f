//! Values as text.
//!
//! A list, a struct or a map is printed as JSON, so that within it too the empty string, the
//! text `NULL` and a null are three values.

use arrow::array::{Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::json::writer::NullableEncoder;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::json::value_encoder;

/// Texts of the values of a batch.
pub(crate) struct Cells<'a> {
    columns: Vec<Column<'a>>,
    rows: usize,
}

struct Column<'a> {
    nulls: Option<NullBuffer>,
    values: Values<'a>,
}

enum Values<'a> {
    Plain(ArrayFormatter<'a>),
    Nested(NullableEncoder<'a>),
}

impl<'a> Cells<'a> {
    /// Prepares the columns of a batch.
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        let fields = batch.schema_ref().fields().iter();
        let columns = fields.zip(batch.columns()).map(|(field, array)| {
            let values = match is_nested(array.data_type()) {
                true => Values::Nested(value_encoder(field, array)?),
                false => Values::Plain(ArrayFormatter::try_new(array, &FormatOptions::new())?),
            };
            Ok(Column {
                nulls: array.logical_nulls(),
                values,
            })
        });
        Ok(Self {
            columns: columns.collect::<Result<_, ArrowError>>()?,
            rows: batch.num_rows(),
        })
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Formats the values of a row; `None` is a null.
    pub(crate) fn row(&mut self, row: usize) -> Result<Vec<Option<String>>, ArrowError> {
        let text = |column: &mut Column<'_>| {
            if column
                .nulls
                .as_ref()
                .is_some_and(|nulls| nulls.is_null(row))
            {
                return Ok(None);
            }
            Ok(Some(match &mut column.values {
                Values::Plain(formatter) => formatter.value(row).try_to_string()?,
                Values::Nested(encoder) => {
                    let mut json = Vec::new();
                    encoder.encode(row, &mut json);
                    String::from_utf8_lossy(&json).into_owned()
                }
            }))
        };
        self.columns.iter_mut().map(text).collect()
    }

    /// Formats the values of all rows, with `null` for nulls.
    pub(crate) fn texts(&mut self, null: &str) -> Result<Vec<Vec<String>>, ArrowError> {
        let rows = self.rows;
        let row = |row| {
            let cells = self.row(row)?.into_iter();
            Ok(cells
                .map(|cell| cell.unwrap_or_else(|| null.to_owned()))
                .collect())
        };
        (0..rows).map(row).collect()
    }
}

/// Returns true for types whose values have others within.
fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_nested(values),
        DataType::RunEndEncoded(_, values) => is_nested(values.data_type()),
        other => other.is_nested(),
    }
}
