//! The columns of a batch, cut and joined.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, UInt32Array, UInt64Array,
    downcast_integer_array, downcast_run_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{FilterBuilder, concat};
use arrow::datatypes::{ArrowNativeType, DataType, UInt64Type};
use arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

use super::sparse::{can_be_filtered, can_be_spread, filtered};

/// The arguments of a call; a constant one has one row, whatever the others
/// have.
pub(super) struct Arguments {
    columns: Vec<(ArrayRef, bool)>,
    rows: Rows,
}

/// Which rows of a batch some rows are.
enum Rows {
    All,
    /// Those at these positions.
    At(Vec<usize>),
    /// Those that are not null.
    Valid(NullBuffer),
}

/// Only rows that are not null go to the guest where they are this part of all:
/// of numbers, and of what takes more to lower or to lift.
const VALID_MAX: [usize; 2] = [4, 2];

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
            rows: Rows::All,
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
        let found = match &self.rows {
            Rows::All => None,
            Rows::At(rows) => rows.get(row as usize).copied(),
            Rows::Valid(nulls) => nulls.valid_indices().nth(row as usize),
        };
        found.map_or(row, |row| row as u64)
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
            rows: Rows::At(rows),
        };
        Some((left, places_of.into()))
    }

    /// The arguments without the rows in which one is null, and which those are,
    /// where few are left; `rows` is how many there are, and `returns` what is
    /// made of them.
    ///
    /// To leave rows out takes a copy, and to put them back another: less than
    /// to lower and to lift them all, where most are null.
    pub(super) fn valid(&self, rows: usize, returns: &DataType) -> Option<(Self, NullBuffer)> {
        let varying = || self.columns.iter().filter(|(_, constant)| !constant);
        if !can_be_spread(returns) || !varying().all(|(array, _)| can_be_filtered(array)) {
            return None;
        }
        let types = varying().map(|(array, _)| array.data_type());
        let are_numbers = types.chain([returns]).all(DataType::is_primitive);
        let [of_numbers, of_others] = VALID_MAX;
        let part = match are_numbers {
            true => of_numbers,
            false => of_others,
        };
        let is_sparse = |nulls: usize| rows.saturating_sub(nulls) <= rows / part;
        if !varying().any(|(array, _)| is_sparse(array.null_count())) {
            return None;
        }
        let nulls = NullBuffer::union_many(varying().map(|(array, _)| array.nulls()))?;
        if nulls.null_count() == rows {
            return None;
        }
        let mask = BooleanArray::new(nulls.inner().clone(), None);
        let filter = FilterBuilder::new(&mask).optimize().build();
        let columns = self.columns.iter().map(|(array, constant)| match constant {
            true => Ok((Arc::clone(array), true)),
            false => Ok((filtered(array, &filter, &nulls)?, false)),
        });
        let left = Self {
            columns: columns.collect::<Result<_, ArrowError>>().ok()?,
            rows: Rows::Valid(nulls.clone()),
        };
        Some((left, nulls))
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
        let Rows::At(rows) = left.rows else {
            panic!("some rows are left out")
        };
        Some((text, rows, places.values().to_vec()))
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

    #[test]
    fn only_rows_without_nulls_are_left_where_they_are_few() {
        let few = |valid: usize| {
            let numbers: Int32Array = (0..40).map(|n| (n % 4 > 0).then_some(n)).collect();
            let texts = (0..40).map(|n| (n < valid).then(|| n.to_string()));
            let texts: StringArray = texts.collect();
            let constant = ColumnarValue::Scalar(ScalarValue::from(7));
            let columns: [ArrayRef; 2] = [Arc::new(numbers), Arc::new(texts)];
            let mut values = vec![constant];
            values.extend(columns.map(ColumnarValue::Array));
            Arguments::new(values).unwrap()
        };
        let (left, nulls) = few(10).valid(40, &DataType::Int32).unwrap();
        assert_eq!((left.rows(), nulls.null_count()), (7, 33));
        let columns = left.slice(0, 7);
        assert_eq!(columns[0].len(), 1);
        let numbers: &Int32Array = columns[1].as_primitive();
        assert_eq!(numbers.values(), &[1, 2, 3, 5, 6, 7, 9]);
        assert_eq!(columns[2].as_string::<i32>().value(6), "9");
        assert_eq!([0, 3, 6].map(|row| left.batch_row(row)), [1, 5, 9]);
        // Many are left, or none, or what is made of them has no nulls.
        assert!(few(21).valid(40, &DataType::Int32).is_none());
        assert!(few(0).valid(40, &DataType::Int32).is_none());
        assert!(few(10).valid(40, &DataType::Null).is_none());
    }
}
