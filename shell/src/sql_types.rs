//! Names of types in SQL.

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use fusebox::Identifier;

/// Returns the name of a type, if `CREATE TABLE` makes the same type of it.
pub(crate) fn exact_type(data_type: &DataType) -> Option<String> {
    use DataType as T;
    let name = match data_type {
        T::Boolean => "BOOLEAN",
        T::Int8 => "TINYINT",
        T::Int16 => "SMALLINT",
        T::Int32 => "INT",
        T::Int64 => "BIGINT",
        T::UInt8 => "TINYINT UNSIGNED",
        T::UInt16 => "SMALLINT UNSIGNED",
        T::UInt32 => "INT UNSIGNED",
        T::UInt64 => "BIGINT UNSIGNED",
        T::Float32 => "REAL",
        T::Float64 => "DOUBLE",
        T::Utf8View => "VARCHAR",
        T::Binary => "BYTEA",
        T::Date32 => "DATE",
        T::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP",
        T::Decimal128(precision, scale) if *scale >= 0 => {
            return Some(format!("DECIMAL({precision}, {scale})"));
        }
        _ => return None,
    };
    Some(name.to_owned())
}

/// Returns the name of a type for readers: that of SQL, whatever its layout in memory, or that of
/// Arrow if SQL has none.
pub(crate) fn type_name(data_type: &DataType) -> String {
    sql_name(data_type).unwrap_or_else(|| data_type.to_string())
}

fn sql_name(data_type: &DataType) -> Option<String> {
    use DataType as T;
    let name = match data_type {
        T::Utf8 | T::LargeUtf8 => "VARCHAR",
        T::LargeBinary | T::BinaryView => "BYTEA",
        T::Time64(TimeUnit::Nanosecond) => "TIME",
        T::Interval(IntervalUnit::MonthDayNano) => "INTERVAL",
        T::Timestamp(unit, zone) => return timestamp(*unit, zone.as_deref()),
        T::Decimal256(precision, scale) => return Some(format!("DECIMAL({precision}, {scale})")),
        T::List(item) | T::LargeList(item) | T::ListView(item) | T::LargeListView(item) => {
            return Some(format!("{}[]", sql_name(item.data_type())?));
        }
        T::FixedSizeList(item, size) => {
            return Some(format!("{}[{size}]", sql_name(item.data_type())?));
        }
        T::Struct(fields) if !fields.is_empty() => {
            let fields = fields.iter().map(|field| {
                let name = Identifier(field.name());
                Some(format!("{name} {}", sql_name(field.data_type())?))
            });
            let fields: Vec<_> = fields.collect::<Option<_>>()?;
            return Some(format!("STRUCT({})", fields.join(", ")));
        }
        T::Map(entries, _) => return map(entries),
        other => return exact_type(other),
    };
    Some(name.to_owned())
}

fn map(entries: &Field) -> Option<String> {
    let DataType::Struct(fields) = entries.data_type() else {
        return None;
    };
    let [key, value] = &fields[..] else {
        return None;
    };
    let (key, value) = (sql_name(key.data_type())?, sql_name(value.data_type())?);
    Some(format!("MAP({key}, {value})"))
}

fn timestamp(unit: TimeUnit, zone: Option<&str>) -> Option<String> {
    let name = match unit {
        TimeUnit::Second => "TIMESTAMP(0)",
        TimeUnit::Millisecond => "TIMESTAMP(3)",
        TimeUnit::Microsecond => "TIMESTAMP(6)",
        TimeUnit::Nanosecond => "TIMESTAMP",
    };
    match zone {
        None => Some(name.to_owned()),
        Some("+00:00") => Some(format!("{name} WITH TIME ZONE")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn types_are_named_as_in_sql() {
        let item = |data_type| Arc::new(Field::new("element", data_type, false));
        let fields = vec![
            Field::new("a", DataType::Utf8, true),
            Field::new("B c", DataType::Int64, true),
        ];
        let entries = Field::new("entries", DataType::Struct(fields.clone().into()), false);
        for (data_type, expected) in [
            (DataType::Utf8View, "VARCHAR"),
            (DataType::LargeUtf8, "VARCHAR"),
            (DataType::Int32, "INT"),
            (DataType::Decimal128(10, 2), "DECIMAL(10, 2)"),
            (
                DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
                "TIMESTAMP(6) WITH TIME ZONE",
            ),
            (
                DataType::Timestamp(TimeUnit::Second, Some("Europe/Bern".into())),
                "Timestamp(s, \"Europe/Bern\")",
            ),
            (DataType::LargeList(item(DataType::Utf8)), "VARCHAR[]"),
            (
                DataType::FixedSizeList(item(DataType::Date32), 3),
                "DATE[3]",
            ),
            (
                DataType::Struct(fields.into()),
                "STRUCT(a VARCHAR, \"B c\" BIGINT)",
            ),
            (
                DataType::Map(Arc::new(entries), false),
                "MAP(VARCHAR, BIGINT)",
            ),
            (DataType::Float16, "Float16"),
        ] {
            assert_eq!(type_name(&data_type), expected);
        }
    }
}
