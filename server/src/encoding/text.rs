//! Values as text, as PostgreSQL writes them.

use std::fmt::{Display, Write};

use bytes::{BufMut, BytesMut};

use super::array_text::put_item;
use super::calendar::{Date, Interval, Time, Timestamp};
use super::column::{Column, Values, offset_at};

impl Column {
    /// Writes a value that is not null as text.
    pub(crate) fn write_text(&self, row: usize, out: &mut BytesMut) {
        match &self.values {
            Values::Bool(array) => out.put_u8(if array.value(row) { b't' } else { b'f' }),
            Values::Int2(array) => put(out, array.value(row)),
            Values::Int4(array) => put(out, array.value(row)),
            Values::Int8(array) => put(out, array.value(row)),
            Values::Float4(array) => {
                let value = array.value(row);
                put_float(out, &format!("{value:e}"), 6);
            }
            Values::Float8(array) => {
                let value = array.value(row);
                put_float(out, &format!("{value:e}"), 15);
            }
            Values::Decimal128(array) => put(out, array.value_as_string(row)),
            Values::Decimal256(array) => put(out, array.value_as_string(row)),
            Values::Text(array) => out.put_slice(array.value(row).as_bytes()),
            Values::Bytea(array) => put_hex(out, array.value(row)),
            Values::Date(array) => put(out, Date(array.value(row).into())),
            Values::Time(array) => put(out, Time(array.value(row))),
            Values::Timestamp(array, zone) => {
                let micros = array.value(row);
                let offset = zone.map(|zone| offset_at(zone, micros));
                put(out, Timestamp { micros, offset });
            }
            Values::Interval(array) => {
                let value = array.value(row);
                let interval = Interval {
                    months: value.months,
                    days: value.days,
                    micros: value.nanoseconds / 1_000,
                };
                put(out, interval);
            }
            Values::Array { lists, items, .. } => {
                let range = lists.value_offsets()[row]..lists.value_offsets()[row + 1];
                out.put_u8(b'{');
                for (index, item) in range.enumerate() {
                    if index > 0 {
                        out.put_u8(b',');
                    }
                    items.write_item(item as usize, out);
                }
                out.put_u8(b'}');
            }
        }
    }

    /// Writes an item of an array.
    fn write_item(&self, row: usize, out: &mut BytesMut) {
        if self.is_null(row) {
            return out.put_slice(b"NULL");
        }
        let mut item = BytesMut::new();
        self.write_text(row, &mut item);
        put_item(out, &item);
    }
}

fn put(out: &mut BytesMut, value: impl Display) {
    // Memory takes everything.
    let _ = write!(out, "{value}");
}

fn put_hex(out: &mut BytesMut, bytes: &[u8]) {
    out.reserve(2 + 2 * bytes.len());
    out.put_slice(b"\\x");
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.put_u8(b"0123456789abcdef"[usize::from(digit)]);
        }
    }
}

/// Writes a number given its shortest digits in scientific notation, with an exponent from
/// `digits_max` places on, as PostgreSQL does.
fn put_float(out: &mut BytesMut, scientific: &str, digits_max: i32) {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        let name = match scientific {
            "inf" => "Infinity",
            "-inf" => "-Infinity",
            other => other,
        };
        return out.put_slice(name.as_bytes());
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits_max {
        let sign = if exponent < 0 { '-' } else { '+' };
        return put(
            out,
            format_args!("{mantissa}e{sign}{:02}", exponent.unsigned_abs()),
        );
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    out.put_slice(sign.as_bytes());
    match usize::try_from(exponent + 1) {
        Ok(0) | Err(_) => {
            let zeros = "0".repeat((-1 - exponent).unsigned_abs() as usize);
            put(out, format_args!("0.{zeros}{digits}"));
        }
        Ok(places) if places >= digits.len() => {
            put(
                out,
                format_args!("{digits}{}", "0".repeat(places - digits.len())),
            );
        }
        Ok(places) => put(
            out,
            format_args!("{}.{}", &digits[..places], &digits[places..]),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_those_of_postgresql() {
        let float8 = |value: f64| {
            let mut out = BytesMut::new();
            put_float(&mut out, &format!("{value:e}"), 15);
            String::from_utf8(out.to_vec()).unwrap()
        };
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.000_1, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (123_456.789, "123456.789"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
            (1e300, "1e+300"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float8(value), expected);
        }
    }
}
