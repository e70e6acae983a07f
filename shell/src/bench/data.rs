//! Arguments: generated, or rows of a query.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::{CastOptions, cast_with_options, concat_batches, sort, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::util::display::FormatOptions;
use fusebox::Session;

use super::columns::{ColumnShape, generate};
use crate::failure::Failure;

/// Source of the arguments.
pub(super) enum ArgumentData {
    /// Generated columns.
    Generated(ColumnShape),
    /// Rows of a query, repeated up to a number of rows.
    Query(RecordBatch, usize),
}

/// Casts fail for values that the argument's type cannot represent.
const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: FormatOptions::new(),
};

impl ArgumentData {
    /// Executes a query; uses up to `rows` of its rows.
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
            _ => Ok(Self::Query(batch, rows)),
        }
    }

    /// Creates columns of these types. Generated columns are sorted if `in_order` is
    /// set, like the rows of a partition. Rows of a query are repeated if there are too
    /// few.
    pub(super) fn columns(
        &self,
        types: &[DataType],
        in_order: bool,
    ) -> Result<Vec<ArrayRef>, String> {
        let (batch, rows) = match self {
            Self::Generated(shape) => {
                let columns = generate(types, shape).map_err(message)?;
                return Ok(match in_order {
                    true => columns.iter().map(sorted).collect(),
                    false => columns,
                });
            }
            Self::Query(batch, rows) => (batch, *rows),
        };
        if batch.num_columns() != types.len() {
            return Err(format!(
                "the query has {} columns for {} arguments",
                batch.num_columns(),
                types.len()
            ));
        }
        let found = batch.num_rows() as u64;
        let repeated = UInt64Array::from_iter_values((0..rows as u64).map(|row| row % found));
        let columns = batch.columns().iter().zip(types).map(|(column, wanted)| {
            let column = cast_with_options(column, wanted, &STRICT)?;
            match column.len() == rows {
                true => Ok(column),
                false => take(&column, &repeated, None),
            }
        });
        columns.collect::<Result<_, _>>().map_err(message)
    }
}

/// Sorts a column, if its type has an order.
fn sorted(column: &ArrayRef) -> ArrayRef {
    sort(column, None).unwrap_or_else(|_| Arc::clone(column))
}

/// Formats an error without the prefix that Arrow adds to these kinds.
fn message(error: ArrowError) -> String {
    match error {
        ArrowError::InvalidArgumentError(message)
        | ArrowError::NotYetImplemented(message)
        | ArrowError::CastError(message) => message,
        other => other.to_string(),
    }
}
