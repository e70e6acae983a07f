//! Values as text.
//!
//! A list, a struct or a map is printed as JSON, so that within it too the empty string, the
//! text `NULL` and a null are three values.

use arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
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
    /// Spans of time, as counts of a unit.
    Durations(Int64Array, TimeUnit),
    Nested(NullableEncoder<'a>),
}

impl<'a> Cells<'a> {
    /// Prepares the columns of a batch.
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        let fields = batch.schema_ref().fields().iter();
        let columns = fields.zip(batch.columns()).map(|(field, array)| {
            let values = match array.data_type() {
                nested if is_nested(nested) => Values::Nested(value_encoder(field, array)?),
                DataType::Duration(unit) => {
                    let counts = cast(array, &DataType::Int64)?;
                    Values::Durations(counts.as_primitive::<Int64Type>().clone(), *unit)
                }
                _ => Values::Plain(ArrayFormatter::try_new(array, &FormatOptions::new())?),
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
                Values::Durations(counts, unit) => duration(counts.value(row), *unit),
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

/// Formats a span of time as PostgreSQL does: `31 days 05:00:00`, `-00:00:01.5`.
fn duration(count: i64, unit: TimeUnit) -> String {
    let digits = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    let sign = if count < 0 { "-" } else { "" };
    let per_second = 10_u64.pow(digits);
    let (seconds, fraction) = (
        count.unsigned_abs() / per_second,
        count.unsigned_abs() % per_second,
    );
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (hours, minutes, seconds) = (time / 3_600, time / 60 % 60, time % 60);
    let days = match days {
        0 => String::new(),
        1 => format!("{sign}1 day "),
        _ => format!("{sign}{days} days "),
    };
    let text = format!("{days}{sign}{hours:02}:{minutes:02}:{seconds:02}");
    if fraction == 0 {
        return text;
    }
    let fraction = format!("{fraction:0digits$}", digits = digits as usize);
    format!("{text}.{}", fraction.trim_end_matches('0'))
}

/// Returns true for types whose values have others within.
fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_nested(values),
        DataType::RunEndEncoded(_, values) => is_nested(values.data_type()),
        other => other.is_nested(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_days_and_times() {
        for (count, unit, expected) in [
            (0, TimeUnit::Second, "00:00:00"),
            (2_696_400, TimeUnit::Second, "31 days 05:00:00"),
            (-86_400_001, TimeUnit::Millisecond, "-1 day -00:00:00.001"),
            (1_500_000, TimeUnit::Microsecond, "00:00:01.5"),
            (
                i64::MIN,
                TimeUnit::Nanosecond,
                "-106751 days -23:47:16.854775808",
            ),
        ] {
            assert_eq!(duration(count, unit), expected);
        }
    }
}
