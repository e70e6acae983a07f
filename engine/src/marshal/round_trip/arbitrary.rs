//! Columns of any type, nested as deep as may be, with any content.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BinaryArray, BooleanArray, DictionaryArray,
    FixedSizeListArray, LargeListArray, LargeListViewArray, ListArray, ListViewArray, MapArray,
    NullArray, PrimitiveArray, StringArray, StructArray, UnionArray, downcast_run_array,
    make_array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    ArrowDictionaryKeyType, DataType, Field, FieldRef, Int16Type, Int32Type, Int64Type,
    IntervalUnit, TimeUnit, UInt32Type, UnionFields, UnionMode, i256,
};
use proptest::prelude::*;

/// Numbers that look random and follow from a seed.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
}

/// A column of any type, cut out of a longer one.
pub(super) fn column() -> impl Strategy<Value = ArrayRef> {
    let content = (data_type(), 0..70_usize, any::<u64>());
    content.prop_map(|(data_type, rows, seed)| array(&data_type, rows, true, &mut Rng(seed)))
}

fn leaf() -> impl Strategy<Value = DataType> {
    use DataType::*;
    use TimeUnit::*;
    let plain = prop::sample::select(vec![
        Null,
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt8,
        UInt16,
        UInt32,
        UInt64,
        Float16,
        Float32,
        Float64,
        Date32,
        Date64,
        Utf8,
        LargeUtf8,
        Utf8View,
        Binary,
        LargeBinary,
        BinaryView,
    ]);
    let timed = prop::sample::select(vec![
        Time32(Second),
        Time32(Millisecond),
        Time64(Microsecond),
        Time64(Nanosecond),
        Timestamp(Second, None),
        Timestamp(Millisecond, Some("UTC".into())),
        Timestamp(Microsecond, Some("+02:00".into())),
        Timestamp(Nanosecond, None),
        Duration(Second),
        Duration(Nanosecond),
        Interval(IntervalUnit::YearMonth),
        Interval(IntervalUnit::DayTime),
        Interval(IntervalUnit::MonthDayNano),
    ]);
    let sized = prop::sample::select(vec![
        Decimal32(9, 2),
        Decimal32(3, 0),
        Decimal64(18, 4),
        Decimal128(38, 10),
        Decimal128(5, -2),
        Decimal256(76, 0),
        Decimal256(40, 3),
        FixedSizeBinary(0),
        FixedSizeBinary(3),
        FixedSizeBinary(16),
    ]);
    prop_oneof![3 => plain, 1 => timed, 1 => sized]
}

/// Whether columns of a type can be without nulls.
fn can_be_full(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => false,
        DataType::Dictionary(_, values) => can_be_full(values),
        DataType::RunEndEncoded(_, values) => can_be_full(values.data_type()),
        DataType::Union(fields, _) => fields.iter().all(|(_, f)| can_be_full(f.data_type())),
        _ => true,
    }
}

fn field(name: &str, data_type: DataType, nullable: bool) -> FieldRef {
    let nullable = nullable || !can_be_full(&data_type);
    Arc::new(Field::new(name, data_type, nullable))
}

fn data_type() -> impl Strategy<Value = DataType> {
    leaf().prop_recursive(4, 12, 3, |inner| {
        let item =
            (inner.clone(), any::<bool>()).prop_map(|(t, nullable)| field("item", t, nullable));
        let fields = prop::collection::vec((inner.clone(), any::<bool>()), 0..4);
        let some = prop::collection::vec((inner.clone(), any::<bool>()), 1..4);
        let values = inner.clone();
        prop_oneof![
            (item.clone(), 0..5).prop_map(|(item, kind)| match kind {
                0 => DataType::List(item),
                1 => DataType::LargeList(item),
                2 => DataType::ListView(item),
                3 => DataType::LargeListView(item),
                _ => DataType::FixedSizeList(item, 3),
            }),
            (item, 0..3).prop_map(|(item, size)| DataType::FixedSizeList(item, size)),
            fields.prop_map(|fields| {
                let fields = fields.into_iter().enumerate();
                let fields = fields.map(|(n, (t, nullable))| field(&format!("f{n}"), t, nullable));
                DataType::Struct(fields.collect())
            }),
            (inner.clone(), inner, any::<bool>(), any::<bool>())
                .prop_filter("keys are never null", |(key, ..)| can_be_full(key))
                .prop_map(|(key, value, nullable, sorted)| {
                    let fields = vec![field("keys", key, false), field("values", value, nullable)];
                    let entries = field("entries", DataType::Struct(fields.into()), false);
                    DataType::Map(entries, sorted)
                }),
            (some, any::<bool>()).prop_map(|(fields, sparse)| {
                let fields = fields.into_iter().enumerate();
                let fields = fields.map(|(n, (t, nullable))| {
                    (5 * n as i8 + 1, field(&format!("u{n}"), t, nullable))
                });
                let mode = if sparse {
                    UnionMode::Sparse
                } else {
                    UnionMode::Dense
                };
                DataType::Union(fields.collect::<UnionFields>(), mode)
            }),
            (values, 0..6).prop_map(|(values, kind)| {
                let ends = |ends| Arc::new(Field::new("run_ends", ends, false));
                let key = |key| Box::new(key);
                match kind {
                    0 => DataType::Dictionary(key(DataType::Int16), values.into()),
                    1 => DataType::Dictionary(key(DataType::UInt32), values.into()),
                    2 => DataType::Dictionary(key(DataType::Int64), values.into()),
                    3 => DataType::RunEndEncoded(
                        ends(DataType::Int16),
                        field("values", values, true),
                    ),
                    4 => DataType::RunEndEncoded(
                        ends(DataType::Int32),
                        field("values", values, true),
                    ),
                    _ => DataType::RunEndEncoded(
                        ends(DataType::Int64),
                        field("values", values, false),
                    ),
                }
            }),
        ]
    })
}

