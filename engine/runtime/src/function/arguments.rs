//! Argument columns of a batch: slices, and batches without redundant rows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, UInt32Array, UInt64Array,
    downcast_integer_array, downcast_run_array,
};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::FilterBuilder;
use arrow_select::take::take;
use fusebox_definition::StatementError;

use super::batch_rows::BatchRows;
use super::null_filter::{can_filter, can_scatter, filter_valid};
use crate::reuse::{SiteArgument, SiteKey, can_keep, is_key_type};

/// Argument of a call.
#[derive(Clone, Debug)]
pub enum ArgumentColumn {
    /// Column with the rows of the batch.
    Array(ArrayRef),
    /// Column of one row that stands for every row of the batch.
    Constant(ArrayRef),
}

impl ArgumentColumn {
    /// Returns the number of rows of the column if it is not one of `rows` rows, nor a
    /// constant of one row.
    fn other_length(&self, rows: usize) -> Option<usize> {
        let (found, expected) = match self {
            Self::Array(array) => (array.len(), rows),
            Self::Constant(array) => (array.len(), 1),
        };
        (found != expected).then_some(found)
    }

    fn varying(&self) -> Option<&ArrayRef> {
        match self {
            Self::Array(array) => Some(array),
            Self::Constant(_) => None,
        }
    }
}

/// Checks that each argument has `rows` rows, or is a constant of one.
pub(super) fn check_lengths(
    arguments: &[ArgumentColumn],
    rows: usize,
) -> Result<(), StatementError> {
    let mut lengths = arguments.iter().enumerate();
    let other = lengths.find_map(|(index, argument)| Some((index, argument.other_length(rows)?)));
    match other {
        None => Ok(()),
        Some((index, found)) => Err(StatementError::Length {
            position: index + 1,
            found,
            rows,
        }),
    }
}

/// Arguments of a batch, or of some of its rows.
pub(super) struct Arguments {
    columns: Vec<ArgumentColumn>,
    rows: Arc<BatchRows>,
}

/// Null rows are left out if at most one in this many rows is valid: of numbers, and of
/// types that take longer to lower or lift.
const VALID_SHARE: [usize; 2] = [4, 2];

impl Arguments {
    pub(super) fn new(columns: Vec<ArgumentColumn>) -> Self {
        Self {
            columns,
            rows: Arc::new(BatchRows::All),
        }
    }

    /// Returns the columns of a range of rows; constants keep their one row.
    pub(super) fn slice(&self, first: usize, rows: usize) -> Vec<ArrayRef> {
        let slice = |column: &ArgumentColumn| match column {
            ArgumentColumn::Array(array) if first > 0 || rows != array.len() => {
                array.slice(first, rows)
            }
            ArgumentColumn::Array(array) | ArgumentColumn::Constant(array) => Arc::clone(array),
        };
        self.columns.iter().map(slice).collect()
    }

    /// Returns the row of the batch that `row` is.
    pub(super) fn batch_row(&self, row: u64) -> u64 {
        self.rows.batch_row(row)
    }

    /// Returns the arguments of some of the rows.
    pub(super) fn at(&self, rows: &[u32]) -> Result<Self, ArrowError> {
        let indices = UInt32Array::from(rows.to_vec());
        let columns = self.columns.iter().map(|column| match column {
            ArgumentColumn::Array(array) => Ok(ArgumentColumn::Array(take(array, &indices, None)?)),
            constant => Ok(constant.clone()),
        });
        Ok(Self {
            columns: columns.collect::<Result<_, ArrowError>>()?,
            rows: Arc::new(BatchRows::Of(Arc::clone(&self.rows), rows.to_vec())),
        })
    }

    /// Returns the columns that are not constant.
    pub(super) fn varying_columns(&self) -> Vec<ArrayRef> {
        self.varying().cloned().collect()
    }

    /// Returns the identity of the arguments and of a result for kept answers; `None` if their
    /// types do not allow keeping answers, or all arguments are constant.
    pub(super) fn site_key(&self, returns: &DataType) -> Option<SiteKey> {
        let arguments = self.columns.iter().map(|column| match column {
            ArgumentColumn::Array(array) => {
                let data_type = array.data_type();
                is_key_type(data_type).then(|| SiteArgument::Varying(data_type.clone()))
            }
            ArgumentColumn::Constant(array) => {
                let can_compare = is_key_type(array.data_type());
                can_compare.then(|| SiteArgument::Constant(Arc::clone(array)))
            }
        });
        let key = SiteKey {
            arguments: arguments.collect::<Option<_>>()?,
            returns: returns.clone(),
        };
        (can_keep(returns) && self.varying().next().is_some()).then_some(key)
    }

