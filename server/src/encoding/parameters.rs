//! Values of parameters, from text or bytes.

use bytes::Bytes;
use datafusion::common::ScalarValue;

use super::EncodingError;
use super::array_text::parse_items;
use super::from_bytes::{from_binary, list, number};
use super::types::{PgType, ScalarType};
use crate::protocol::Format;

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
        ScalarType::Date | ScalarType::Time | ScalarType::Timestamp => {
            let local = without_offset(trimmed).to_owned();
            ScalarValue::try_from_string(local, &pg_type.arrow()).ok()
        }
        ScalarType::Interval => {
            ScalarValue::try_from_string(spelled_interval(trimmed), &pg_type.arrow()).ok()
        }
        _ => ScalarValue::try_from_string(trimmed.to_owned(), &pg_type.arrow()).ok(),
    }
}

/// Returns a date or a time without the offset from UTC that drivers write behind it, and that such
/// a type does not have: as in PostgreSQL, `12:00+01` is 12:00.
fn without_offset(text: &str) -> &str {
    let begin = match text.rfind([' ', 'T', 't']) {
        Some(begin) => begin,
        None if text.contains(':') => 0,
        // A date alone.
        None => return text,
    };
    let (local, rest) = text.split_at(begin);
    let is_offset = |rest: &str| {
        let digits = rest.trim_start_matches(['+', '-']);
        rest.len() == digits.len() + 1
            && digits.starts_with(|character: char| character.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || c == ':')
    };
    let end = rest.find(['+', '-', 'Z', 'z']).unwrap_or(rest.len());
    let (time, offset) = rest.split_at(end);
    match is_offset(offset) || offset.eq_ignore_ascii_case("z") {
        true => text[..local.len() + time.len()].trim_end(),
        false => text,
    }
}

/// Returns an interval with its units, which Arrow expects: `1 day 0:00:05`, as PostgreSQL writes
/// it, is `1 day 0 hours 00 minutes 05 seconds`.
fn spelled_interval(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let (sign, clock) = match word.strip_prefix('-') {
            Some(clock) => ("-", clock),
            None => ("", word.strip_prefix('+').unwrap_or(word)),
        };
        let parts: Vec<_> = clock.split(':').collect();
        match parts[..] {
            [hours, minutes] => format!("{sign}{hours} hours {sign}{minutes} minutes"),
            [hours, minutes, seconds] => {
                format!("{sign}{hours} hours {sign}{minutes} minutes {sign}{seconds} seconds")
            }
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
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

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, IntervalMonthDayNano};
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
    fn offsets_are_left_out_of_types_without_a_zone() {
        for (text, expected) in [
            ("2024-02-29", "2024-02-29"),
            ("2024-02-29 +00", "2024-02-29"),
            ("2024-02-29 -03:30", "2024-02-29"),
            ("2024-02-29 soon", "2024-02-29 soon"),
            ("12:34:56+01", "12:34:56"),
            ("12:34:56.5-03:30", "12:34:56.5"),
            ("2024-02-29 12:34:56.5+01", "2024-02-29 12:34:56.5"),
            ("2024-02-29T12:34:56Z", "2024-02-29T12:34:56"),
            ("2024-02-29 12:34:56", "2024-02-29 12:34:56"),
            ("12:34+", "12:34+"),
        ] {
            assert_eq!(without_offset(text), expected, "{text}");
        }
        let text = |oid, text: &'static str| decode(oid, text.as_bytes(), Format::Text);
        assert_eq!(
            text(1082, "1970-01-02 +01"),
            Some(ScalarValue::Date32(Some(1)))
        );
        let noon = ScalarValue::TimestampMicrosecond(Some(43_200_000_000), None);
        assert_eq!(text(1114, "1970-01-01 12:00:00+01"), Some(noon));
    }

    #[test]
    fn intervals_have_clocks() {
        let text = |text: &'static str| decode(1186, text.as_bytes(), Format::Text);
        let interval = |months, days, nanoseconds| {
            let value = IntervalMonthDayNano::new(months, days, nanoseconds);
            Some(ScalarValue::IntervalMonthDayNano(Some(value)))
        };
        assert_eq!(text("1 day 0:00:05"), interval(0, 1, 5_000_000_000));
        assert_eq!(text("1 year 2 mons"), interval(14, 0, 0));
        assert_eq!(text("-1 days -00:00:05.5"), interval(0, -1, -5_500_000_000));
        assert_eq!(text("01:30"), interval(0, 0, 5_400_000_000_000));
        assert_eq!(text("soon"), None);
        assert_eq!(text("1:2:3:4"), None);
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
            (1083, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
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
