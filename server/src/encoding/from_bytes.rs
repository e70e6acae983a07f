//! Values from bytes, as PostgreSQL's functions of the name `…recv` read them.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, IntervalMonthDayNano};
use bytes::{Buf, Bytes};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;

use super::array_text::ITEMS_MAX;
use super::calendar::{DAY_MICROS, EPOCH_DAYS, EPOCH_MICROS};
use super::types::{JSONB, PgType, ScalarType, UUID};

/// Maximum number of digits of a number.
const DIGITS_MAX: usize = 38;

/// Maximum number of groups of four digits before the point.
const WEIGHT_MAX: i16 = 100;

/// Maximum number of digits behind the point.
const SCALE_MAX: usize = 400;

/// Reads a value of a type; `None` if the bytes are none.
pub(crate) fn from_binary(pg_type: PgType, oid: u32, mut bytes: Bytes) -> Option<ScalarValue> {
    if pg_type.is_array {
        return array_from_binary(pg_type.scalar, bytes);
    }
    let value = match pg_type.scalar {
        ScalarType::Bool => ScalarValue::from(take::<1>(&mut bytes)? != [0]),
        ScalarType::Bytea => return Some(ScalarValue::Binary(Some(bytes.to_vec()))),
        ScalarType::Int2 => ScalarValue::from(i16::from_be_bytes(take(&mut bytes)?)),
        ScalarType::Int4 => ScalarValue::from(i32::from_be_bytes(take(&mut bytes)?)),
        // An `oid` has 4 bytes.
        ScalarType::Int8 if bytes.len() == 4 => {
            ScalarValue::from(i64::from(u32::from_be_bytes(take(&mut bytes)?)))
        }
        ScalarType::Int8 => ScalarValue::from(i64::from_be_bytes(take(&mut bytes)?)),
        ScalarType::Float4 => ScalarValue::from(f32::from_be_bytes(take(&mut bytes)?)),
        ScalarType::Float8 => ScalarValue::from(f64::from_be_bytes(take(&mut bytes)?)),
        ScalarType::Numeric => return number(&numeric_text(bytes)?),
        ScalarType::Text | ScalarType::Json => return text_from_binary(oid, bytes),
        ScalarType::Date => {
            let days = i32::from_be_bytes(take(&mut bytes)?);
            ScalarValue::Date32(Some(days.checked_add(EPOCH_DAYS)?))
        }
        ScalarType::Time => {
            let micros = i64::from_be_bytes(take(&mut bytes)?);
            let is_time = (0..DAY_MICROS).contains(&micros);
            ScalarValue::Time64Microsecond(Some(is_time.then_some(micros)?))
        }
        ScalarType::Timestamp | ScalarType::Timestamptz => {
            let micros = i64::from_be_bytes(take(&mut bytes)?).checked_add(EPOCH_MICROS)?;
            let is_utc = pg_type.scalar == ScalarType::Timestamptz;
            let zone = is_utc.then(|| "+00".into());
            ScalarValue::TimestampMicrosecond(Some(micros), zone)
        }
        ScalarType::Interval => {
            let micros = i64::from_be_bytes(take(&mut bytes)?);
            let days = i32::from_be_bytes(take(&mut bytes)?);
            let months = i32::from_be_bytes(take(&mut bytes)?);
            let nanos = micros.checked_mul(1_000)?;
            let interval = IntervalMonthDayNano::new(months, days, nanos);
            ScalarValue::IntervalMonthDayNano(Some(interval))
        }
    };
    bytes.is_empty().then_some(value)
}

fn take<const N: usize>(bytes: &mut Bytes) -> Option<[u8; N]> {
    let taken = *bytes.first_chunk()?;
    bytes.advance(N);
    Some(taken)
}

fn text_from_binary(oid: u32, mut bytes: Bytes) -> Option<ScalarValue> {
    if oid == UUID && bytes.len() == 16 {
        let mut text = String::new();
        for (index, byte) in bytes.iter().enumerate() {
            let dash = if [4, 6, 8, 10].contains(&index) {
                "-"
            } else {
                ""
            };
            text += &format!("{dash}{byte:02x}");
        }
        return Some(ScalarValue::from(text));
    }
    if oid == JSONB && bytes.first() == Some(&1) {
        bytes.advance(1);
    }
    let text = String::from_utf8(bytes.into()).ok()?;
    Some(ScalarValue::from(text))
}

