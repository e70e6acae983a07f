//! SQL's names of types, as Arrow has them.
//!
//! The same mapping as DataFusion's planner, which is private and depends on
//! the session; held to `arrow_typeof(CAST(NULL AS t))` by a test. One name
//! means something else: `TIMESTAMP WITH TIME ZONE` has the zone `+00:00`, and
//! not the session's, since a definition means the same in every session. And
//! three are ours: `MAP(k, v)`, which DataFusion has no name for, `DECIMAL(*)`,
//! since `DECIMAL` has 38 digits, and `ARROW('…')`, for whatever SQL cannot say.
//!
//! The way back is `SqlType` in `definition/spelling.rs`.

use std::sync::Arc;

use arrow::datatypes::{
    DECIMAL_DEFAULT_SCALE, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field,
    Fields, IntervalUnit, TimeUnit,
};
use sqlparser::ast::{
    ArrayElemTypeDef, DataType as Sql, ExactNumberInfo, Ident, StructField, TimezoneInfo,
};

use super::reader::fold;
use super::type_name::{ARROW, DECIMAL};
use crate::definition::{
    ANY_DECIMAL, Literal, MAP_NAMES, TYPE_DEPTH_MAX, UNSPELLABLE, ZONE, check_type,
};
use crate::error::{Error, Refusal, Result, Subject};

/// The Arrow type of a SQL type in the signature of the function `of`.
pub(super) fn arrow_type(data_type: &Sql, of: &str) -> Result<DataType> {
    let mapped = map(data_type).and_then(|data_type| {
        check_type(&data_type)?;
        Ok(data_type)
    });
    mapped.map_err(|reason| Error::refused(Subject::Function(of.to_owned()), reason))
}

fn map(data_type: &Sql) -> Result<DataType, Refusal> {
    let unknown = || Refusal::UnknownType(data_type.to_string());
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
        Sql::Numeric(number) | Sql::Decimal(number) => decimal(*number).ok_or_else(unknown)?,
        Sql::Varchar(None) | Sql::Char(None) | Sql::Text | Sql::String(None) => DataType::Utf8View,
        Sql::Bytea => DataType::Binary,
        Sql::Date => DataType::Date32,
        Sql::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            DataType::Time64(TimeUnit::Nanosecond)
        }
        Sql::Timestamp(precision, zone) => {
            let unit = match precision {
                Some(0) => TimeUnit::Second,
                Some(3) => TimeUnit::Millisecond,
                Some(6) => TimeUnit::Microsecond,
                None | Some(9) => TimeUnit::Nanosecond,
                _ => return Err(unknown()),
            };
            let zone = match zone {
                TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => None,
                TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => Some(ZONE.into()),
            };
            DataType::Timestamp(unit, zone)
        }
        Sql::Interval {
            fields: None,
            precision: None,
        } => DataType::Interval(IntervalUnit::MonthDayNano),
        Sql::Array(ArrayElemTypeDef::SquareBracket(item, Some(size))) => {
            let size = i32::try_from(*size).map_err(|_| unknown())?;
            DataType::FixedSizeList(Arc::new(Field::new_list_field(map(item)?, true)), size)
        }
        Sql::Array(
            ArrayElemTypeDef::SquareBracket(item, None)
            | ArrayElemTypeDef::AngleBracket(item)
            | ArrayElemTypeDef::Parenthesis(item),
        ) => DataType::List(Arc::new(Field::new_list_field(map(item)?, true))),
        Sql::Struct(fields, _) => {
            let fields = fields.iter().enumerate();
            let fields: Fields = fields.map(struct_field).collect::<Result<_, _>>()?;
            DataType::Struct(fields)
        }
        Sql::Map(key, value) => {
            let [entries, key_name, value_name] = MAP_NAMES;
            let fields = Fields::from(vec![
                Field::new(key_name, map(key)?, false),
                Field::new(value_name, map(value)?, true),
            ]);
            let entries = Field::new(entries, DataType::Struct(fields), false);
            DataType::Map(Arc::new(entries), false)
        }
        Sql::Custom(name, parameters) => match (&name.0[..], &parameters[..]) {
            ([part], [text]) if part.as_ident() == Some(&Ident::new(ARROW)) => arrow(text)?,
            ([part], [_]) if part.as_ident() == Some(&Ident::new(DECIMAL)) => ANY_DECIMAL,
            _ => return Err(unknown()),
        },
        _ => return Err(unknown()),
    })
}

/// A field that has no name is called after its place, as DataFusion does.
fn struct_field((place, field): (usize, &StructField)) -> Result<Field, Refusal> {
    let name = field.field_name.clone().map(fold);
    let name = name.unwrap_or_else(|| format!("c{place}"));
    Ok(Field::new(name, map(&field.field_type)?, true))
}

/// A decimal of 128 bits, or of 256 where its digits need them.
fn decimal(number: ExactNumberInfo) -> Option<DataType> {
    let (precision, scale) = match number {
        ExactNumberInfo::None => (DECIMAL128_MAX_PRECISION, DECIMAL_DEFAULT_SCALE),
        ExactNumberInfo::Precision(precision) => (u8::try_from(precision).ok()?, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => {
            (u8::try_from(precision).ok()?, i8::try_from(scale).ok()?)
        }
    };
    if precision == 0 || scale.unsigned_abs() > precision {
        return None;
    }
    if precision <= DECIMAL128_MAX_PRECISION {
        return Some(DataType::Decimal128(precision, scale));
    }
    (precision <= DECIMAL256_MAX_PRECISION).then_some(DataType::Decimal256(precision, scale))
}

/// A type in Arrow's own spelling.
fn arrow(text: &str) -> Result<DataType, Refusal> {
    // Arrow's parser does not take back what its printer escapes.
    if text.contains('\\') {
        return Err(Refusal::TypeRule(UNSPELLABLE));
    }
    // Each type that is nested in another is in a bracket more, or two.
    if depth(text) > 2 * TYPE_DEPTH_MAX {
        return Err(Refusal::TypeRule("is nested more than 32 deep"));
    }
    let parsed = text.parse();
    parsed.map_err(|_| Refusal::UnknownType(format!("{ARROW}({})", Literal(text))))
}

/// The depth of the deepest bracket in a type in Arrow's spelling, whose parser
/// knows no limit.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut quote = None;
    for character in text.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