    /// Returns the arguments without repeated rows, and the index of each row among those
    /// left; `None` if no row is repeated. Only dictionaries and runs are deduplicated,
    /// whose keys show equality without comparing values.
    ///
    /// A value keeps the position of its first row, so that of several rows that fail, the
    /// same one is reported.
    pub(super) fn distinct(&self) -> Option<(Self, UInt32Array)> {
        let mut varying = self.varying();
        let (Some(column), None) = (varying.next(), varying.next()) else {
            return None;
        };
        let (values, positions) = positions(column)?;
        // Index of each value among those left, plus one, and of null at the end: zeroed
        // memory costs nothing.
        let mut indices = vec![0_u32; values.len() + 1];
        let (mut keys, mut rows) = (Vec::new(), Vec::new());
        let mut index_of = Vec::with_capacity(positions.len());
        for (row, position) in positions.into_iter().enumerate() {
            let index = &mut indices[position.unwrap_or(values.len())];
            if *index == 0 {
                keys.push(position.map(|position| position as u64));
                rows.push(row);
                *index = rows.len() as u32;
            }
            index_of.push(*index - 1);
        }
        if rows.len() == index_of.len() {
            return None;
        }
        let keys = UInt64Array::from(keys);
        let left = DictionaryArray::<UInt64Type>::try_new(keys, values).ok()?;
        let left: ArrayRef = Arc::new(left);
        let columns = self.columns.iter().map(|column| match column {
            ArgumentColumn::Array(_) => ArgumentColumn::Array(Arc::clone(&left)),
            constant => constant.clone(),
        });
        let left = Self {
            columns: columns.collect(),
            rows: Arc::new(BatchRows::At(rows)),
        };
        Some((left, index_of.into()))
    }

    /// Returns the arguments without rows in which one is null, and those nulls; `None`
    /// unless few rows are left of `rows`, and the types allow it.
    ///
    /// Filtering copies the arguments and scattering the result: cheaper than lowering and
    /// lifting all rows if most are null.
    pub(super) fn valid(&self, rows: usize, returns: &DataType) -> Option<(Self, NullBuffer)> {
        if !can_scatter(returns) || !self.varying().all(can_filter) {
            return None;
        }
        let types = self.varying().map(|array| array.data_type());
        let are_numbers = types.chain([returns]).all(DataType::is_primitive);
        let [of_numbers, of_others] = VALID_SHARE;
        let part = match are_numbers {
            true => of_numbers,
            false => of_others,
        };
        let is_sparse = |nulls: usize| rows.saturating_sub(nulls) <= rows / part;
        if !self.varying().any(|array| is_sparse(array.null_count())) {
            return None;
        }
        let nulls = NullBuffer::union_many(self.varying().map(|array| array.nulls()))?;
        if nulls.null_count() == rows {
            return None;
        }
        let mask = BooleanArray::new(nulls.inner().clone(), None);
        let filter = FilterBuilder::new(&mask).optimize().build();
        let columns = self.columns.iter().map(|column| match column {
            ArgumentColumn::Array(array) => {
                let valid = filter_valid(array, &filter, &nulls)?;
                Ok(ArgumentColumn::Array(valid))
            }
            constant => Ok(constant.clone()),
        });
        let left = Self {
            columns: columns.collect::<Result<_, ArrowError>>().ok()?,
            rows: Arc::new(BatchRows::Valid(nulls.clone())),
        };
        Some((left, nulls))
    }

    /// Returns the number of rows: 1 if all arguments are constant.
    pub(super) fn rows(&self) -> usize {
        self.varying().next().map_or(1, |array| array.len())
    }

    fn varying(&self) -> impl Iterator<Item = &ArrayRef> {
        self.columns.iter().filter_map(ArgumentColumn::varying)
    }
}

/// Returns the values of a dictionary or of runs, and the index of each row's value.
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

/// Null rows of a strict function, known before the guest is called.
pub(super) enum StrictNulls {
    All,
    Some(Option<NullBuffer>),
}

