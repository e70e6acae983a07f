//! The columns of a batch, cut and joined.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::compute::concat;
use arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

/// The arguments of a call; a constant one has one row, whatever the others
/// have.
pub(super) struct Arguments(Vec<(ArrayRef, bool)>);

impl Arguments {
    pub(super) fn new(values: Vec<ColumnarValue>) -> Result<Self> {
        let column = |value| {
            let (array, constant) = match value {
                ColumnarValue::Array(array) => (array, false),
                ColumnarValue::Scalar(value) => (value.to_array_of_size(1)?, true),
            };
            Ok((array, constant))
        };
        Ok(Self(values.into_iter().map(column).collect::<Result<_>>()?))
    }

    pub(super) fn slice(&self, first: usize, rows: usize) -> Vec<ArrayRef> {
        let slice = |(array, constant): &(ArrayRef, bool)| {
            if *constant || (first == 0 && rows == array.len()) {
                Arc::clone(array)
            } else {
                array.slice(first, rows)
            }
        };
        self.0.iter().map(slice).collect()
    }
}

/// The rows of a strict function that are null before the guest is asked.
pub(super) enum Nulls {
    All,
    Some(Option<NullBuffer>),
}

pub(super) fn strict_nulls(columns: &[ArrayRef], rows: usize) -> Nulls {
    let mut nulls = None;
    for column in columns {
        // In a dictionary, a union, a column without type, too.
        let own = column.logical_nulls();
        let null_count = own.as_ref().map_or(0, NullBuffer::null_count);
        if null_count == column.len() {
            return Nulls::All;
        }
        // A constant that is not null leaves every row as it is.
        if column.len() == rows {
            nulls = NullBuffer::union(nulls.as_ref(), own.as_ref());
        }
    }
    match &nulls {
        Some(all) if all.null_count() == rows => Nulls::All,
        _ => Nulls::Some(nulls),
    }
}

/// One column of several.
pub(super) fn joined(columns: Vec<ArrayRef>) -> Result<ArrayRef, ArrowError> {
    if let [only] = &columns[..] {
        return Ok(Arc::clone(only));
    }
    let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    concat(&columns)
}
