//! Strategies of types.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, IntervalUnit, TimeUnit, UnionFields, UnionMode};
use proptest::prelude::*;

/// Options of [`data_type`].
#[derive(Clone, Debug)]
pub struct TypeOptions {
    /// Maximum depth below the outermost type. A type without children has
    /// depth 0.
    pub depth: u32,
    /// Number of types in a type that proptest aims at, itself included.
    pub size: u32,
    /// Names of struct fields, union fields and run values. With `None` they are
    /// named by their position: `f0`, `f1`, ….
    pub field_names: Option<BoxedStrategy<String>>,
    /// Names of list items beside Arrow's default, which stays common. With
    /// `None` all items have the default, `item`.
    pub item_names: Option<BoxedStrategy<String>>,
    /// Draws only types with valid arrays of any number of rows: no empty union,
    /// no null keys of maps, no dictionary with keys of 8 bits, and a field is
    /// nullable if its type requires nulls.
    pub has_arrays: bool,
}

impl Default for TypeOptions {
    /// Types with arrays, up to 4 levels deep, with names by position.
    fn default() -> Self {
        Self {
            depth: 4,
            size: 12,
            field_names: None,
            item_names: None,
            has_arrays: true,
        }
    }
}

/// A strategy of types of any kind and nesting.
pub fn data_type(options: TypeOptions) -> BoxedStrategy<DataType> {
    let leaf = leaf_type();
    let nested = leaf.prop_recursive(options.depth, options.size, 3, move |inner| {
        options.nested_type(inner)
    });
    nested.boxed()
}

/// A strategy of types without children.
fn leaf_type() -> impl Strategy<Value = DataType> {
    use DataType::*;
    let units = vec![
        TimeUnit::Second,
        TimeUnit::Millisecond,
        TimeUnit::Microsecond,
        TimeUnit::Nanosecond,
    ];
    let mut plain = vec![Null, Boolean, Int8, Int16, Int32, Int64];
    plain.extend([UInt8, UInt16, UInt32, UInt64, Float16, Float32, Float64]);
    plain.extend([Utf8, LargeUtf8, Utf8View, Binary, LargeBinary, BinaryView]);
    plain.extend([Date32, Date64, Time32(units[0]), Time32(units[1])]);
    plain.extend([Time64(units[2]), Time64(units[3])]);
    let intervals = [
        IntervalUnit::YearMonth,
        IntervalUnit::DayTime,
        IntervalUnit::MonthDayNano,
    ];
    plain.extend(intervals.map(Interval));
    let zones = vec![
        None,
        Some("+00:00"),
        Some("UTC"),
        Some("Europe/Paris"),
        Some("-03:30"),
    ];
    let zone = prop::sample::select(zones).prop_map(|zone| zone.map(Into::into));
    let unit = prop::sample::select(units);
    prop_oneof![
        8 => prop::sample::select(plain),
        1 => (0..20).prop_map(FixedSizeBinary),
        1 => unit.clone().prop_map(Duration),
        1 => (unit, zone).prop_map(|(unit, zone)| Timestamp(unit, zone)),
        1 => (1_u8..=9, -20_i8..=9).prop_map(|(p, s)| Decimal32(p, s.min(p as i8))),
        1 => (1_u8..=18, -20_i8..=18).prop_map(|(p, s)| Decimal64(p, s.min(p as i8))),
        1 => (1_u8..=38, -50_i8..=38).prop_map(|(p, s)| Decimal128(p, s.min(p as i8))),
        1 => (1_u8..=76, -80_i8..=76).prop_map(|(p, s)| Decimal256(p, s.min(p as i8))),
    ]
}

impl TypeOptions {
    /// A strategy of types with children drawn from `inner`.
    fn nested_type(&self, inner: BoxedStrategy<DataType>) -> BoxedStrategy<DataType> {
        use DataType::*;
        let item = || self.item(inner.clone());
        let fields = |min: usize| prop::collection::vec(self.field(inner.clone()), min..4);
        let union_fields = fields(usize::from(self.has_arrays));
        let mode = prop::sample::select(vec![UnionMode::Sparse, UnionMode::Dense]);
        let keys = prop::sample::select(match self.has_arrays {
            true => vec![Int16, UInt16, Int32, UInt32, Int64, UInt64],
            false => vec![Int8, UInt8, Int16, UInt16, Int32, UInt32, Int64, UInt64],
        });
        let ends = prop::sample::select(vec![Int16, Int32, Int64]);
        prop_oneof![
            3 => item().prop_map(List),
            1 => item().prop_map(LargeList),
            1 => item().prop_map(ListView),
            1 => item().prop_map(LargeListView),
            2 => (item(), 0..4).prop_map(|(item, size)| FixedSizeList(item, size)),
            2 => fields(0).prop_map(|fields| Struct(numbered(fields).collect())),
            // SQL has names for structs whose fields are all nullable.
            2 => fields(1).prop_map(|fields| {
                let nullable = |field: FieldRef| Field::clone(&field).with_nullable(true);
                Struct(numbered(fields).map(nullable).collect())
            }),
            2 => self.map(inner.clone()),
            2 => (union_fields, mode).prop_map(|(fields, mode)| {
                // Ids that are not positions.
                let ids = (1..).step_by(5);
                Union(ids.zip(numbered(fields)).collect::<UnionFields>(), mode)
            }),
            2 => (keys, inner.clone())
                .prop_map(|(key, values)| Dictionary(Box::new(key), Box::new(values))),
            2 => (ends, self.field(inner.clone())).prop_map(|(ends, values)| {
                let ends = Field::new("run_ends", ends, false);
                let values = values.name.map_or(values.field.clone(), |name| {
                    Arc::new(Field::clone(&values.field).with_name(name))
                });
                RunEndEncoded(Arc::new(ends), values)
            }),
        ]
        .boxed()
    }

