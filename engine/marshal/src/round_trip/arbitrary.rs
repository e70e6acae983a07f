//! Columns of any type, nested as deep as may be, with any content.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowDictionaryKeyType, Int16Type, Int32Type, Int64Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, DictionaryArray, FixedSizeListArray,
    LargeListArray, LargeListViewArray, ListArray, ListViewArray, MapArray, NullArray,
    PrimitiveArray, StringArray, StructArray, UnionArray, make_array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, i256};
use arrow_cast::cast;
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field, UnionMode};
use proptest::prelude::*;

use super::types::{Rng, data_type};

/// A column of any type, cut out of a longer one.
pub(super) fn column() -> impl Strategy<Value = ArrayRef> {
    let content = (data_type(), 0..70_usize, any::<u64>());
    content.prop_map(|(data_type, rows, seed)| array(&data_type, rows, true, &mut Rng(seed)))
}

fn nulls(rows: usize, nullable: bool, rng: &mut Rng) -> Option<NullBuffer> {
    let some = nullable && !rng.one_in(4);
    some.then(|| (0..rows).map(|_| !rng.one_in(4)).collect::<Vec<_>>().into())
}

/// A column with that many rows, the slice of a longer one.
fn array(data_type: &DataType, rows: usize, nullable: bool, rng: &mut Rng) -> ArrayRef {
    let (before, after) = match rng.one_in(3) {
        true => (0, 0),
        false => (rng.below(11), rng.below(4)),
    };
    let whole = whole(data_type, before + rows + after, nullable, rng);
    assert_eq!(whole.data_type(), data_type);
    whole.slice(before, rows)
}

