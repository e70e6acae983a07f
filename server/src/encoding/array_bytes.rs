//! Sizes of columns when views, dictionaries and runs are replaced by their values.
//!
//! A short column may stand for a large one: a dictionary of one long text, or views of it. Sizes
//! are known before anything is copied.

use std::ops::Range;

use arrow::array::{Array, AsArray, OffsetSizeTrait, UnionArray};
use arrow::datatypes::{DataType, Int16Type, Int32Type, Int64Type, RunEndIndexType, UnionMode};

/// Returns the bytes of some values of an array, and at least one for each, also where it takes
/// none in memory. Beyond a maximum it does not count on: dictionaries of lists of views stand for
/// more than could be counted.
///
/// # Panics
///
/// If the range is outside of the array.
pub(super) fn array_bytes(array: &dyn Array, range: Range<usize>, max: u64) -> u64 {
    if range.is_empty() {
        return 0;
    }
    let count = range.len() as u64;
    let own = match array.data_type() {
        DataType::Utf8 => by_offsets(array.as_string::<i32>().value_offsets(), &range),
        DataType::LargeUtf8 => by_offsets(array.as_string::<i64>().value_offsets(), &range),
        DataType::Binary => by_offsets(array.as_binary::<i32>().value_offsets(), &range),
        DataType::LargeBinary => by_offsets(array.as_binary::<i64>().value_offsets(), &range),
        // The low half of a view is the length of its value.
        DataType::Utf8View => by_views(&array.as_string_view().views()[range], max),
        DataType::BinaryView => by_views(&array.as_binary_view().views()[range], max),
        DataType::FixedSizeBinary(size) => count.saturating_mul(u64::from(size.unsigned_abs())),
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            array_bytes(lists.values(), items(lists.value_offsets(), &range), max)
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            array_bytes(lists.values(), items(lists.value_offsets(), &range), max)
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            array_bytes(maps.entries(), items(maps.value_offsets(), &range), max)
        }
        DataType::FixedSizeList(_, size) => {
            let size = size.unsigned_abs() as usize;
            let lists = array.as_fixed_size_list();
            array_bytes(lists.values(), range.start * size..range.end * size, max)
        }
        DataType::ListView(_) => by_list_views::<i32>(array, range, max),
        DataType::LargeListView(_) => by_list_views::<i64>(array, range, max),
        DataType::Struct(_) => {
            let fields = array.as_struct().columns().iter();
            let bytes = fields.map(|field| array_bytes(field, range.clone(), max));
            sum(bytes, max)
        }
        DataType::Dictionary(..) => by_keys(array, range, max),
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => by_runs::<Int16Type>(array, range, max),
            DataType::Int32 => by_runs::<Int32Type>(array, range, max),
            _ => by_runs::<Int64Type>(array, range, max),
        },
        DataType::Union(_, mode) => by_types(array.as_union(), *mode, range, max),
        other => count.saturating_mul(other.primitive_width().unwrap_or(1) as u64),
    };
    own.saturating_add(count)
}

/// Sums up sizes until they are beyond a maximum.
pub(super) fn sum(bytes: impl Iterator<Item = u64>, max: u64) -> u64 {
    let mut total = 0_u64;
    for bytes in bytes {
        total = total.saturating_add(bytes);
        if total > max {
            break;
        }
    }
    total
}

/// Returns the items that offsets enclose.
fn items<O: OffsetSizeTrait>(offsets: &[O], range: &Range<usize>) -> Range<usize> {
    offsets[range.start].as_usize()..offsets[range.end].as_usize()
}

fn by_offsets<O: OffsetSizeTrait>(offsets: &[O], range: &Range<usize>) -> u64 {
    items(offsets, range).len() as u64
}

fn by_views(views: &[u128], max: u64) -> u64 {
    sum(views.iter().map(|view| u64::from(*view as u32)), max)
}

fn by_list_views<O: OffsetSizeTrait>(array: &dyn Array, range: Range<usize>, max: u64) -> u64 {
    let lists = array.as_list_view::<O>();
    let bytes = range.map(|row| {
        let begin = lists.offsets()[row].as_usize();
        let end = begin + lists.sizes()[row].as_usize();
        array_bytes(lists.values(), begin..end, max)
    });
    sum(bytes, max)
}

