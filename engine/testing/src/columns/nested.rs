//! Columns with children.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Int64Array, LargeListArray, LargeListViewArray, ListArray,
    ListViewArray, MapArray, StructArray, UnionArray, make_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_cast::cast;
use arrow_data::ArrayData;
use arrow_schema::{DataType, FieldRef, Fields, UnionFields, UnionMode};

use super::{child, random_array, random_nulls};
use crate::random::SplitMix64;

pub(super) fn list(
    data_type: &DataType,
    item: &FieldRef,
    nulls: Option<NullBuffer>,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    let sizes: Vec<usize> = (0..rows).map(|_| random.below(4)).collect();
    let values = child(item, sizes.iter().sum(), random);
    let item = Arc::clone(item);
    if let DataType::List(_) = data_type {
        let offsets = OffsetBuffer::from_lengths(sizes);
        return Arc::new(ListArray::new(item, offsets, values, nulls));
    }
    let offsets = OffsetBuffer::from_lengths(sizes);
    Arc::new(LargeListArray::new(item, offsets, values, nulls))
}

/// Views that are adjacent, or else in any order and overlapping.
pub(super) fn list_view(
    data_type: &DataType,
    item: &FieldRef,
    nulls: Option<NullBuffer>,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    let elements = rows.min(20) * 2;
    let values = child(item, elements, random);
    let is_adjacent = random.one_in(3);
    let mut next = 0;
    let views = (0..rows).map(|_| {
        let start = match is_adjacent {
            true => next,
            false => random.below(elements + 1),
        };
        let size = random.below(4).min(elements - start);
        next = start + size;
        (start, size)
    });
    let (starts, sizes): (Vec<usize>, Vec<usize>) = views.unzip();
    let item = Arc::clone(item);
    if let DataType::ListView(_) = data_type {
        let offsets = starts.iter().map(|start| *start as i32).collect();
        let sizes = sizes.iter().map(|size| *size as i32).collect();
        return Arc::new(ListViewArray::new(item, offsets, sizes, values, nulls));
    }
    let offsets = starts.iter().map(|start| *start as i64).collect();
    let sizes = sizes.iter().map(|size| *size as i64).collect();
    Arc::new(LargeListViewArray::new(item, offsets, sizes, values, nulls))
}

pub(super) fn fixed_size_list(
    item: &FieldRef,
    size: i32,
    nulls: Option<NullBuffer>,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    let values = child(item, rows * size as usize, random);
    let item = Arc::clone(item);
    let list = FixedSizeListArray::try_new_with_length(item, size, values, nulls, rows);
    Arc::new(list.expect("there are `size` elements for each row"))
}

pub(super) fn structure(
    fields: &Fields,
    nulls: Option<NullBuffer>,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    let children = fields.iter().map(|field| child(field, rows, random));
    let children = children.collect();
    let array = StructArray::try_new_with_length(fields.clone(), children, nulls, rows);
    Arc::new(array.expect("the children are those of the fields"))
}

pub(super) fn map(
    entries: &FieldRef,
    sorted: bool,
    nulls: Option<NullBuffer>,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    let sizes: Vec<usize> = (0..rows).map(|_| random.below(3)).collect();
    let values = child(entries, sizes.iter().sum(), random);
    let values = values.as_struct().clone();
    let offsets = OffsetBuffer::from_lengths(sizes);
    Arc::new(MapArray::new(
        Arc::clone(entries),
        offsets,
        values,
        nulls,
        sorted,
    ))
}

/// A union. In a dense one, rows reference rows of the children in any order and
/// repeatedly.
pub(super) fn union(
    fields: &UnionFields,
    mode: UnionMode,
    nullable: bool,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    let ids: Vec<i8> = fields.iter().map(|(id, _)| id).collect();
    let ids: Vec<i8> = (0..rows).map(|_| ids[random.below(ids.len())]).collect();
    let values = match mode {
        UnionMode::Sparse => rows,
        UnionMode::Dense => rows / 2 + 1,
    };
    let children = fields.iter().map(|(_, field)| {
        let nullable = nullable && field.is_nullable();
        random_array(field.data_type(), values, nullable, random)
    });
    let children = children.collect();
    let offsets = (mode == UnionMode::Dense)
        .then(|| (0..rows).map(|_| random.below(values) as i32).collect());
    let union = UnionArray::try_new(fields.clone(), ids.into(), offsets, children);
    Arc::new(union.expect("the children are those of the fields"))
}

/// A dictionary with fewer values than rows, some of which may be unused.
pub(super) fn dictionary(
    data_type: &DataType,
    values: &DataType,
    nullable: bool,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    let distinct = rows / 3 + 1;
    // A null key of a union would need a nullable child.
    let has_nullable_keys = nullable && !values.to_string().contains("Union");
    let nulls = random_nulls(rows, has_nullable_keys, random);
    let keys = (0..rows).map(|_| random.below(distinct) as i64);
    let keys = Int64Array::new(keys.collect(), nulls);
    let null_count = keys.null_count();
    let values = random_array(values, distinct, nullable, random);
    let DataType::Dictionary(key, _) = data_type else {
        unreachable!("{data_type} is not a dictionary")
    };
    let keys = cast(&keys, key).expect("keys are integers");
    assert_eq!(keys.null_count(), null_count, "too many values for {key}");
    let data = keys.to_data().into_builder().data_type(data_type.clone());
    let data = data.add_child_data(values.to_data()).build();
    make_array(data.expect("keys are below the number of values"))
}

/// Runs of up to 4 rows.
pub(super) fn runs(
    data_type: &DataType,
    (ends, values): (&FieldRef, &FieldRef),
    nullable: bool,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    let mut last = 0;
    let mut all = Vec::new();
    while last < rows {
        last = rows.min(last + 1 + random.below(4));
        all.push(last as i64);
    }
    let nullable = nullable && values.is_nullable();
    let values = random_array(values.data_type(), all.len(), nullable, random);
    let all = cast(&Int64Array::from(all), ends.data_type()).expect("run ends are integers");
    let data = ArrayData::builder(data_type.clone()).len(rows);
    let data = data.child_data(vec![all.to_data(), values.to_data()]);
    make_array(data.build().expect("run ends ascend"))
}