fn whole(data_type: &DataType, rows: usize, nullable: bool, rng: &mut Rng) -> ArrayRef {
    use DataType::*;
    let of = |field: &Field, rows, rng: &mut Rng| {
        array(field.data_type(), rows, field.is_nullable(), rng)
    };
    match data_type {
        Null => Arc::new(NullArray::new(rows)),
        Boolean => {
            let values: Vec<bool> = (0..rows).map(|_| rng.one_in(2)).collect();
            let nulls = nulls(rows, nullable, rng);
            Arc::new(BooleanArray::new(values.into(), nulls))
        }
        Utf8 | LargeUtf8 | Utf8View => {
            let nulls = nulls(rows, nullable, rng);
            let text = |rng: &mut Rng| {
                "zé€😀abcdefghijklmnop"
                    .chars()
                    .take(rng.below(19))
                    .collect()
            };
            let texts: Vec<String> = (0..rows).map(|_| text(rng)).collect();
            let whole = StringArray::from_iter_values(texts);
            let (offsets, data, _) = whole.into_parts();
            cast(&StringArray::new(offsets, data, nulls), data_type).unwrap()
        }
        Binary | LargeBinary | BinaryView => {
            let nulls = nulls(rows, nullable, rng);
            let bytes = |rng: &mut Rng| vec![rng.next() as u8; rng.below(20)];
            let bytes: Vec<Vec<u8>> = (0..rows).map(|_| bytes(rng)).collect();
            let (offsets, data, _) = BinaryArray::from_iter_values(bytes).into_parts();
            cast(&BinaryArray::new(offsets, data, nulls), data_type).unwrap()
        }
        List(item) | LargeList(item) => {
            let sizes: Vec<usize> = (0..rows).map(|_| rng.below(4)).collect();
            let offsets = OffsetBuffer::<i32>::from_lengths(sizes.iter().copied());
            let values = of(item, sizes.iter().sum(), rng);
            let nulls = nulls(rows, nullable, rng);
            if let List(_) = data_type {
                return Arc::new(ListArray::new(Arc::clone(item), offsets, values, nulls));
            }
            let offsets = OffsetBuffer::<i64>::from_lengths(sizes);
            Arc::new(LargeListArray::new(
                Arc::clone(item),
                offsets,
                values,
                nulls,
            ))
        }
        ListView(item) | LargeListView(item) => {
            let elements = rows.min(20) * 2;
            let values = of(item, elements, rng);
            let in_a_row = rng.one_in(3);
            let mut next = 0;
            let views: Vec<(usize, usize)> = (0..rows)
                .map(|_| {
                    let start = if in_a_row {
                        next
                    } else {
                        rng.below(elements + 1)
                    };
                    let size = rng.below(4).min(elements - start);
                    next = start + size;
                    (start, size)
                })
                .collect();
            let nulls = nulls(rows, nullable, rng);
            let item = Arc::clone(item);
            if let ListView(_) = data_type {
                let offsets = views.iter().map(|(start, _)| *start as i32).collect();
                let sizes = views.iter().map(|(_, size)| *size as i32).collect();
                return Arc::new(ListViewArray::new(item, offsets, sizes, values, nulls));
            }
            let offsets = views.iter().map(|(start, _)| *start as i64).collect();
            let sizes = views.iter().map(|(_, size)| *size as i64).collect();
            Arc::new(LargeListViewArray::new(item, offsets, sizes, values, nulls))
        }
        FixedSizeList(item, size) => {
            let values = of(item, rows * *size as usize, rng);
            let nulls = nulls(rows, nullable, rng);
            let item = Arc::clone(item);
            let list = FixedSizeListArray::try_new_with_length(item, *size, values, nulls, rows);
            Arc::new(list.unwrap())
        }
        Struct(fields) => {
            let children = fields.iter().map(|field| of(field, rows, rng)).collect();
            let nulls = nulls(rows, nullable, rng);
            let array = StructArray::try_new_with_length(fields.clone(), children, nulls, rows);
            Arc::new(array.unwrap())
        }
        Map(entries, sorted) => {
            let sizes: Vec<usize> = (0..rows).map(|_| rng.below(3)).collect();
            let values = of(entries, sizes.iter().sum(), rng).as_struct().clone();
            let offsets = OffsetBuffer::from_lengths(sizes);
            let nulls = nulls(rows, nullable, rng);
            Arc::new(MapArray::new(
                Arc::clone(entries),
                offsets,
                values,
                nulls,
                *sorted,
            ))
        }
        Union(fields, mode) => {
            let ids: Vec<i8> = fields.iter().map(|(id, _)| id).collect();
            let ids: Vec<i8> = (0..rows).map(|_| ids[rng.below(ids.len())]).collect();
            let values = match mode {
                UnionMode::Sparse => rows,
                UnionMode::Dense => rows / 2 + 1,
            };
            let children = fields.iter().map(|(_, field)| {
                let nullable = nullable && field.is_nullable();
                array(field.data_type(), values, nullable, rng)
            });
            let children = children.collect();
            let offsets = (*mode == UnionMode::Dense)
                .then(|| (0..rows).map(|_| rng.below(values) as i32).collect());
            Arc::new(UnionArray::try_new(fields.clone(), ids.into(), offsets, children).unwrap())
        }
        Dictionary(key, values) => {
            let distinct = rows / 3 + 1;
            // A null union would need a child that may be null.
            let nullable_keys = nullable && !format!("{values}").contains("Union");
            let values = array(values, distinct, nullable, rng);
            let nulls = nulls(rows, nullable_keys, rng);
            let keys: Vec<usize> = (0..rows).map(|_| rng.below(distinct)).collect();
            fn dictionary<K: ArrowDictionaryKeyType>(
                keys: &[usize],
                nulls: Option<NullBuffer>,
                values: ArrayRef,
            ) -> ArrayRef {
                let key = |key: &usize| arrow_buffer::ArrowNativeType::usize_as(*key);
                let keys: Vec<K::Native> = keys.iter().map(key).collect();
                let keys = PrimitiveArray::<K>::new(keys.into(), nulls);
                Arc::new(DictionaryArray::new(keys, values))
            }
            match &**key {
                Int16 => dictionary::<Int16Type>(&keys, nulls, values),
                UInt32 => dictionary::<UInt32Type>(&keys, nulls, values),
                _ => dictionary::<Int64Type>(&keys, nulls, values),
            }
        }
        RunEndEncoded(ends, values) => {
            let mut end = 0;
            let mut all = Vec::new();
            while end < rows {
                end = rows.min(end + 1 + rng.below(4));
                all.push(end as i64);
            }
            let nullable = nullable && values.is_nullable();
            let values = array(values.data_type(), all.len(), nullable, rng);
            let all = PrimitiveArray::<Int64Type>::from(all);
            let all = cast(&all, ends.data_type()).unwrap();
            let data = ArrayData::builder(data_type.clone())
                .len(rows)
                .child_data(vec![all.to_data(), values.to_data()]);
            make_array(data.build().unwrap())
        }
        Decimal32(precision, _) => {
            let values = (0..rows).map(|_| (rng.next() as i32) % 10_i32.pow((*precision).into()));
            let values: Vec<i32> = values.collect();
            fixed(data_type, rows, Buffer::from_vec(values), nullable, rng)
        }
        Decimal64(precision, _) => {
            let values = (0..rows).map(|_| (rng.next() as i64) % 10_i64.pow((*precision).into()));
            let values: Vec<i64> = values.collect();
            fixed(data_type, rows, Buffer::from_vec(values), nullable, rng)
        }
        Decimal128(precision, _) => {
            let mut value = || i128::from(rng.next() as i64) * i128::from(rng.next());
            let values = (0..rows).map(|_| value() % 10_i128.pow((*precision).into()));
            let values: Vec<i128> = values.collect();
            fixed(data_type, rows, Buffer::from_vec(values), nullable, rng)
        }
        Decimal256(..) => {
            let mut value = || i128::from(rng.next() as i64) * i128::from(rng.next());
            let values: Vec<i256> = (0..rows).map(|_| i256::from_i128(value())).collect();
            fixed(data_type, rows, Buffer::from_vec(values), nullable, rng)
        }
        other => {
            let width = crate::layout::fixed_width(other).unwrap();
            let bytes: Vec<u8> = (0..rows * width).map(|_| rng.next() as u8).collect();
            fixed(other, rows, Buffer::from_slice_ref(&bytes), nullable, rng)
        }
    }
}

fn fixed(
    data_type: &DataType,
    rows: usize,
    values: Buffer,
    nullable: bool,
    rng: &mut Rng,
) -> ArrayRef {
    let data = ArrayData::builder(data_type.clone())
        .len(rows)
        .add_buffer(values)
        .nulls(nulls(rows, nullable, rng));
    make_array(data.build().unwrap())
}

/// A column of numbers that are null where they are negative.
pub(super) fn numbers(values: &[i32]) -> ArrayRef {
    let values = values
        .iter()
        .map(|value| Some(*value).filter(|value| *value >= 0));
    Arc::new(values.collect::<PrimitiveArray<Int32Type>>())
}