/// A type of the same values, stored in some other way.
pub(super) fn other_layout(data_type: &DataType, rng: &mut Rng) -> DataType {
    use DataType::*;
    let mut inside = |field: &FieldRef| {
        let data_type = other_layout(field.data_type(), rng);
        Arc::new(Field::clone(field).with_data_type(data_type))
    };
    match data_type {
        Utf8 | LargeUtf8 | Utf8View => [Utf8, LargeUtf8, Utf8View][rng.below(3)].clone(),
        Binary | LargeBinary | BinaryView => {
            [Binary, LargeBinary, BinaryView][rng.below(3)].clone()
        }
        List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
            let item = inside(item);
            [List, LargeList, ListView, LargeListView][rng.below(4)](item)
        }
        FixedSizeList(item, size) => FixedSizeList(inside(item), *size),
        Struct(fields) => Struct(fields.iter().map(inside).collect()),
        Map(entries, sorted) => Map(inside(entries), *sorted),
        Union(fields, mode) => {
            let fields = fields.iter().map(|(id, field)| (id, inside(field)));
            let fields: UnionFields = fields.collect();
            let mode = match mode {
                UnionMode::Sparse => UnionMode::Dense,
                UnionMode::Dense => UnionMode::Sparse,
            };
            Union(fields, mode)
        }
        Dictionary(_, values) => other_layout(values, rng),
        RunEndEncoded(_, values) => other_layout(values.data_type(), rng),
        other => match rng.below(4) {
            0 => Dictionary(Box::new(Int32), Box::new(other.clone())),
            1 => {
                let values = Arc::new(Field::new("v", other.clone(), true));
                RunEndEncoded(Arc::new(Field::new("r", Int32, false)), values)
            }
            _ => other.clone(),
        },
    }
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
                let key = |key: &usize| arrow::datatypes::ArrowNativeType::usize_as(*key);
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
            let width = super::super::layout::fixed_width(other).unwrap();
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

/// A row in words that do not tell how it is stored.
pub(super) fn show(array: &ArrayRef, row: usize) -> String {
    use DataType::*;
    if array.is_null(row) {
        return "null".to_owned();
    }
    let list = |values: ArrayRef| {
        let values: Vec<_> = (0..values.len()).map(|row| show(&values, row)).collect();
        format!("[{}]", values.join(", "))
    };
    match array.data_type() {
        Null => "null".to_owned(),
        Boolean => array.as_boolean().value(row).to_string(),
        Utf8 => format!("{:?}", array.as_string::<i32>().value(row)),
        LargeUtf8 => format!("{:?}", array.as_string::<i64>().value(row)),
        Utf8View => format!("{:?}", array.as_string_view().value(row)),
        Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        LargeBinary => format!("{:?}", array.as_binary::<i64>().value(row)),
        BinaryView => format!("{:?}", array.as_binary_view().value(row)),
        List(_) => list(array.as_list::<i32>().value(row)),
        LargeList(_) => list(array.as_list::<i64>().value(row)),
        ListView(_) => list(array.as_list_view::<i32>().value(row)),
        LargeListView(_) => list(array.as_list_view::<i64>().value(row)),
        FixedSizeList(..) => list(array.as_fixed_size_list().value(row)),
        Map(..) => list(Arc::new(array.as_map().value(row))),
        Struct(_) => {
            let fields = array.as_struct().columns();
            let fields: Vec<_> = fields.iter().map(|field| show(field, row)).collect();
            format!("({})", fields.join(", "))
        }
        Union(..) => {
            let union = array.as_union();
            let id = union.type_id(row);
            match show(union.child(id), union.value_offset(row)) {
                null if null == "null" => null,
                value => format!("{id}:{value}"),
            }
        }
        Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let keys = cast(dictionary.keys(), &Int64).unwrap();
            let key = keys.as_primitive::<Int64Type>().value(row);
            show(dictionary.values(), key as usize)
        }
        RunEndEncoded(..) => downcast_run_array!(
            array => show(array.values(), array.run_ends().get_physical_index(row)),
            _ => unreachable!()
        ),
        other => {
            let width = super::super::layout::fixed_width(other).unwrap();
            let data = array.to_data();
            let start = (data.offset() + row) * width;
            format!("{:x?}", &data.buffers()[0][start..start + width])
        }
    }
}

/// A column of numbers that are null where they are negative.
pub(super) fn numbers(values: &[i32]) -> ArrayRef {
    let values = values
        .iter()
        .map(|value| Some(*value).filter(|value| *value >= 0));
    Arc::new(values.collect::<PrimitiveArray<Int32Type>>())
}
