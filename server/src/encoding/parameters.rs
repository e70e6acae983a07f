//! Values of parameters, from text or bytes.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, IntervalMonthDayNano};
use bytes::{Buf, Bytes};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;

use super::EncodingError;
use super::array_text::{ITEMS_MAX, parse_items};
use super::calendar::{DAY_MICROS, EPOCH_DAYS, EPOCH_MICROS};
use super::types::{JSONB, PgType, ScalarType, UUID};
use crate::protocol::Format;

/// Maximum number of digits of a number.
const DIGITS_MAX: usize = 38;

/// Maximum number of groups of four digits before the point.
const WEIGHT_MAX: i16 = 100;

/// Maximum number of digits behind the point.
const SCALE_MAX: usize = 400;

/// Type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParameterType {
    /// OID that the client stated, or that follows from the statement.
    pub(crate) oid: u32,
    /// The type; `None` for one that is unknown, whose text is a literal without a type.
    pub(crate) known: Option<PgType>,
}

impl ParameterType {
    /// Decodes the value of the parameter of a number, from 1.
    ///
    /// # Errors
    ///
    /// [`EncodingError::Parameter`] if it is no value of the type.
    pub(crate) fn decode(
        self,
        number: usize,
        value: Option<&Bytes>,
        format: Format,
    ) -> Result<ScalarValue, EncodingError> {
        let pg_type = self.known.unwrap_or(PgType::TEXT);
        let failed = |found| EncodingError::Parameter {
            number,
            expected: pg_type.to_string(),
            found,
        };
        let Some(bytes) = value else {
            let null = match pg_type.scalar {
                ScalarType::Text | ScalarType::Json if !pg_type.is_array => Ok(ScalarValue::Null),
                _ => ScalarValue::try_from(&pg_type.arrow()),
            };
            return null.map_err(|error| failed(error.to_string()));
        };
        let decoded = match format {
            Format::Text => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| from_text(pg_type, text)),
            Format::Binary => from_binary(pg_type, self.oid, bytes.clone()),
        };
        decoded.ok_or_else(|| {
            failed(match format {
                Format::Text => String::from_utf8_lossy(bytes).chars().take(100).collect(),
                Format::Binary => format!("{} bytes", bytes.len()),
            })
        })
    }
}

fn from_text(pg_type: PgType, text: &str) -> Option<ScalarValue> {
    if pg_type.is_array {
        let scalar = PgType::scalar(pg_type.scalar);
        let items = parse_items(text)?.into_iter().map(|item| match item {
            Some(item) => from_text(scalar, &item),
            None => ScalarValue::try_from(&scalar.arrow()).ok(),
        });
        return list(items.collect::<Option<_>>()?, &scalar.arrow());
    }
    let trimmed = text.trim();
    match pg_type.scalar {
        ScalarType::Text | ScalarType::Json => Some(ScalarValue::from(text)),
        ScalarType::Bytea => {
            let bytes = match text.strip_prefix("\\x") {
                Some(digits) => from_hex(digits)?,
                None => text.as_bytes().to_vec(),
            };
            Some(ScalarValue::Binary(Some(bytes)))
        }
        ScalarType::Bool => {
            let is_word = |words: [&str; 3]| words.iter().any(|w| trimmed.eq_ignore_ascii_case(w));
            let value = match trimmed {
                "1" | "t" | "T" => true,
                "0" | "f" | "F" => false,
                _ if is_word(["true", "yes", "on"]) => true,
                _ if is_word(["false", "no", "off"]) => false,
                _ => return None,
            };
            Some(ScalarValue::from(value))
        }
        ScalarType::Numeric => number(trimmed),
        _ => ScalarValue::try_from_string(trimmed.to_owned(), &pg_type.arrow()).ok(),
    }
}

