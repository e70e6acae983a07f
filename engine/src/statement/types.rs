//! SQL's names of types, as Arrow has them.
//!
//! The same mapping as DataFusion's planner, which is private and depends on
//! the session; held to `arrow_typeof(CAST(NULL AS t))` by a test.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use sqlparser::ast::{DataType as Sql, ExactNumberInfo, TimezoneInfo};

use crate::error::{Error, Refusal, Result, Subject};

/// The Arrow type of a SQL type in the signature of the function `of`.
pub(super) fn arrow_type(data_type: &Sql, of: &str) -> Result<DataType> {
    Ok(match data_type {
        Sql::Boolean | Sql::Bool => DataType::Boolean,
        Sql::TinyInt(_) => DataType::Int8,
        Sql::SmallInt(_) | Sql::Int2(_) => DataType::Int16,
        Sql::Int(_) | Sql::Integer(_) | Sql::Int4(_) => DataType::Int32,
        Sql::BigInt(_) | Sql::Int8(_) => DataType::Int64,
        Sql::TinyIntUnsigned(_) => DataType::UInt8,
        Sql::SmallIntUnsigned(_) | Sql::Int2Unsigned(_) => DataType::UInt16,
        Sql::IntUnsigned(_) | Sql::IntegerUnsigned(_) | Sql::Int4Unsigned(_) => DataType::UInt32,
        Sql::BigIntUnsigned(_) | Sql::Int8Unsigned(_) => DataType::UInt64,
        Sql::Float(_) | Sql::Real | Sql::Float4 => DataType::Float32,
        Sql::Double(ExactNumberInfo::None) | Sql::DoublePrecision | Sql::Float8 => {
            DataType::Float64
        }
        Sql::Varchar(None) | Sql::Char(None) | Sql::Text | Sql::String(None) => DataType::Utf8View,
        Sql::Bytea => DataType::Binary,
        Sql::Date => DataType::Date32,
        Sql::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            DataType::Time64(TimeUnit::Nanosecond)
        }
        Sql::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            DataType::Timestamp(TimeUnit::Nanosecond, None)
        }
        Sql::Interval {
            fields: None,
            precision: None,
        } => DataType::Interval(IntervalUnit::MonthDayNano),
        other => {
            return Err(Error::refused(
                Subject::Function(of.to_owned()),
                Refusal::UnknownType(other.to_string()),
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use datafusion::prelude::SessionContext;
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    use super::*;

    const NAMES: &str = "BOOLEAN, BOOL, TINYINT, SMALLINT, INT2, INT, INTEGER, INT4, BIGINT, INT8, \
        TINYINT UNSIGNED, SMALLINT UNSIGNED, INT UNSIGNED, INTEGER UNSIGNED, BIGINT UNSIGNED, \
        FLOAT, REAL, FLOAT4, DOUBLE, DOUBLE PRECISION, FLOAT8, VARCHAR, CHAR, TEXT, STRING, BYTEA, \
        DATE, TIME, TIME WITHOUT TIME ZONE, TIMESTAMP, TIMESTAMP WITHOUT TIME ZONE, INTERVAL";

    #[tokio::test]
    async fn types_are_those_of_datafusion() {
        let context = SessionContext::new();
        for name in NAMES.split(", ") {
            let sql = format!("SELECT arrow_typeof(CAST(NULL AS {name}))");
            let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
            let theirs = batches[0].column(0).as_string::<i32>().value(0);
            let parser = Parser::new(&GenericDialect {}).try_with_sql(name);
            let parsed = parser.unwrap().parse_data_type().unwrap();
            let ours = arrow_type(&parsed, "f").unwrap();
            assert_eq!(ours.to_string(), theirs, "{name}");
        }
    }
}
