//! Types of PostgreSQL for those of Arrow.

use std::fmt;

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};

/// Type of a value that is no array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarType {
    Bool,
    Bytea,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    Json,
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Interval,
}

/// Type of a column or a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PgType {
    pub(crate) scalar: ScalarType,
    pub(crate) is_array: bool,
}

/// Types by their names, OIDs, OIDs of arrays and sizes of values.
const TYPES: [(ScalarType, &str, u32, u32, i16); 15] = [
    (ScalarType::Bool, "bool", 16, 1000, 1),
    (ScalarType::Bytea, "bytea", 17, 1001, -1),
    (ScalarType::Int2, "int2", 21, 1005, 2),
    (ScalarType::Int4, "int4", 23, 1007, 4),
    (ScalarType::Int8, "int8", 20, 1016, 8),
    (ScalarType::Float4, "float4", 700, 1021, 4),
    (ScalarType::Float8, "float8", 701, 1022, 8),
    (ScalarType::Numeric, "numeric", 1700, 1231, -1),
    (ScalarType::Text, "text", 25, 1009, -1),
    (ScalarType::Json, "json", 114, 199, -1),
    (ScalarType::Date, "date", 1082, 1182, 4),
    (ScalarType::Time, "time", 1083, 1183, 8),
    (ScalarType::Timestamp, "timestamp", 1114, 1115, 8),
    (ScalarType::Timestamptz, "timestamptz", 1184, 1185, 8),
    (ScalarType::Interval, "interval", 1186, 1187, 16),
];

/// Types that drivers state for parameters and that are text here, with their arrays: `char`,
/// `name`, `bpchar`, `varchar`, `uuid` and `jsonb`.
const TEXTS: [(u32, u32); 6] = [
    (18, 1002),
    (19, 1003),
    (1042, 1014),
    (1043, 1015),
    (2950, 2951),
    (3802, 3807),
];

/// OID of `oid` and of its array.
const OID: (u32, u32) = (26, 1028);

/// OID of `jsonb`, whose binary format begins with its version.
pub(crate) const JSONB: u32 = 3802;

/// OID of `uuid`, whose binary format is 16 bytes.
pub(crate) const UUID: u32 = 2950;

impl ScalarType {
    /// All types.
    pub(crate) const ALL: [Self; 15] = {
        let mut all = [Self::Bool; 15];
        let mut index = 0;
        while index < all.len() {
            all[index] = TYPES[index].0;
            index += 1;
        }
        all
    };

    fn row(self) -> &'static (ScalarType, &'static str, u32, u32, i16) {
        let row = TYPES.iter().find(|(scalar, ..)| *scalar == self);
        row.expect("each type has a row")
    }

    /// Returns the name in PostgreSQL.
    pub(crate) fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the OID.
    pub(crate) fn oid(self) -> u32 {
        self.row().2
    }

    /// Returns the type of Arrow to which a parameter of this type is bound.
    pub(crate) fn arrow(self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Bytea => DataType::Binary,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric => DataType::Decimal128(38, 10),
            Self::Text | Self::Json => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("+00".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        }
    }

    fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::Int2,
            DataType::Int32 | DataType::UInt16 => Self::Int4,
            DataType::Int64 | DataType::UInt32 => Self::Int8,
            DataType::UInt64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Numeric,
            DataType::Float16 | DataType::Float32 => Self::Float4,
            DataType::Float64 => Self::Float8,
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::Text
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytea,
            DataType::Date32 => Self::Date,
            DataType::Date64 | DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Duration(_) | DataType::Interval(_) => Self::Interval,
            DataType::Dictionary(_, values) => return Self::of(values),
            DataType::RunEndEncoded(_, values) => return Self::of(values.data_type()),
            _ => return None,
        })
    }
}

impl PgType {
    pub(crate) const TEXT: Self = Self::scalar(ScalarType::Text);

    pub(crate) const fn scalar(scalar: ScalarType) -> Self {
        Self {
            scalar,
            is_array: false,
        }
    }