/// Parses a decimal number, with the scale that it is written with.
fn number(text: &str) -> Option<ScalarValue> {
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

/// Parses pairs of hexadecimal digits.
pub(crate) fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| match pair {
        [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    });
    bytes.collect()
}

fn list(items: Vec<ScalarValue>, item_type: &DataType) -> Option<ScalarValue> {
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

fn from_binary(pg_type: PgType, oid: u32, mut bytes: Bytes) -> Option<ScalarValue> {
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
            ScalarValue::Time64Microsecond(is_time.then_some(micros))
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
fn numeric_text(mut bytes: Bytes) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(oid: u32, bytes: &'static [u8], format: Format) -> Option<ScalarValue> {
        let known = PgType::of_oid(oid);
        let value = Bytes::from_static(bytes);
        ParameterType { oid, known }
            .decode(1, Some(&value), format)
            .ok()
    }

    #[test]
    fn texts_are_values_of_their_types() {
        let text = |oid, text: &'static str| decode(oid, text.as_bytes(), Format::Text);
        assert_eq!(text(23, " -7 "), Some(ScalarValue::from(-7)));
        assert_eq!(text(16, "on"), Some(ScalarValue::from(true)));
        assert_eq!(text(25, " a"), Some(ScalarValue::from(" a")));
        assert_eq!(text(0, "x"), Some(ScalarValue::from("x")));
        assert_eq!(
            text(17, "\\x0aFF"),
            Some(ScalarValue::Binary(Some(vec![10, 255])))
        );
        let number = ScalarValue::Decimal128(Some(-150), 38, 2);
        assert_eq!(text(1700, "-1.50"), Some(number));
        assert_eq!(text(1700, "1e3"), Some(ScalarValue::from(1e3)));
        assert_eq!(text(1082, "1970-01-02"), Some(ScalarValue::Date32(Some(1))));
        let list = ScalarValue::List(ScalarValue::new_list_nullable(
            &[ScalarValue::from(1), ScalarValue::Int32(None)],
            &DataType::Int32,
        ));
        assert_eq!(text(1007, "{1,NULL}"), Some(list));
        for (oid, bad) in [
            (23, "x"),
            (16, "2"),
            (17, "\\x0"),
            (1082, "soon"),
            (1007, "{{1}}"),
        ] {
            assert_eq!(text(oid, bad), None, "{bad}");
        }
    }

    #[test]
    fn bytes_are_values_of_their_types() {
        let binary = |oid, bytes| decode(oid, bytes, Format::Binary);
        assert_eq!(binary(21, b"\0\x07"), Some(ScalarValue::from(7_i16)));
        assert_eq!(
            binary(26, b"\xff\xff\xff\xff"),
            Some(ScalarValue::from(4_294_967_295_i64))
        );
        assert_eq!(
            binary(1082, b"\0\0\0\0"),
            Some(ScalarValue::Date32(Some(10_957)))
        );
        let bytes = b"\0\x03\0\x01\x40\0\0\x03\0\x01\x09\x29\x1a\x7c";
        let number = ScalarValue::Decimal128(Some(-12_345_678), 38, 3);
        assert_eq!(binary(1700, bytes), Some(number));
        assert_eq!(binary(3802, b"\x01{}"), Some(ScalarValue::from("{}")));
        for (oid, bad) in [
            (21, &b"\0"[..]),
            (21, b"\0\0\0"),
            (25, b"\xff"),
            (1700, b"\0\0\x7f\xff\0\0\0\0"),
            (1700, b"\0\0\0\0\0\0\xff\xff"),
            (1007, b"\0\0\0\x01"),
        ] {
            assert_eq!(binary(oid, bad), None, "{oid}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_values_are_decoded_or_refused(oid in 0_u32..4_000, bytes: Vec<u8>, text: bool) {
            let format = if text { Format::Text } else { Format::Binary };
            let known = PgType::of_oid(oid);
            let _ = ParameterType { oid, known }.decode(1, Some(&bytes.into()), format);
        }
    }
}
