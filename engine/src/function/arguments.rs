//! The columns of a batch, cut and joined.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, UInt32Array, UInt64Array, downcast_integer_array,
    downcast_run_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::concat;
use arrow::datatypes::{ArrowNativeType, DataType, UInt64Type};
use arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

/// The arguments of a call; a constant one has one row, whatever the others
/// have.
pub(super) struct Arguments {
    columns: Vec<(ArrayRef, bool)>,
    /// Which rows of the batch these are, where they are not all.
    rows: Option<Vec<usize>>,
}

impl Arguments {
    pub(super) fn new(values: Vec<ColumnarValue>) -> Result<Self> {
        let column = |value| {
            Ok(match value {
                ColumnarValue::Array(array) => (array, false),
                ColumnarValue::Scalar(value) => (value.to_array_of_size(1)?, true),
            })
        };
        let columns = values.into_iter().map(column).collect::<Result<_>>()?;
        Ok(Self {
            columns,
            rows: None,
        })
    }

    pub(super) fn slice(&self, first: usize, rows: usize) -> Vec<ArrayRef> {
        let slice = |(array, constant): &(ArrayRef, bool)| {
            if *constant || (first == 0 && rows == array.len()) {
                Arc::clone(array)
            } else {
                array.slice(first, rows)
            }
        };
        self.columns.iter().map(slice).collect()
    }

    /// Which row of the batch a row of these is.
    pub(super) fn batch_row(&self, row: u64) -> u64 {
        let rows = self.rows.as_ref();
        let found = rows.and_then(|rows| rows.get(row as usize));
        found.map_or(row, |row| *row as u64)
    }

    /// The arguments without those that come again, as a dictionary or runs tell
    /// without a look at the values, and which of the rows left each row is.
    /// Nothing where none does.
    ///
    /// A value stands where it comes first, so that of several rows that fail,
    /// the same one is reported.
    pub(super) fn distinct(&self) -> Option<(Self, UInt32Array)> {
        let mut varying = self.columns.iter().filter(|(_, constant)| !constant);
        let (Some((column, _)), None) = (varying.next(), varying.next()) else {
            return None;
        };
        let (values, positions) = positions(column)?;
        // Where each value stands among those left, and behind all, null: one
        // more than the place, since memory that is zero costs nothing.
        let mut places = vec![0_u32; values.len() + 1];
        let (mut keys, mut rows) = (Vec::new(), Vec::new());
        let mut places_of = Vec::with_capacity(positions.len());
        for (row, position) in positions.into_iter().enumerate() {
            let place = &mut places[position.unwrap_or(values.len())];
            if *place == 0 {
                keys.push(position.map(|position| position as u64));
                rows.push(row);
                *place = rows.len() as u32;
            }
            places_of.push(*place - 1);
        }
        if rows.len() == places_of.len() {
            return None;
        }
        let keys = UInt64Array::from(keys);
        let left = DictionaryArray::<UInt64Type>::try_new(keys, values).ok()?;
        let left: ArrayRef = Arc::new(left);
        let columns = self.columns.iter().map(|(array, constant)| match constant {
            true => (Arc::clone(array), true),
            false => (Arc::clone(&left), false),
        });
        let left = Self {
            columns: columns.collect(),
            rows: Some(rows),
        };
        Some((left, places_of.into()))
    }

    /// How many rows there are, of those that are not constant.
    pub(super) fn rows(&self) -> usize {
        let varying = self.columns.iter().find(|(_, constant)| !constant);
        varying.map_or(1, |(array, _)| array.len())
    }
}

/// The values of a dictionary or of runs, and which of them each row is.
fn positions(column: &ArrayRef) -> Option<(ArrayRef, Vec<Option<usize>>)> {
    match column.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let keys = dictionary.keys();
            let positions = downcast_integer_array!(
                keys => keys.iter().map(|key| key.map(ArrowNativeType::as_usize)).collect(),
                _ => return None,
            );
            Some((Arc::clone(dictionary.values()), positions))
        }
        DataType::RunEndEncoded(..) => downcast_run_array!(
            column => {
                let ends = column.run_ends();
                let run = |row| Some(ends.get_physical_index(row));
                Some((Arc::clone(column.values()), (0..column.len()).map(run).collect()))
            },
            _ => None,
        ),
        _ => None,
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

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, StringArray};
    use arrow::datatypes::Int8Type;
    use datafusion::common::ScalarValue;

    use super::*;

    fn dictionary(keys: Vec<Option<i8>>, values: Vec<&str>) -> ArrayRef {
        let values = Arc::new(StringArray::from(values));
        let keys = arrow::array::Int8Array::from(keys);
        Arc::new(DictionaryArray::<Int8Type>::new(keys, values))
    }

    /// What is left, from which rows, and which of those each row is.
    fn left(column: ArrayRef) -> Option<(String, Vec<usize>, Vec<u32>)> {
        let constant = ColumnarValue::Scalar(ScalarValue::from(1));
        let values = vec![constant, ColumnarValue::Array(column)];
        let (left, places) = Arguments::new(values).unwrap().distinct()?;
        let column = &left.slice(0, left.rows())[1];
        let text = arrow::compute::cast(column, &DataType::Utf8).unwrap();
        let text = text.as_string::<i32>().iter();
        let text = text.map(|text| text.unwrap_or("?")).collect();
        Some((text, left.rows.clone().unwrap(), places.values().to_vec()))
    }

    #[test]
    fn values_that_are_referred_to_stand_where_they_come_first() {
        let keys = vec![Some(0), Some(2), None, Some(2), Some(1), None, Some(1)];
        let column = dictionary(keys, vec!["sliced off", "b", "c", "never"]).slice(1, 6);
        let expected = ("c?b".to_owned(), vec![0, 1, 3], vec![0, 1, 0, 2, 1, 2]);
        assert_eq!(left(column), Some(expected));
    }

    #[test]
    fn each_run_is_a_value() {
        let runs = arrow::compute::cast(
            &StringArray::from(vec!["a", "b", "b", "b", "a", "a"]),
            &DataType::RunEndEncoded(
                Arc::new(arrow::datatypes::Field::new("r", DataType::Int16, false)),
                Arc::new(arrow::datatypes::Field::new("v", DataType::Utf8, true)),
            ),
        );
        let runs = runs.unwrap().slice(2, 4);
        let expected = ("ba".to_owned(), vec![0, 2], vec![0, 0, 1, 1]);
        assert_eq!(left(runs), Some(expected));
    }

    #[test]
    fn rows_that_are_all_different_stay_as_they_are() {
        let keys = vec![Some(1), Some(0), None];
        assert_eq!(left(dictionary(keys, vec!["a", "b"])), None);
        assert_eq!(left(Arc::new(Int32Array::from(vec![1, 1]))), None);
        let twice = dictionary(vec![Some(0); 2], vec!["a"]);
        let twice = vec![ColumnarValue::Array(twice); 2];
        assert!(Arguments::new(twice).unwrap().distinct().is_none());
    }
}
