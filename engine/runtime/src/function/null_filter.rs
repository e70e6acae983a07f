//! Removal of null rows from columns, and their reinsertion.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, ListArray, PrimitiveArray, UInt32Array,
    downcast_primitive_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::FilterPredicate;
use arrow_select::take::take;

/// Returns true if filtering the column is cheaper than lowering its null rows.
pub(super) fn can_filter(array: &ArrayRef) -> bool {
    match array.as_list_opt::<i32>() {
        Some(list) => list.values().data_type().is_primitive() && list.values().null_count() == 0,
        None => can_scatter(array.data_type()),
    }
}

/// Filters a column to the rows that are valid in `nulls`. Arrow's kernel for lists takes
/// several times as long as copying their items.
pub(super) fn filter_valid(
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

/// Returns true if null rows can be inserted into a column of this type.
pub(super) fn can_scatter(data_type: &DataType) -> bool {
    use DataType::*;
    matches!(
        data_type,
        Boolean | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView
    ) || data_type.is_primitive()
}

/// Scatters the rows of `column` to the valid rows of `nulls`; the others become null.
pub(super) fn scatter(column: &ArrayRef, nulls: NullBuffer) -> Result<ArrayRef, ArrowError> {
    /// Places each of `values` at a valid row.
    fn placed<T: Copy + Default>(values: impl Iterator<Item = T>, nulls: &NullBuffer) -> Vec<T> {
        let mut placed = vec![T::default(); nulls.len()];
        for (row, value) in nulls.valid_indices().zip(values) {
            placed[row] = value;
        }
        placed
    }
    fn primitive<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, nulls: NullBuffer) -> ArrayRef {
        let values = placed(column.values().iter().copied(), &nulls);
        let scattered = PrimitiveArray::<T>::new(values.into(), Some(nulls));
        Arc::new(scattered.with_data_type(column.data_type().clone()))
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
    use arrow_array::types::Float64Type;
    use arrow_array::{BooleanArray, Float64Array, Int32Array, StringArray};
    use arrow_select::filter::{FilterBuilder, filter};

    use super::*;

    #[test]
    fn rows_are_scattered_to_valid_positions() {
        let nulls = NullBuffer::from(vec![false, true, true, false, true, false]);
        let values: [ArrayRef; 4] = [
            Arc::new(Int32Array::from(vec![1, 2, 3])),
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
            Arc::new(StringArray::from(vec![Some("a"), Some("b"), None])),
            Arc::new(BooleanArray::from(vec![true, false, true])),
        ];
        for values in values {
            let scattered = scatter(&values, nulls.clone()).unwrap();
            scattered.to_data().validate_full().unwrap();
            assert_eq!(scattered.data_type(), values.data_type());
            let rows = UInt32Array::from(vec![None, Some(0), Some(1), None, Some(2), None]);
            assert_eq!(&scattered, &take(&values, &rows, None).unwrap());
        }
    }

    #[test]
    fn lists_are_filtered_as_by_arrow() {
        let lists = (0..100).map(|row| {
            let items = (0..row % 5).map(|item| Some(f64::from(row * item)));
            (row % 7 != 0).then(|| items.collect::<Vec<_>>())
        });
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
        for (first, rows) in [(0, 100), (13, 80), (7, 1)] {
            let lists: ArrayRef = Arc::new(lists.slice(first, rows));
            assert!(can_filter(&lists));
            let others: Float64Array = (0..rows).map(|n| (n % 3 == 0).then_some(0.5)).collect();
            let nulls = NullBuffer::union(lists.nulls(), others.nulls()).unwrap();
            let mask = BooleanArray::new(nulls.inner().clone(), None);
            let predicate = FilterBuilder::new(&mask).optimize().build();
            let found = filter_valid(&lists, &predicate, &nulls).unwrap();
            found.to_data().validate_full().unwrap();
            assert_eq!(&found, &filter(&lists, &mask).unwrap());
        }
    }
}