/// Returns the rows in which an argument is null.
pub(super) fn strict_nulls(columns: &[ArrayRef], rows: usize) -> StrictNulls {
    let mut nulls = None;
    for column in columns {
        // Includes the nulls of dictionary values, unions and columns of type Null.
        let own = column.logical_nulls();
        let null_count = own.as_ref().map_or(0, NullBuffer::null_count);
        if null_count == column.len() {
            return StrictNulls::All;
        }
        // A constant that is not null makes no row null.
        if column.len() == rows {
            nulls = NullBuffer::union(nulls.as_ref(), own.as_ref());
        }
    }
    match &nulls {
        Some(all) if all.null_count() == rows => StrictNulls::All,
        _ => StrictNulls::Some(nulls),
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::types::Int8Type;
    use arrow_array::{Int32Array, StringArray};

    use super::*;

    fn dictionary(keys: Vec<Option<i8>>, values: Vec<&str>) -> ArrayRef {
        let values = Arc::new(StringArray::from(values));
        let keys = arrow_array::Int8Array::from(keys);
        Arc::new(DictionaryArray::<Int8Type>::new(keys, values))
    }

    fn constant(value: i32) -> ArgumentColumn {
        ArgumentColumn::Constant(Arc::new(Int32Array::from(vec![value])))
    }

    /// Returns the values left, their rows in the batch, and the index of each row.
    fn deduplicated(column: ArrayRef) -> Option<(String, Vec<usize>, Vec<u32>)> {
        let columns = vec![constant(1), ArgumentColumn::Array(column)];
        let (left, places) = Arguments::new(columns).distinct()?;
        let column = &left.slice(0, left.rows())[1];
        let text = arrow_cast::cast(column, &DataType::Utf8).unwrap();
        let text = text.as_string::<i32>().iter();
        let text = text.map(|text| text.unwrap_or("?")).collect();
        let BatchRows::At(rows) = &*left.rows else {
            panic!("expected that rows are left out")
        };
        Some((text, rows.clone(), places.values().to_vec()))
    }

    #[test]
    fn dictionary_values_keep_the_position_of_their_first_row() {
        let keys = vec![Some(0), Some(2), None, Some(2), Some(1), None, Some(1)];
        let column = dictionary(keys, vec!["sliced off", "b", "c", "never"]).slice(1, 6);
        let expected = ("c?b".to_owned(), vec![0, 1, 3], vec![0, 1, 0, 2, 1, 2]);
        assert_eq!(deduplicated(column), Some(expected));
    }

    #[test]
    fn each_run_is_a_value() {
        let runs = arrow_cast::cast(
            &StringArray::from(vec!["a", "b", "b", "b", "a", "a"]),
            &DataType::RunEndEncoded(
                Arc::new(arrow_schema::Field::new("r", DataType::Int16, false)),
                Arc::new(arrow_schema::Field::new("v", DataType::Utf8, true)),
            ),
        );
        let runs = runs.unwrap().slice(2, 4);
        let expected = ("ba".to_owned(), vec![0, 2], vec![0, 0, 1, 1]);
        assert_eq!(deduplicated(runs), Some(expected));
    }

    #[test]
    fn distinct_rows_are_not_copied() {
        let keys = vec![Some(1), Some(0), None];
        assert_eq!(deduplicated(dictionary(keys, vec!["a", "b"])), None);
        assert_eq!(deduplicated(Arc::new(Int32Array::from(vec![1, 1]))), None);
        let twice = dictionary(vec![Some(0); 2], vec!["a"]);
        let twice = vec![ArgumentColumn::Array(twice); 2];
        assert!(Arguments::new(twice).distinct().is_none());
    }

    #[test]
    fn null_rows_are_left_out_where_few_rows_are_valid() {
        let few = |valid: usize| {
            let numbers: Int32Array = (0..40).map(|n| (n % 4 > 0).then_some(n)).collect();
            let texts = (0..40).map(|n| (n < valid).then(|| n.to_string()));
            let texts: StringArray = texts.collect();
            let arrays: [ArrayRef; 2] = [Arc::new(numbers), Arc::new(texts)];
            let mut columns = vec![constant(7)];
            columns.extend(arrays.map(ArgumentColumn::Array));
            Arguments::new(columns)
        };
        let (left, nulls) = few(10).valid(40, &DataType::Int32).unwrap();
        assert_eq!((left.rows(), nulls.null_count()), (7, 33));
        let columns = left.slice(0, 7);
        assert_eq!(columns[0].len(), 1);
        let numbers: &Int32Array = columns[1].as_primitive();
        assert_eq!(numbers.values(), &[1, 2, 3, 5, 6, 7, 9]);
        assert_eq!(columns[2].as_string::<i32>().value(6), "9");
        assert_eq!([0, 3, 6].map(|row| left.batch_row(row)), [1, 5, 9]);
        // Some of these rows are rows of the batch still.
        let some = left.at(&[1, 3, 6]).unwrap();
        assert_eq!((some.rows(), some.slice(0, 3).len()), (3, 3));
        assert_eq!([0, 1, 2].map(|row| some.batch_row(row)), [2, 5, 9]);
        let one = some.at(&[1]).unwrap();
        assert_eq!((one.rows(), one.batch_row(0)), (1, 5));
        // Many rows are valid, or none, or the result type has no nulls.
        assert!(few(21).valid(40, &DataType::Int32).is_none());
        assert!(few(0).valid(40, &DataType::Int32).is_none());
        assert!(few(10).valid(40, &DataType::Null).is_none());
    }
}