fn array_from_binary(scalar: ScalarType, mut bytes: Bytes) -> Option<ScalarValue> {
    let dimensions = i32::from_be_bytes(take(&mut bytes)?);
    let _has_nulls = take::<4>(&mut bytes)?;
    let oid = u32::from_be_bytes(take(&mut bytes)?);
    let item_type = PgType::scalar(scalar);
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = u32::from_be_bytes(take(&mut bytes)?) as usize;
            let _lower_bound = take::<4>(&mut bytes)?;
            count
        }
        _ => return None,
    };
    // Each item has a length of 4 bytes at least.
    if count > ITEMS_MAX.min(bytes.len() / 4) {
        return None;
    }
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        let length = i32::from_be_bytes(take(&mut bytes)?);
        items.push(match usize::try_from(length) {
            Ok(length) if length <= bytes.len() => {
                from_binary(item_type, oid, bytes.split_to(length))?
            }
            Ok(_) => return None,
            Err(_) => ScalarValue::try_from(&item_type.arrow()).ok()?,
        });
    }
    list(items, &scalar.arrow()).filter(|_| bytes.is_empty())
}

/// Writes a number of groups of four digits as text; `None` if the bytes are none.
pub(crate) fn numeric_text(mut bytes: Bytes) -> Option<String> {
    let count = u16::from_be_bytes(take(&mut bytes)?);
    let weight = i16::from_be_bytes(take(&mut bytes)?);
    let sign = u16::from_be_bytes(take(&mut bytes)?);
    let scale = usize::from(u16::from_be_bytes(take(&mut bytes)?));
    let sign = match sign {
        0 => "",
        0x4000 => "-",
        0xc000 => return Some("NaN".to_owned()),
        0xd000 => return Some("inf".to_owned()),
        0xf000 => return Some("-inf".to_owned()),
        _ => return None,
    };
    if weight > WEIGHT_MAX || scale > SCALE_MAX {
        return None;
    }
    let groups = (0..count).map(|_| take(&mut bytes).map(u16::from_be_bytes));
    let groups: Vec<u16> = groups.collect::<Option<_>>()?;
    if !bytes.is_empty() || groups.iter().any(|group| *group > 9_999) {
        return None;
    }
    let group = |position: i32| {
        let index = i32::from(weight) - position;
        let index = usize::try_from(index).ok();
        index
            .and_then(|index| groups.get(index))
            .copied()
            .unwrap_or(0)
    };
    let mut text = sign.to_owned();
    for position in (0..=i32::from(weight).max(0)).rev() {
        text += &format!("{:04}", group(position));
    }
    if scale > 0 {
        let groups = scale.div_ceil(4) as i32;
        let fraction: String = (1..=groups).map(|n| format!("{:04}", group(-n))).collect();
        text = format!("{text}.{}", &fraction[..scale]);
    }
    Some(text)
}

/// Parses a decimal number, with the scale that it is written with.
pub(super) fn number(text: &str) -> Option<ScalarValue> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let is_plain = !all.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit());
    let significant = all.trim_start_matches('0').len().max(fraction.len());
    if !is_plain || significant > DIGITS_MAX {
        // In scientific notation, or too long to be exact.
        return text.parse().ok().map(|value: f64| ScalarValue::from(value));
    }
    let value: i128 = all.parse().ok()?;
    let scale = i8::try_from(fraction.len()).ok()?;
    Some(ScalarValue::Decimal128(
        Some(sign * value),
        DIGITS_MAX as u8,
        scale,
    ))
}

/// Makes a list of items, which are cast to their type.
pub(super) fn list(items: Vec<ScalarValue>, item_type: &DataType) -> Option<ScalarValue> {
    if items.is_empty() {
        return Some(ScalarValue::List(ScalarValue::new_list(
            &[],
            item_type,
            true,
        )));
    }
    // Numbers have the scales that they are written with.
    let items = items.into_iter().map(|item| item.cast_to(item_type).ok());
    let items: ArrayRef = ScalarValue::iter_to_array(items.collect::<Option<Vec<_>>>()?).ok()?;
    Some(SingleRowListArrayBuilder::new(items).build_list_scalar())
}