    /// A strategy of fields of structs, unions and runs.
    fn field(&self, data_type: BoxedStrategy<DataType>) -> BoxedStrategy<NamedField> {
        let has_arrays = self.has_arrays;
        let name = match &self.field_names {
            Some(names) => names.clone().prop_map(Some).boxed(),
            None => Just(None).boxed(),
        };
        let parts = (name, data_type, any::<bool>());
        let field = parts.prop_map(move |(name, data_type, nullable)| {
            let nullable = nullable || has_arrays && !can_be_non_null(&data_type);
            let field = Arc::new(Field::new("values", data_type, nullable));
            NamedField { name, field }
        });
        field.boxed()
    }

    /// A strategy of list items.
    fn item(&self, data_type: BoxedStrategy<DataType>) -> BoxedStrategy<FieldRef> {
        let has_arrays = self.has_arrays;
        let default = Just(Field::LIST_FIELD_DEFAULT_NAME.to_owned());
        let named = match &self.item_names {
            None => (default, any::<bool>()).boxed(),
            Some(names) => {
                prop_oneof![(default, Just(true)), (names.clone(), any::<bool>()),].boxed()
            }
        };
        let item = (named, data_type).prop_map(move |((name, nullable), data_type)| {
            let nullable = nullable || has_arrays && !can_be_non_null(&data_type);
            Arc::new(Field::new(name, data_type, nullable))
        });
        item.boxed()
    }

    /// A strategy of maps.
    fn map(&self, inner: BoxedStrategy<DataType>) -> BoxedStrategy<DataType> {
        let has_arrays = self.has_arrays;
        let parts = (inner.clone(), inner, any::<bool>(), any::<bool>());
        let maps = parts
            .prop_filter("keys are not null", move |(key, ..)| {
                !has_arrays || can_be_non_null(key)
            })
            .prop_map(move |(key, value, nullable, sorted)| {
                let nullable = nullable || has_arrays && !can_be_non_null(&value);
                let fields = vec![
                    Field::new("key", key, false),
                    Field::new("value", value, nullable),
                ];
                let entries = Field::new("entries", DataType::Struct(fields.into()), false);
                DataType::Map(Arc::new(entries), sorted)
            });
        maps.boxed()
    }
}

/// A field, and its name unless it is named by its position.
#[derive(Clone, Debug)]
struct NamedField {
    name: Option<String>,
    field: FieldRef,
}

fn numbered(fields: Vec<NamedField>) -> impl Iterator<Item = FieldRef> {
    fields.into_iter().enumerate().map(|(position, field)| {
        let name = field.name.unwrap_or_else(|| format!("f{position}"));
        Arc::new(Field::clone(&field.field).with_name(name))
    })
}

/// Returns true if there are columns of a type without nulls.
fn can_be_non_null(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => false,
        DataType::Dictionary(_, values) => can_be_non_null(values),
        DataType::RunEndEncoded(_, values) => can_be_non_null(values.data_type()),
        DataType::Union(fields, _) => fields.iter().all(|(_, f)| can_be_non_null(f.data_type())),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::cases::check_cases;

    fn children(data_type: &DataType) -> Vec<&Field> {
        use DataType::*;
        match data_type {
            List(item) | LargeList(item) | ListView(item) | LargeListView(item) => vec![item],
            FixedSizeList(item, _) | Map(item, _) => vec![item],
            Struct(fields) => fields.iter().map(|field| &**field).collect(),
            Union(fields, _) => fields.iter().map(|(_, field)| &**field).collect(),
            RunEndEncoded(_, values) => vec![values],
            _ => Vec::new(),
        }
    }

    #[test]
    fn depth_is_limited_and_reached() {
        fn depth(data_type: &DataType) -> u32 {
            let inner = match data_type {
                DataType::Dictionary(_, values) => Some(depth(values)),
                DataType::Map(entries, _) => {
                    let pair = children(entries.data_type());
                    pair.iter().map(|field| depth(field.data_type())).max()
                }
                other => {
                    let fields = children(other);
                    fields.iter().map(|field| depth(field.data_type())).max()
                }
            };
            inner.map_or(0, |inner| inner + 1)
        }
        let deepest = Cell::new(0);
        let options = TypeOptions {
            depth: 3,
            ..TypeOptions::default()
        };
        check_cases(2_000, &data_type(options), |data_type| {
            deepest.set(deepest.get().max(depth(&data_type)));
        });
        assert_eq!(deepest.get(), 3);
    }

    #[test]
    fn names_are_drawn_from_their_strategies() {
        let options = TypeOptions {
            field_names: Some(Just("a field".to_owned()).boxed()),
            item_names: Some(Just("an item".to_owned()).boxed()),
            has_arrays: false,
            ..TypeOptions::default()
        };
        let named = Cell::new(0);
        check_cases(2_000, &data_type(options), |data_type| {
            let names = children(&data_type);
            let names: Vec<&str> = names.iter().map(|field| field.name().as_str()).collect();
            let is_named = |name: &&str| matches!(*name, "a field" | "an item");
            named.set(named.get() + names.iter().filter(|name| is_named(name)).count());
            let others = names.iter().filter(|name| !is_named(name));
            assert!(
                { others }.all(|name| matches!(*name, "item" | "entries")),
                "{data_type}"
            );
        });
        assert!(named.get() > 500);
    }
}
