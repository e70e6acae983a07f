//! Layouts of columns in guest memory.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    validate_decimal_precision_and_scale,
};
use arrow_schema::{DataType, Field, Fields, TimeUnit};

/// The layout of a column of one type in guest memory, as the ABI specifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// No buffers.
    Null,
    /// Validity; one bit per row.
    Bits,
    /// Validity; `width` bytes per row.
    Fixed {
        /// Width of a value in bytes.
        width: usize,
    },
    /// Validity; offsets of 4 bytes; data.
    Bytes,
    /// Validity; offsets of 4 bytes; a child with the elements.
    List(Box<Layout>),
    /// Validity; a child with `size` elements per row.
    FixedList {
        /// Number of elements of each row.
        size: usize,
        /// Layout of the elements.
        child: Box<Layout>,
    },
    /// Validity; children with one row per row.
    Struct(Vec<Layout>),
    /// Type ids of 1 byte; offsets of 4 bytes; children.
    Union(Vec<Layout>),
}

/// Maximum depth of a type. A list of numbers has 2 levels.
const LEVELS_MAX: usize = 32;

/// Maximum number of types in a type, itself included.
const FIELDS_MAX: usize = 1_024;

impl Layout {
    /// Returns the layout of `data_type`, or `None` if columns of it cannot be
    /// passed to a guest: it is nested more than 32 levels deep, contains more
    /// than 1,024 types, or Arrow has no arrays of it.
    ///
    /// Types that store the same values differently on the host have one
    /// layout: a guest cannot tell a view from an ordinary string.
    pub fn of(data_type: &DataType) -> Option<Self> {
        Self::nested(data_type, LEVELS_MAX, &mut { FIELDS_MAX })
    }

    fn nested(data_type: &DataType, levels: usize, fields: &mut usize) -> Option<Self> {
        use DataType::*;
        let levels = levels.checked_sub(1)?;
        *fields = fields.checked_sub(1)?;
        let mut child = |data_type: &DataType| Self::nested(data_type, levels, fields);
        let mut boxed = |field: &Field| child(field.data_type()).map(Box::new);
        Some(match data_type {
            Null => Self::Null,
            Boolean => Self::Bits,
            Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView => Self::Bytes,
            List(item) | LargeList(item) | ListView(item) | LargeListView(item) => {
                Self::List(boxed(item)?)
            }
            FixedSizeList(item, size) => Self::FixedList {
                size: usize::try_from(*size).ok()?,
                child: boxed(item)?,
            },
            Map(entries, _) if is_valid_map(entries) => Self::List(boxed(entries)?),
            Struct(fields) => {
                let fields = fields.iter().map(|field| child(field.data_type()));
                Self::Struct(fields.collect::<Option<_>>()?)
            }
            Union(fields, _) if !fields.is_empty() => {
                let fields = fields.iter().map(|(_, field)| child(field.data_type()));
                Self::Union(fields.collect::<Option<_>>()?)
            }
            Dictionary(key, values) if key.is_dictionary_key_type() => child(values)?,
            RunEndEncoded(ends, values) if ends.data_type().is_run_ends_type() => {
                child(values.data_type())?
            }
            other if has_arrays(other) => Self::Fixed {
                width: fixed_width(other)?,
            },
            _ => return None,
        })
    }

