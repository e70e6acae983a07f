//! JSON to values of columns without children.

use arrow_array::{ArrayRef, make_array};
use arrow_buffer::{Buffer, MutableBuffer, NullBuffer, i256};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType};
use serde_json::Value;

use super::Number;

/// Makes the error of a value of another kind.
pub(super) fn expected(expected: &str, found: &Value) -> String {
    const SHOWN_MAX: usize = 100;
    let found: String = found.to_string().chars().take(SHOWN_MAX).collect();
    format!("expected {expected}, found {found}")
}

pub(super) fn refused(error: ArrowError) -> String {
    format!("expected values that fit their type, found others: {error}")
}

pub(super) fn nulls(values: &[&Value]) -> Option<NullBuffer> {
    let nulls: NullBuffer = values.iter().map(|value| !value.is_null()).collect();
    (nulls.null_count() > 0).then_some(nulls)
}

/// Reads each value.
pub(super) fn each<'a, T>(
    values: &[&'a Value],
    read: impl Fn(&'a Value) -> Result<Option<T>, String>,
) -> Result<Vec<Option<T>>, String> {
    values.iter().map(|value| read(value)).collect()
}

pub(super) fn boolean(value: &Value) -> Result<Option<bool>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(*value)),
        other => Err(expected("true or false", other)),
    }
}

pub(super) fn text(value: &Value) -> Result<Option<&str>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        other => Err(expected("a text", other)),
    }
}

pub(super) fn bytes(value: &Value) -> Result<Option<Vec<u8>>, String> {
    let wrong = || expected("two hexadecimal digits for each byte", value);
    let Some(text) = text(value).map_err(|_| wrong())? else {
        return Ok(None);
    };
    hex(text).map(Some).ok_or_else(wrong)
}

/// Reads two hexadecimal digits for each byte.
fn hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}

pub(super) fn list(value: &Value) -> Result<Option<Vec<&Value>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Array(items) => Ok(Some(items.iter().collect())),
        other => Err(expected("a list", other)),
    }
}

/// Makes a column of numbers.
pub(super) fn numbers(
    data_type: &DataType,
    values: &[&Value],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, String> {
    let number = Number::of(data_type)
        .ok_or_else(|| format!("expected a type of these fixtures, found {data_type}"))?;
    // Aligned for each type.
    let mut buffer = MutableBuffer::new(values.len() * number.bytes());
    for value in values {
        match value {
            Value::Null => buffer.extend_zeros(number.bytes()),
            value => buffer.extend_from_slice(&number_bytes(number, value)?),
        }
    }
    let made = ArrayData::builder(data_type.clone())
        .len(values.len())
        .add_buffer(Buffer::from(buffer))
        .nulls(nulls)
        .build();
    Ok(make_array(made.map_err(refused)?))
}

/// Returns the little-endian bytes of a number.
fn number_bytes(number: Number, value: &Value) -> Result<Vec<u8>, String> {
    match (number, value) {
        (Number::Float(bytes), Value::String(text)) => {
            let digits = text.strip_prefix("0x").and_then(hex);
            let digits = digits.filter(|digits| digits.len() == bytes);
            let digits = digits.map(|digits| digits.into_iter().rev().collect());
            digits
                .ok_or_else(|| expected(&format!("0x and {} hexadecimal digits", 2 * bytes), value))
        }
        (Number::Signed(bytes), Value::String(text)) => integer(text, bytes, true),
        (Number::Unsigned(bytes), Value::String(text)) => integer(text, bytes, false),
        (Number::Parts(parts), Value::Array(found)) if found.len() == parts.len() => {
            let mut all = Vec::new();
            for (bytes, part) in parts.iter().zip(found) {
                all.extend(number_bytes(Number::Signed(*bytes), part)?);
            }
            Ok(all)
        }
        (Number::Parts(parts), found) => Err(expected(
            &format!("a list of {} integers", parts.len()),
            found,
        )),
        (_, found) => Err(expected("a number as text", found)),
    }
}

/// Returns the little-endian bytes of an integer of so many bytes.
fn integer(text: &str, bytes: usize, is_signed: bool) -> Result<Vec<u8>, String> {
    /// Digits of the longest integer, with a sign.
    const DIGITS_MAX: usize = 80;
    let wrong = || {
        let sign = if is_signed { "an" } else { "an unsigned" };
        expected(
            &format!("{sign} integer of {bytes} bytes"),
            &Value::from(text),
        )
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let are_digits = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !are_digits || text.len() > DIGITS_MAX {
        return Err(wrong());
    }
    let wide = i256::from_string(text).ok_or_else(wrong)?.to_le_bytes();
    let (low, high) = wide.split_at(bytes);
    let is_negative = wide[31] > 0x7f;
    let fits = high
        .iter()
        .all(|byte| *byte == if is_negative { 0xff } else { 0 });
    let sign_fits = !is_signed || (low[bytes - 1] > 0x7f) == is_negative;
    match fits && sign_fits && (is_signed || !is_negative) {
        true => Ok(low.to_vec()),
        false => Err(wrong()),
    }
}