    /// Returns the type for one of Arrow: JSON for structs, maps and lists of nested types, and
    /// text for others without a counterpart.
    pub(crate) fn of(data_type: &DataType) -> Self {
        if let Some(scalar) = ScalarType::of(data_type) {
            return Self::scalar(scalar);
        }
        if let Some(item) = item(data_type)
            && let Some(scalar) = ScalarType::of(item.data_type())
        {
            return Self {
                scalar,
                is_array: true,
            };
        }
        match is_json(data_type) {
            true => Self::scalar(ScalarType::Json),
            false => Self::TEXT,
        }
    }

    /// Returns the type of an OID that a client states; `None` if it is unspecified or unknown.
    pub(crate) fn of_oid(oid: u32) -> Option<Self> {
        if oid == OID.0 || oid == OID.1 {
            return Some(Self {
                scalar: ScalarType::Int8,
                is_array: oid == OID.1,
            });
        }
        let text = TEXTS
            .iter()
            .find(|(one, array)| [*one, *array].contains(&oid));
        if let Some((_, array)) = text {
            return Some(Self {
                scalar: ScalarType::Text,
                is_array: oid == *array,
            });
        }
        let known = TYPES
            .iter()
            .find(|(_, _, one, array, _)| [*one, *array].contains(&oid));
        known.map(|(scalar, _, _, array, _)| Self {
            scalar: *scalar,
            is_array: oid == *array,
        })
    }

    /// Returns the OID.
    pub(crate) fn oid(self) -> u32 {
        let (_, _, one, array, _) = *self.scalar.row();
        if self.is_array { array } else { one }
    }

    /// Returns the bytes of a value; -1 if they vary.
    pub(crate) fn size(self) -> i16 {
        if self.is_array {
            -1
        } else {
            self.scalar.row().4
        }
    }

    /// Returns the type of Arrow to which a parameter of this type is bound.
    pub(crate) fn arrow(self) -> DataType {
        let scalar = self.scalar.arrow();
        match self.is_array {
            true => DataType::new_list(scalar, true),
            false => scalar,
        }
    }
}

impl fmt::Display for PgType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let array = if self.is_array { "[]" } else { "" };
        write!(f, "{}{array}", self.scalar.name())
    }
}

/// Returns precision and scale of a number as PostgreSQL's modifier of a type; -1 of others.
pub(crate) fn modifier(data_type: &DataType) -> i32 {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale >= 0 =>
        {
            (i32::from(*precision) << 16 | i32::from(*scale)) + 4
        }
        _ => -1,
    }
}

/// Returns the items of a list.
pub(crate) fn item(data_type: &DataType) -> Option<&Field> {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => Some(item),
        _ => None,
    }
}

/// Returns true for types whose values Arrow writes as JSON.
fn is_json(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_json(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().all(|field| is_json(field.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => {
                let key = fields.first().map(|key| key.data_type());
                matches!(key, Some(DataType::Utf8 | DataType::LargeUtf8))
                    && fields
                        .iter()
                        .skip(1)
                        .all(|value| is_json(value.data_type()))
            }
            _ => false,
        },
        DataType::RunEndEncoded(..) | DataType::Interval(_) => false,
        DataType::Dictionary(_, values) => ScalarType::of(values).is_some(),
        other => ScalarType::of(other).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_oids_of_postgresql() {
        let list = |item| DataType::new_list(item, true);
        let pair = DataType::Struct(vec![Field::new("a", DataType::Int64, true)].into());
        for (data_type, name, oid) in [
            (DataType::Boolean, "bool", 16),
            (DataType::UInt32, "int8", 20),
            (DataType::UInt64, "numeric", 1700),
            (DataType::Utf8View, "text", 25),
            (list(DataType::Int32), "int4[]", 1007),
            (list(list(DataType::Int32)), "json", 114),
            (list(pair.clone()), "json", 114),
            (pair, "json", 114),
            (
                DataType::Timestamp(TimeUnit::Second, None),
                "timestamp",
                1114,
            ),
        ] {
            let pg_type = PgType::of(&data_type);
            assert_eq!((pg_type.to_string().as_str(), pg_type.oid()), (name, oid));
            assert_eq!(PgType::of_oid(oid), Some(pg_type));
        }
        assert_eq!(PgType::of_oid(0), None);
        assert_eq!(PgType::of_oid(1043), Some(PgType::TEXT));
        assert_eq!(modifier(&DataType::Decimal128(10, 2)), 655_366);
    }
}