    /// Number of buffers, validity included.
    pub fn n_buffers(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::FixedList { .. } | Self::Struct(_) => 1,
            Self::Bits | Self::Fixed { .. } | Self::List(_) | Self::Union(_) => 2,
            Self::Bytes => 3,
        }
    }

    /// Number of children.
    pub fn n_children(&self) -> usize {
        match self {
            Self::Null | Self::Bits | Self::Fixed { .. } | Self::Bytes => 0,
            Self::List(_) | Self::FixedList { .. } => 1,
            Self::Struct(fields) | Self::Union(fields) => fields.len(),
        }
    }

    /// Minimum size of `rows` rows in bytes, without validity. It is the size
    /// if all rows are null.
    pub fn min_bytes(&self, rows: u64) -> u64 {
        let bits = u128::from(self.min_row_bits()).saturating_mul(rows.into());
        u64::try_from(bits.div_ceil(8)).unwrap_or(u64::MAX)
    }

    fn min_row_bits(&self) -> u64 {
        let sum = |fields: &[Self]| {
            let bits = fields.iter().map(Self::min_row_bits);
            bits.fold(0, u64::saturating_add)
        };
        match self {
            Self::Null => 0,
            Self::Bits => 1,
            Self::Fixed { width } => (*width as u64).saturating_mul(8),
            Self::Bytes | Self::List(_) => 32,
            Self::FixedList { size, child } => child.min_row_bits().saturating_mul(*size as u64),
            Self::Struct(fields) => sum(fields),
            Self::Union(_) => 40,
        }
    }

    /// Returns true if the size of a row depends on its value.
    pub fn is_variable_size(&self) -> bool {
        match self {
            Self::Null | Self::Bits | Self::Fixed { .. } => false,
            Self::Bytes | Self::List(_) => true,
            Self::FixedList { child, .. } => child.is_variable_size(),
            Self::Struct(fields) | Self::Union(fields) => fields.iter().any(Self::is_variable_size),
        }
    }
}

/// Width in bytes of the values of a fixed-width type.
pub(crate) fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    }
}

/// Returns true if Arrow allows such entries of a map: non-nullable structs of
/// a non-nullable key and a value.
fn is_valid_map(entries: &Field) -> bool {
    match entries.data_type() {
        DataType::Struct(fields) => {
            let is_key = |field: &Field| !field.is_nullable();
            !entries.is_nullable() && matches!(&fields[..], [key, _] if is_key(key))
        }
        _ => false,
    }
}

/// Returns true if Arrow has arrays of a fixed-width type with these
/// parameters.
fn has_arrays(data_type: &DataType) -> bool {
    use TimeUnit::*;
    fn decimal<T: DecimalType>(precision: u8, scale: i8) -> bool {
        validate_decimal_precision_and_scale::<T>(precision, scale).is_ok()
    }
    match *data_type {
        DataType::Decimal32(precision, scale) => decimal::<Decimal32Type>(precision, scale),
        DataType::Decimal64(precision, scale) => decimal::<Decimal64Type>(precision, scale),
        DataType::Decimal128(precision, scale) => decimal::<Decimal128Type>(precision, scale),
        DataType::Decimal256(precision, scale) => decimal::<Decimal256Type>(precision, scale),
        DataType::Time32(unit) => matches!(unit, Second | Millisecond),
        DataType::Time64(unit) => matches!(unit, Microsecond | Nanosecond),
        _ => true,
    }
}

