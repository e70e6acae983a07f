//! The arguments of the functions: made up, or the rows of a query.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::{CastOptions, cast_with_options, concat_batches, sort, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::FormatOptions;
use fusebox::Session;

use super::columns::{Shape, columns};
use crate::failure::Failure;

/// Where arguments come from.
pub(super) enum Data {
    MadeUp(Shape),
    Rows(RecordBatch, usize),
}

/// Values that the argument's type has not are an error.
const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: FormatOptions::new(),
};

impl Data {
    /// The rows of a query, of which up to `rows` are used.
    pub(super) async fn of_query(
        session: &Session,
        sql: &str,
        rows: usize,
    ) -> Result<Self, Failure> {
        let frame = session.sql(sql).await?.limit(0, Some(rows))?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let batches = frame.collect().await?;
        let schema = batches.first().map_or(schema, RecordBatch::schema);
        let batch = concat_batches(&schema, &batches)?;
        match batch.num_rows() {
            0 => Err(Failure::NoRows),
            _ => Ok(Self::Rows(batch, rows)),
        }
    }

    /// Columns of these types; those that are made up, `in_order`, as the rows of
    /// a partition are. Too few rows of a query come again and again.
    pub(super) fn columns(
        &self,
        types: &[DataType],
        in_order: bool,
    ) -> Result<Vec<ArrayRef>, String> {
        let (batch, rows) = match self {
            Self::MadeUp(shape) => {
                let columns = columns(types, shape).map_err(message)?;
                return Ok(match in_order {
                    true => columns.iter().map(sorted).collect(),
                    false => columns,
                });
            }
            Self::Rows(batch, rows) => (batch, *rows),
        };
        if batch.num_columns() != types.len() {
            return Err(format!(
                "the query has {} columns for {} arguments",
                batch.num_columns(),
                types.len()
            ));
        }
        let found = batch.num_rows() as u64;
        let again = UInt64Array::from_iter_values((0..rows as u64).map(|row| row % found));
        let columns = batch.columns().iter().zip(types).map(|(column, wanted)| {
            let column = cast_with_options(column, wanted, &STRICT)?;
            match column.len() == rows {
                true => Ok(column),
                false => take(&column, &again, None),
            }
        });
        columns.collect::<Result<_, _>>().map_err(message)
    }
}

/// A column in its order, if it has one.
fn sorted(column: &ArrayRef) -> ArrayRef {
    sort(column, None).unwrap_or_else(|_| Arc::clone(column))
}

/// What is wrong, without the kind of error that Arrow thinks it is.
fn message(error: ArrowError) -> String {
    match error {
        ArrowError::InvalidArgumentError(message)
        | ArrowError::NotYetImplemented(message)
        | ArrowError::CastError(message) => message,
        other => other.to_string(),
    }
}
