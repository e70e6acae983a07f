//! Ranges of dates, times and durations.
//!
//! Arrow's and DataFusion's kernels compute them with chrono, which panics or wraps
//! around outside of its range. So a value that chrono cannot express is refused where
//! it enters, and is zero where the row is null: kernels compute null rows too.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use std::ops::RangeInclusive;

use arrow_buffer::{ArrowNativeType, Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};

use crate::abi_violation::AbiViolation;

/// Days from 1970-01-01 to the first and the last day that chrono expresses, less 400
/// years at each end: time zones and the beginnings of weeks, centuries and millennia
/// stay in its range.
const DAYS: RangeInclusive<i64> = -95_746_129 + 400 * 366..=95_745_000 - 400 * 366;

const SECONDS_OF_DAY: i64 = 86_400;

/// Returns the range of the values of a type, or `None` if every value is valid.
fn range(data_type: &DataType) -> Option<RangeInclusive<i64>> {
    let days = |per_day: i64| {
        let scale = |days: &i64| days.saturating_mul(per_day);
        Some(scale(DAYS.start())..=scale(DAYS.end()))
    };
    let per_day = |unit: &TimeUnit| SECONDS_OF_DAY.saturating_mul(per_second(*unit));
    match data_type {
        DataType::Date32 => days(1),
        DataType::Date64 => days(per_day(&TimeUnit::Millisecond)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let year = 366 * SECONDS_OF_DAY * 1_000_000_000;
            Some(i64::MIN + year..=i64::MAX - year)
        }
        DataType::Timestamp(unit, _) => days(per_day(unit)),
        DataType::Time32(unit) | DataType::Time64(unit) => Some(0..=per_day(unit).wrapping_sub(1)),
        DataType::Duration(TimeUnit::Second) => Some(-i64::MAX / 1_000..=i64::MAX / 1_000),
        DataType::Duration(_) => Some(-i64::MAX..=i64::MAX),
        _ => None,
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Integers of which intervals consist.
trait Word: ArrowNativeType + Into<i64> {}

impl Word for i32 {}
impl Word for i64 {}

/// Returns the values of a column, with zeros for null rows that are out of range.
///
/// # Errors
///
/// [`AbiViolation::OutOfRange`] for the first valid row that is out of range.
pub(super) fn check_range(
    data_type: &DataType,
    values: Buffer,
    rows: usize,
    nulls: Option<&NullBuffer>,
) -> Result<Buffer, AbiViolation> {
    if let DataType::Interval(unit) = data_type {
        return check_interval(*unit, values, rows, nulls);
    }
    let Some(range) = range(data_type) else {
        return Ok(values);
    };
    match data_type.primitive_width() {
        Some(4) => check::<i32>(data_type, values, rows, nulls, range),
        _ => check::<i64>(data_type, values, rows, nulls, range),
    }
}

fn check<T: Word>(
    data_type: &DataType,
    values: Buffer,
    rows: usize,
    nulls: Option<&NullBuffer>,
    range: RangeInclusive<i64>,
) -> Result<Buffer, AbiViolation> {
    let values = ScalarBuffer::<T>::new(values, 0, rows);
    let (first, last) = (*range.start(), *range.end());
    // Both differences of a value in range have no sign, and so has their bitwise OR. A
    // difference that wraps around has one: the values are compared then.
    let signs = values.iter().fold(0, |signs, value| {
        let value: i64 = (*value).into();
        signs | value.wrapping_sub(first) | last.wrapping_sub(value)
    });
    if signs >= 0 {
        return Ok(values.into_inner());
    }
    let is_valid = |row| nulls.is_none_or(|nulls| nulls.is_valid(row));
    let mut is_any_out = false;
    for (row, value) in values.iter().enumerate() {
        let value: i64 = (*value).into();
        let is_out = !range.contains(&value);
        if is_out && is_valid(row) {
            return Err(AbiViolation::OutOfRange {
                row: row as u64,
                value: value.to_string(),
                data_type: data_type.to_string(),
            });
        }
        is_any_out |= is_out;
    }
    if !is_any_out {
        return Ok(values.into_inner());
    }
    let zero_if_out = |value: &T| match range.contains(&(*value).into()) {
        true => *value,
        false => T::default(),
    };
    let zeroed: Vec<T> = values.iter().map(zero_if_out).collect();
    Ok(Buffer::from_vec(zeroed))
}

/// Checks that no part of an interval is the least number of its width, which has no
/// negative.
fn check_interval(
    unit: IntervalUnit,
    values: Buffer,
    rows: usize,
    nulls: Option<&NullBuffer>,
) -> Result<Buffer, AbiViolation> {
    /// Returns the parts of a value, each with the least number of its width.
    fn parts(unit: IntervalUnit, value: &[u8]) -> [Option<(i64, i64)>; 3] {
        let word = |at: usize| {
            let bytes = value.get(at..)?.first_chunk()?;
            Some((i32::from_le_bytes(*bytes).into(), i32::MIN.into()))
        };
        let long = |at: usize| {
            let bytes = value.get(at..)?.first_chunk()?;
            Some((i64::from_le_bytes(*bytes), i64::MIN))
        };
        match unit {
            IntervalUnit::YearMonth => [word(0), None, None],
            IntervalUnit::DayTime => [word(0), word(4), None],
            IntervalUnit::MonthDayNano => [word(0), word(4), long(8)],
        }
    }
    let width = DataType::Interval(unit).primitive_width();
    let width = width.expect("an interval has a width");
    let is_out = |value: &[u8]| {
        let mut parts = parts(unit, value).into_iter().flatten();
        parts.any(|(part, least)| part == least)
    };
    let mut bytes = values.as_slice().chunks_exact(width).take(rows);
    let Some(found) = bytes.position(is_out) else {
        return Ok(values);
    };
    let is_valid = |row| nulls.is_none_or(|nulls| nulls.is_valid(row));
    let mut zeroed = values.to_vec();
    for (row, value) in zeroed
        .chunks_exact_mut(width)
        .take(rows)
        .enumerate()
        .skip(found)
    {
        if !is_out(value) {
            continue;
        }
        if is_valid(row) {
            let parts = parts(unit, value).into_iter().flatten();
            let parts: Vec<_> = parts.map(|(part, _)| part.to_string()).collect();
            return Err(AbiViolation::OutOfRange {
                row: row as u64,
                value: parts.join(" "),
                data_type: DataType::Interval(unit).to_string(),
            });
        }
        value.fill(0);
    }
    Ok(super::buffers::aligned(Buffer::from_vec(zeroed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(data_type: &DataType, value: i64, is_valid: bool) -> Result<i64, AbiViolation> {
        let nulls = NullBuffer::from(vec![is_valid]);
        let narrow = data_type.primitive_width() == Some(4);
        let values = match narrow {
            true => Buffer::from_vec(vec![value as i32]),
            false => Buffer::from_vec(vec![value]),
        };
        let checked = check_range(data_type, values, 1, Some(&nulls))?;
        Ok(match narrow {
            true => checked
                .typed_data::<i32>()
                .iter()
                .copied()
                .sum::<i32>()
                .into(),
            false => checked.typed_data::<i64>().iter().copied().sum(),
        })
    }

    #[test]
    fn value_may_be_the_last_of_its_range_and_not_one_more() {
        for data_type in [
            DataType::Date32,
            DataType::Date64,
            DataType::Time32(TimeUnit::Second),
            DataType::Time64(TimeUnit::Nanosecond),
            DataType::Timestamp(TimeUnit::Second, None),
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Timestamp(TimeUnit::Nanosecond, None),
            DataType::Duration(TimeUnit::Second),
        ] {
            let (first, last) = range(&data_type).unwrap().into_inner();
            for value in [first, last, 0, first / 3, last / 3] {
                assert_eq!(check_one(&data_type, value, true), Ok(value), "{data_type}");
            }
            for value in [first - 1, last + 1] {
                let out = check_one(&data_type, value, true).unwrap_err();
                let text = out.to_string();
                assert!(text.contains(&value.to_string()), "{text}");
                assert!(text.contains(&data_type.to_string()), "{text}");
                assert_eq!(check_one(&data_type, value, false), Ok(0));
            }
        }
    }

    #[test]
    fn interval_has_no_part_without_a_negative() {
        let unit = IntervalUnit::MonthDayNano;
        let value = |months: i32, days: i32, nanos: i64| {
            let mut bytes = Vec::new();
            bytes.extend(months.to_le_bytes());
            bytes.extend(days.to_le_bytes());
            bytes.extend(nanos.to_le_bytes());
            bytes
        };
        let check = |bytes: &[u8], nulls: Option<&NullBuffer>| {
            let data_type = DataType::Interval(unit);
            check_range(&data_type, Buffer::from(bytes), 1, nulls)
        };
        assert!(check(&value(i32::MAX, -1, -i64::MAX), None).is_ok());
        for out in [
            value(i32::MIN, 0, 0),
            value(0, i32::MIN, 0),
            value(0, 0, i64::MIN),
        ] {
            assert!(check(&out, None).is_err());
            let null = NullBuffer::from(vec![false]);
            assert_eq!(check(&out, Some(&null)).unwrap().as_slice(), [0; 16]);
        }
    }
}