/// Returns true if a column of type `stored` holds values of an argument of
/// type `declared`, possibly in another encoding: no cast is needed then.
///
/// Names of list items and map entries are ignored. Names of struct and union
/// fields must match: they identify the fields.
pub fn same_values(declared: &DataType, stored: &DataType) -> bool {
    use DataType::*;
    let same_field = |declared: &Field, stored: &Field| {
        (declared.is_nullable() || !stored.is_nullable())
            && same_values(declared.data_type(), stored.data_type())
    };
    let same_named = |declared: &Field, stored: &Field| {
        declared.name() == stored.name() && same_field(declared, stored)
    };
    let same_fields =
        |declared: &Fields, stored: &Fields, same: &dyn Fn(&Field, &Field) -> bool| {
            let mut pairs = declared.iter().zip(stored);
            declared.len() == stored.len() && pairs.all(|(declared, stored)| same(declared, stored))
        };
    match (declared, stored) {
        (Dictionary(_, values), _) => same_values(values, stored),
        (_, Dictionary(_, values)) => same_values(declared, values),
        (RunEndEncoded(_, values), _) => same_values(values.data_type(), stored),
        (_, RunEndEncoded(_, values)) => same_values(declared, values.data_type()),
        (Utf8 | LargeUtf8 | Utf8View, Utf8 | LargeUtf8 | Utf8View) => true,
        (Binary | LargeBinary | BinaryView, Binary | LargeBinary | BinaryView) => true,
        (
            List(declared) | LargeList(declared) | ListView(declared) | LargeListView(declared),
            List(stored) | LargeList(stored) | ListView(stored) | LargeListView(stored),
        ) => same_field(declared, stored),
        (FixedSizeList(declared, size), FixedSizeList(stored, stored_size)) => {
            size == stored_size && same_field(declared, stored)
        }
        (Struct(declared), Struct(stored)) => same_fields(declared, stored, &same_named),
        (Map(declared, sorted), Map(stored, stored_sorted)) => {
            (*stored_sorted || !sorted)
                && match (declared.data_type(), stored.data_type()) {
                    (Struct(declared), Struct(stored)) => {
                        same_fields(declared, stored, &same_field)
                    }
                    _ => false,
                }
        }
        (Union(declared, _), Union(stored, _)) => {
            let mut pairs = declared.iter().zip(stored.iter());
            declared.len() == stored.len()
                && pairs.all(|((id, declared), (stored_id, stored))| {
                    id == stored_id && same_named(declared, stored)
                })
        }
        _ => declared == stored,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{UnionFields, UnionMode};

    use super::*;

    fn field(name: &str, data_type: DataType, nullable: bool) -> Arc<Field> {
        Arc::new(Field::new(name, data_type, nullable))
    }

    fn item(nullable: bool) -> Arc<Field> {
        field("item", DataType::Int32, nullable)
    }

    fn union_fields() -> UnionFields {
        let number = field("number", DataType::Int32, true);
        let text = field("text", DataType::Utf8, false);
        [(3, number), (7, text)].into_iter().collect()
    }

    #[test]
    fn types_that_are_nested_too_deeply_have_no_layout() {
        let nested = |levels: usize| {
            (1..levels).fold(DataType::Int32, |inner, _| {
                DataType::List(field("item", inner, true))
            })
        };
        assert!(Layout::of(&nested(32)).is_some());
        assert_eq!(Layout::of(&nested(33)), None);
        let wide = |fields: usize| {
            let fields = (1..fields).map(|n| field(&n.to_string(), DataType::Int32, true));
            DataType::Struct(fields.collect())
        };
        assert!(Layout::of(&wide(1_024)).is_some());
        assert_eq!(Layout::of(&wide(1_025)), None);
    }

    #[test]
    fn types_without_arrays_have_no_layout() {
        use DataType::*;
        let keys = |nullable| {
            let fields = vec![field("k", Int32, nullable), field("v", Int32, true)];
            Map(field("entries", Struct(fields.into()), false), false)
        };
        assert!(Layout::of(&keys(false)).is_some());
        let none = [
            FixedSizeBinary(-1),
            FixedSizeList(item(true), -1),
            Decimal128(39, 0),
            Decimal32(0, 0),
            Time32(TimeUnit::Nanosecond),
            Union(UnionFields::empty(), UnionMode::Dense),
            Dictionary(Box::new(Utf8), Box::new(Utf8)),
            RunEndEncoded(field("r", UInt8, false), field("v", Utf8, true)),
            Map(item(false), false),
            keys(true),
        ];
        for data_type in none {
            assert_eq!(Layout::of(&data_type), None, "{data_type}");
        }
    }

    #[test]
    fn types_have_the_same_values_if_a_guest_cannot_tell_them_apart() {
        use DataType::*;
        let dictionary = |values| Dictionary(Box::new(Int32), Box::new(values));
        let named =
            |name: &str, data_type, nullable| Struct(vec![field(name, data_type, nullable)].into());
        let element = field("element", LargeUtf8, true);
        let texts = List(field("item", Utf8View, true));
        assert!(same_values(&texts, &LargeListView(element)));
        assert!(same_values(
            &texts,
            &dictionary(List(field("", dictionary(Utf8), false)))
        ));
        assert!(!same_values(&texts, &List(item(true))));
        assert!(!same_values(
            &texts,
            &FixedSizeList(field("item", Utf8View, true), 2)
        ));
        assert!(same_values(
            &named("a", Utf8, true),
            &named("a", Utf8View, false)
        ));
        assert!(!same_values(
            &named("a", Utf8, true),
            &named("b", Utf8, true)
        ));
        assert!(!same_values(
            &named("a", Utf8, false),
            &named("a", Utf8, true)
        ));
        assert!(!same_values(&Decimal128(10, 2), &Decimal128(11, 2)));
        let sparse = Union(union_fields(), UnionMode::Sparse);
        assert!(same_values(
            &Union(union_fields(), UnionMode::Dense),
            &sparse
        ));
    }
}
