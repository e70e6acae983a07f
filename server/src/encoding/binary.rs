//! Values as bytes, as PostgreSQL's functions of the name `…send` write them.

use bytes::{BufMut, BytesMut};

use super::EncodingError;
use super::calendar::{EPOCH_DAYS, EPOCH_MICROS};
use super::column::{Column, Values};
use crate::protocol::backend::{null, value};

/// Digits of a group of a number.
const GROUP: usize = 4;

/// Signs of numbers.
const POSITIVE: u16 = 0;
const NEGATIVE: u16 = 0x4000;

impl Column {
    /// Writes a value that is not null as bytes.
    ///
    /// # Errors
    ///
    /// [`EncodingError::Range`] for dates and times that PostgreSQL has no bytes for.
    pub(crate) fn write_binary(&self, row: usize, out: &mut BytesMut) -> Result<(), EncodingError> {
        match &self.values {
            Values::Bool(array) => out.put_u8(array.value(row).into()),
            Values::Int2(array) => out.put_i16(array.value(row)),
            Values::Int4(array) => out.put_i32(array.value(row)),
            Values::Int8(array) => out.put_i64(array.value(row)),
            Values::Float4(array) => out.put_f32(array.value(row)),
            Values::Float8(array) => out.put_f64(array.value(row)),
            Values::Decimal128(array) => put_numeric(out, &array.value_as_string(row)),
            Values::Decimal256(array) => put_numeric(out, &array.value_as_string(row)),
            Values::Text(array) => out.put_slice(array.value(row).as_bytes()),
            Values::Bytea(array) => out.put_slice(array.value(row)),
            Values::Date(array) => {
                let days = array.value(row).checked_sub(EPOCH_DAYS);
                out.put_i32(days.ok_or(EncodingError::Range("date"))?);
            }
            Values::Time(array) => out.put_i64(array.value(row)),
            Values::Timestamp(array, _) => {
                let micros = array.value(row).checked_sub(EPOCH_MICROS);
                out.put_i64(micros.ok_or(EncodingError::Range("timestamp"))?);
            }
            Values::Interval(array) => {
                let interval = array.value(row);
                out.put_i64(interval.nanoseconds / 1_000);
                out.put_i32(interval.days);
                out.put_i32(interval.months);
            }
            Values::Array {
                lists,
                items,
                item_type,
            } => {
                let range = lists.value_offsets()[row]..lists.value_offsets()[row + 1];
                let has_nulls = range.clone().any(|item| items.is_null(item as usize));
                out.put_i32(i32::from(!range.is_empty()));
                out.put_i32(has_nulls.into());
                out.put_u32(item_type.oid());
                if !range.is_empty() {
                    out.put_i32(range.end - range.start);
                    // Arrays begin at 1.
                    out.put_i32(1);
                }
                for item in range {
                    items.write_value(item as usize, out)?;
                }
            }
        }
        Ok(())
    }

    /// Writes a value or a null with its length.
    fn write_value(&self, row: usize, out: &mut BytesMut) -> Result<(), EncodingError> {
        if self.is_null(row) {
            null(out);
            return Ok(());
        }
        let mut written = Ok(());
        value(out, |out| written = self.write_binary(row, out));
        written
    }
}

/// Writes a number in groups of four decimal digits.
fn put_numeric(out: &mut BytesMut, text: &str) {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (NEGATIVE, digits),
        None => (POSITIVE, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = fraction.len();
    // Both parts are filled up to whole groups.
    let whole = format!(
        "{}{whole}",
        "0".repeat((GROUP - whole.len() % GROUP) % GROUP)
    );
    let zeros = "0".repeat((GROUP - scale % GROUP) % GROUP);
    let all = format!("{whole}{fraction}{zeros}");
    let value = |group: &[u8]| {
        group
            .iter()
            .fold(0_u16, |value, digit| value * 10 + u16::from(digit - b'0'))
    };
    let groups: Vec<u16> = all.as_bytes().chunks(GROUP).map(value).collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let end = groups.iter().rposition(|group| *group != 0);
    let end = end.map_or(leading, |last| last + 1);
    let significant = groups.get(leading..end).unwrap_or_default();
    let weight = (whole.len() / GROUP) as i64 - 1 - leading as i64;
    out.put_u16(significant.len() as u16);
    out.put_i16(if significant.is_empty() {
        0
    } else {
        weight as i16
    });
    out.put_u16(if significant.is_empty() {
        POSITIVE
    } else {
        sign
    });
    out.put_u16(scale as u16);
    significant.iter().for_each(|group| out.put_u16(*group));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_groups_of_four_digits() {
        for (text, expected) in [
            ("0", vec![0, 0, 0, 0]),
            ("0.00", vec![0, 0, 0, 2]),
            ("1", vec![1, 0, 0, 0, 1]),
            ("-12345.678", vec![3, 1, 0x4000, 3, 1, 2345, 6780]),
            ("10000", vec![1, 1, 0, 0, 1]),
            ("0.0001", vec![1, 0xffff, 0, 4, 1]),
            ("0.00001", vec![1, 0xfffe, 0, 5, 1000]),
            ("123400000000.5", vec![4, 2, 0, 1, 1234, 0, 0, 5000]),
        ] {
            let mut out = BytesMut::new();
            put_numeric(&mut out, text);
            let words = out.chunks(2).map(|w| u16::from_be_bytes([w[0], w[1]]));
            assert_eq!(words.collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
