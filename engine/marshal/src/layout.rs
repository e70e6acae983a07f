//! How the columns of a type are laid out at the border.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use arrow_array::types::{
    Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    validate_decimal_precision_and_scale,
};
use arrow_schema::{DataType, Field, Fields, TimeUnit};

/// How a column of one type is laid out at the border.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Nothing but a length.
    Null,
    /// Validity, and one bit a row.
    Bits,
    /// Validity, and so many bytes a row.
    Fixed {
        /// In bytes.
        width: usize,
    },
    /// Validity, offsets of 4 bytes, data.
    Bytes,
    /// Validity and offsets of 4 bytes; a child with the elements.
    List(Box<Layout>),
    /// Validity; a child with so many elements a row.
    FixedList {
        /// How many elements.
        size: usize,
        /// How they are laid out.
        child: Box<Layout>,
    },
    /// Validity; children with a row each.
    Struct(Vec<Layout>),
    /// Type ids of a byte and offsets of 4; children.
    Union(Vec<Layout>),
}

/// How many levels a type may have: a list of numbers has two.
const LEVELS_MAX: usize = 32;

/// How many types may stand in a type, itself included.
const FIELDS_MAX: usize = 1_024;

impl Layout {
    /// The layout of `data_type`, or nothing if it does not cross the border:
    /// since it is nested too deeply, has too many fields, or is none that Arrow
    /// has arrays of.
    ///
    /// Types that differ on the host in how they store the same values have
    /// one layout: a guest cannot tell a view from a plain string.
    pub fn of(data_type: &DataType) -> Option<Self> {
        Self::within(data_type, LEVELS_MAX, &mut { FIELDS_MAX })
    }

    fn within(data_type: &DataType, levels: usize, fields: &mut usize) -> Option<Self> {
        use DataType::*;
        let levels = levels.checked_sub(1)?;
        *fields = fields.checked_sub(1)?;
        let mut child = |data_type: &DataType| Self::within(data_type, levels, fields);
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
            Map(entries, _) if is_map(entries) => Self::List(boxed(entries)?),
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
            other if exists(other) => Self::Fixed {
                width: fixed_width(other)?,
            },
            _ => return None,
        })
    }

    /// How many buffers the layout has, validity included.
    pub(crate) fn buffers(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::FixedList { .. } | Self::Struct(_) => 1,
            Self::Bits | Self::Fixed { .. } | Self::List(_) | Self::Union(_) => 2,
            Self::Bytes => 3,
        }
    }

    /// How many children the layout has.
    pub(crate) fn children(&self) -> usize {
        match self {
            Self::Null | Self::Bits | Self::Fixed { .. } | Self::Bytes => 0,
            Self::List(_) | Self::FixedList { .. } => 1,
            Self::Struct(fields) | Self::Union(fields) => fields.len(),
        }
    }

    /// How many bytes so many rows have at least, without validity: those that
    /// are null have no more.
    pub fn bytes(&self, rows: u64) -> u64 {
        let bits = u128::from(self.row_bits()).saturating_mul(rows.into());
        u64::try_from(bits.div_ceil(8)).unwrap_or(u64::MAX)
    }

    fn row_bits(&self) -> u64 {
        let sum = |fields: &[Self]| {
            let bits = fields.iter().map(Self::row_bits);
            bits.fold(0, u64::saturating_add)
        };
        match self {
            Self::Null => 0,
            Self::Bits => 1,
            Self::Fixed { width } => (*width as u64).saturating_mul(8),
            Self::Bytes | Self::List(_) => 32,
            Self::FixedList { size, child } => child.row_bits().saturating_mul(*size as u64),
            Self::Struct(fields) => sum(fields),
            Self::Union(_) => 40,
        }
    }

    /// Whether a row may have any number of bytes.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Null | Self::Bits | Self::Fixed { .. } => false,
            Self::Bytes | Self::List(_) => true,
            Self::FixedList { child, .. } => child.is_open(),
            Self::Struct(fields) | Self::Union(fields) => fields.iter().any(Self::is_open),
        }
    }
}

/// How many bytes each value of a type has, where all have as many.
pub(crate) fn fixed_width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::FixedSizeBinary(width) => usize::try_from(*width).ok(),
        other => other.primitive_width(),
    }
}

/// Whether a map may have such entries: as Arrow has it, only a value is null.
fn is_map(entries: &Field) -> bool {
    match entries.data_type() {
        DataType::Struct(fields) => {
            let is_key = |field: &Field| !field.is_nullable();
            !entries.is_nullable() && matches!(&fields[..], [key, _] if is_key(key))
        }
        _ => false,
    }
}

/// Whether there are arrays of a type that has a width and parameters.
fn exists(data_type: &DataType) -> bool {
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

/// Whether a column of type `stored` holds the values that an argument of type
/// `declared` takes, if in another layout: no cast is then needed.
///
/// How the elements of a list or the entries of a map are called does not
/// matter, but the names of fields do: they say which is which.
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
pub(crate) mod tests {
    use std::sync::Arc;

    use arrow_schema::{UnionFields, UnionMode};

    use super::*;

    pub(crate) fn field(name: &str, data_type: DataType, nullable: bool) -> Arc<Field> {
        Arc::new(Field::new(name, data_type, nullable))
    }

    pub(crate) fn item(nullable: bool) -> Arc<Field> {
        field("item", DataType::Int32, nullable)
    }

    pub(crate) fn union_fields() -> UnionFields {
        let number = field("number", DataType::Int32, true);
        let text = field("text", DataType::Utf8, false);
        [(3, number), (7, text)].into_iter().collect()
    }

    #[test]
    fn types_nested_too_deeply_do_not_cross() {
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
    fn types_without_arrays_do_not_cross() {
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
    fn same_values_are_those_that_a_guest_cannot_tell_apart() {
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
