//! Columns without their null rows, and with them again.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, ListArray, PrimitiveArray, UInt32Array,
    downcast_primitive_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{FilterPredicate, take};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// Whether to leave rows out of a column takes less than to lower them.
pub(super) fn can_be_filtered(array: &ArrayRef) -> bool {
    match array.as_list_opt::<i32>() {
        Some(list) => list.values().data_type().is_primitive() && list.values().null_count() == 0,
        None => can_be_spread(array.data_type()),
    }
}

/// The rows of a column that no column is null in. Arrow takes several times as
/// long for a list as it takes to copy its items.
pub(super) fn filtered(
    array: &ArrayRef,
    filter: &FilterPredicate,
    nulls: &NullBuffer,
) -> Result<ArrayRef, ArrowError> {
    fn packed<T: ArrowPrimitiveType>(
        items: &PrimitiveArray<T>,
        ranges: impl Iterator<Item = Range<usize>>,
        count: usize,
    ) -> ArrayRef {
        let mut values = Vec::with_capacity(count);
        for range in ranges {
            values.extend_from_slice(&items.values()[range]);
        }
        let items_type = items.data_type().clone();
        let items = PrimitiveArray::<T>::new(values.into(), None);
        Arc::new(items.with_data_type(items_type))
    }

    let (Some(list), DataType::List(field)) = (array.as_list_opt::<i32>(), array.data_type())
    else {
        return filter.filter(array);
    };
    let offsets = list.value_offsets();
    let range = |row| offsets[row] as usize..offsets[row + 1] as usize;
    let ranges = || nulls.valid_indices().map(range);
    let lengths = OffsetBuffer::from_lengths(ranges().map(|range| range.len()));
    let count = lengths.last().map_or(0, |end| *end as usize);
    let items = list.values();
    let items = downcast_primitive_array!(
        items => packed(items, ranges(), count),
        _ => return filter.filter(array),
    );
    let list = ListArray::try_new(Arc::clone(field), lengths, items, None)?;
    Ok(Arc::new(list))
}

/// Whether rows that are null can be put into a column of this type.
pub(super) fn can_be_spread(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(
        data_type,
        Boolean | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView
    ) || data_type.is_primitive()
}

/// The column whose rows that are not null are those of `column`, one after the
/// other.
pub(super) fn spread(column: &ArrayRef, nulls: NullBuffer) -> Result<ArrayRef, ArrowError> {
    /// `values`, each in the place of a row that is not null.
    fn placed<T: Copy + Default>(values: impl Iterator<Item = T>, nulls: &NullBuffer) -> Vec<T> {
        let mut placed = vec![T::default(); nulls.len()];
        for (row, value) in nulls.valid_indices().zip(values) {
            placed[row] = value;
        }
        placed
    }
    fn primitive<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, nulls: NullBuffer) -> ArrayRef {
        let values = placed(column.values().iter().copied(), &nulls);
        let spread = PrimitiveArray::<T>::new(values.into(), Some(nulls));
        Arc::new(spread.with_data_type(column.data_type().clone()))
    }

    if column.null_count() == 0 {
        downcast_primitive_array!(
            column => return Ok(primitive(column, nulls)),
            _ => {}
        );
    }
    let places = placed(0.., &nulls);
    take(column, &UInt32Array::new(places.into(), Some(nulls)), None)
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, Float64Array, Int32Array, StringArray};
    use arrow::compute::{FilterBuilder, filter};
    use arrow::datatypes::Float64Type;

    use super::*;

    #[test]
    fn rows_go_back_to_where_they_were() {
        let nulls = NullBuffer::from(vec![false, true, true, false, true, false]);
        let values: [ArrayRef; 4] = [
            Arc::new(Int32Array::from(vec![1, 2, 3])),
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
            Arc::new(StringArray::from(vec![Some("a"), Some("b"), None])),
            Arc::new(BooleanArray::from(vec![true, false, true])),
        ];
        for values in values {
            let spread = spread(&values, nulls.clone()).unwrap();
            spread.to_data().validate_full().unwrap();
            assert_eq!(spread.data_type(), values.data_type());
            let rows = UInt32Array::from(vec![None, Some(0), Some(1), None, Some(2), None]);
            assert_eq!(&spread, &take(&values, &rows, None).unwrap());
        }
    }

    #[test]
    fn lists_are_filtered_as_arrow_does() {
        let lists = (0..100).map(|row| {
            let items = (0..row % 5).map(|item| Some(f64::from(row * item)));
            (row % 7 != 0).then(|| items.collect::<Vec<_>>())
        });
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
        for (first, rows) in [(0, 100), (13, 80), (7, 1)] {
            let lists: ArrayRef = Arc::new(lists.slice(first, rows));
            assert!(can_be_filtered(&lists));
            let others: Float64Array = (0..rows).map(|n| (n % 3 == 0).then_some(0.5)).collect();
            let nulls = NullBuffer::union(lists.nulls(), others.nulls()).unwrap();
            let mask = BooleanArray::new(nulls.inner().clone(), None);
            let predicate = FilterBuilder::new(&mask).optimize().build();
            let found = filtered(&lists, &predicate, &nulls).unwrap();
            found.to_data().validate_full().unwrap();
            assert_eq!(&found, &filter(&lists, &mask).unwrap());
        }
    }
}
