//! Types of any nesting, and numbers to choose among them.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, TimeUnit, UnionFields, UnionMode};
use proptest::prelude::*;

/// Numbers that look random and follow from a seed.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }
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

pub(super) fn data_type() -> impl Strategy<Value = DataType> {
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
