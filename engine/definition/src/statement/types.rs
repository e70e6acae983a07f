//! Mapping of SQL types to Arrow types.
//!
//! The same mapping as that of DataFusion's planner, which is private and depends
//! on the session; a test of the engine compares it with
//! `arrow_typeof(CAST(NULL AS t))`. One type differs: `TIMESTAMP WITH TIME ZONE`
//! has the zone `+00:00` instead of the session's, because a definition means the
//! same in every session. Three are additions: `MAP(k, v)`, for which DataFusion
//! has no name, `DECIMAL(*)`, because `DECIMAL` has 38 digits, and `ARROW('…')` for
//! types without a SQL name.
//!
//! The inverse is `SqlType` in `type_display.rs`.

use std::sync::Arc;

use arrow_schema::{
    DECIMAL_DEFAULT_SCALE, DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field,
    Fields, IntervalUnit, TimeUnit,
};
use sqlparser::ast::{
    ArrayElemTypeDef, DataType as Sql, ExactNumberInfo, Ident, StructField, TimezoneInfo,
};

use super::words::{ARROW, DECIMAL, fold};
use crate::arrow_parser::parse_arrow_type;
use crate::arrow_printer::ANY_DECIMAL;
use crate::parse_error::ParseError;
use crate::quoting::Literal;
use crate::statement_error::StatementError;
use crate::type_display::{MAP_NAMES, TYPE_DEPTH_MAX, ZONE, check_type, in_map};

/// Maps a SQL type in the signature of the function `of` to Arrow's.
pub(super) fn arrow_type(data_type: &Sql, of: &str) -> Result<DataType, ParseError> {
    let mapped = map(data_type).and_then(|data_type| {
        check_type(&data_type)?;
        Ok(data_type)
    });
    mapped.map_err(|reason| ParseError::function(of, reason))
}

fn map(data_type: &Sql) -> Result<DataType, StatementError> {
    let unknown = || StatementError::UnknownType(data_type.to_string());
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
        Sql::Timestamp(precision, zone) => timestamp(*precision, zone).ok_or_else(unknown)?,
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
                Field::new(key_name, in_map(map(key)?), false),
                Field::new(value_name, in_map(map(value)?), true),
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

/// Maps a timestamp; `None` if Arrow has no unit of that precision.
fn timestamp(precision: Option<u64>, zone: &TimezoneInfo) -> Option<DataType> {
    let unit = match precision {
        Some(0) => TimeUnit::Second,
        Some(3) => TimeUnit::Millisecond,
        Some(6) => TimeUnit::Microsecond,
        None | Some(9) => TimeUnit::Nanosecond,
        _ => return None,
    };
    let zone = match zone {
        TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => None,
        TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => Some(ZONE.into()),
    };
    Some(DataType::Timestamp(unit, zone))
}

/// Maps a struct field; one without a name is named by its position, as in DataFusion.
fn struct_field((place, field): (usize, &StructField)) -> Result<Field, StatementError> {
    let name = field.field_name.clone().map(fold);
    let name = name.unwrap_or_else(|| format!("c{place}"));
    Ok(Field::new(name, map(&field.field_type)?, true))
}

/// Maps a decimal to 128 bits, or to 256 if its precision needs them.
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

/// Parses a type in the text of `ARROW('…')`.
fn arrow(text: &str) -> Result<DataType, StatementError> {
    // Each level of nesting adds one or two brackets.
    if depth(text) > 2 * TYPE_DEPTH_MAX {
        return Err(StatementError::TypeRule("is nested more than 32 deep"));
    }
    parse_arrow_type(text)
        .ok_or_else(|| StatementError::UnknownType(format!("{ARROW}({})", Literal(text))))
}

/// Returns the depth of the deepest bracket of a type in that text.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => {
                characters.next();
            }
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