fn by_keys(array: &dyn Array, range: Range<usize>, max: u64) -> u64 {
    let keys = array.slice(range.start, range.len());
    let keyed = keys.as_any_dictionary();
    // Without values, all keys are null.
    if keyed.values().is_empty() {
        return 0;
    }
    let keys = keyed.normalized_keys().into_iter();
    let bytes = keys.map(|key| array_bytes(keyed.values(), key..key + 1, max));
    sum(bytes, max)
}

fn by_runs<R: RunEndIndexType>(array: &dyn Array, range: Range<usize>, max: u64) -> u64 {
    let runs = array.as_run::<R>();
    let bytes = range.map(|row| {
        let run = runs.get_physical_index(row);
        array_bytes(runs.values(), run..run + 1, max)
    });
    sum(bytes, max)
}

fn by_types(union: &UnionArray, mode: UnionMode, range: Range<usize>, max: u64) -> u64 {
    match mode {
        // All children have all rows.
        UnionMode::Sparse => {
            let DataType::Union(fields, _) = union.data_type() else {
                return 0;
            };
            let children = fields.iter().map(|(id, _)| union.child(id));
            let bytes = children.map(|child| array_bytes(child, range.clone(), max));
            sum(bytes, max)
        }
        UnionMode::Dense => {
            let bytes = range.map(|row| {
                let value = union.value_offset(row);
                array_bytes(union.child(union.type_id(row)), value..value + 1, max)
            });
            sum(bytes, max)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        DictionaryArray, Int32Array, ListArray, NullArray, RunArray, StringArray, StringViewArray,
        StructArray,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;

    use super::*;

    fn bytes(array: &dyn Array, range: Range<usize>) -> u64 {
        array_bytes(array, range, u64::MAX)
    }

    #[test]
    fn sizes_are_those_of_the_values() {
        let texts = StringViewArray::from(vec!["four", "a text of more than twelve bytes"]);
        assert_eq!(bytes(&texts, 0..1), 4 + 1);
        assert_eq!(bytes(&texts, 1..2), 32 + 1);
        let long = "x".repeat(1_000);
        let keyed = DictionaryArray::<Int32Type>::new(
            Int32Array::from(vec![Some(0), None, Some(0)]),
            Arc::new(StringArray::from(vec![long.as_str()])),
        );
        assert_eq!(bytes(&keyed, 0..3), 3 * (1_000 + 1) + 3);
        let runs = RunArray::<Int32Type>::try_new(
            &Int32Array::from(vec![5]),
            &StringArray::from(vec![long.as_str()]),
        );
        assert_eq!(bytes(&runs.unwrap(), 1..3), 2 * (1_000 + 1) + 2);
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), Some(2)]),
            Some(vec![Some(3)]),
        ]);
        assert_eq!(bytes(&lists, 1..2), 4 + 1 + 1);
        assert_eq!(bytes(&NullArray::new(7), 0..7), 7 + 7);
        let field = Arc::new(Field::new("a", DataType::Int32, true));
        let fields = StructArray::from(vec![(field, Arc::new(Int32Array::from(vec![1])) as _)]);
        assert_eq!(bytes(&fields, 0..1), 4 + 1 + 1);
    }
    #[test]
    fn sizes_beyond_a_maximum_are_not_counted() {
        // A million keys of a list with a million views.
        let views = StringViewArray::from(vec![""; 1_000_000]);
        let field = Arc::new(Field::new_list_field(DataType::Utf8View, true));
        let offsets = OffsetBuffer::from_lengths([views.len()]);
        let lists = ListArray::new(field, offsets, Arc::new(views), None);
        let keys = Int32Array::from(vec![0; 1_000_000]);
        let keyed = DictionaryArray::<Int32Type>::new(keys, Arc::new(lists));
        assert!(array_bytes(&keyed, 0..1_000_000, 10_000_000) > 10_000_000);
    }
}
