//! Values of types without child types.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal32Array, Decimal64Array,
    Decimal128Array, Decimal256Array, FixedSizeBinaryArray, Float64Array, Int64Array,
    IntervalDayTimeArray, IntervalMonthDayNanoArray, IntervalYearMonthArray, StringArray,
    Time64NanosecondArray, TimestampNanosecondArray,
};
use arrow::buffer::Buffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    i256,
};

use super::{ColumnGenerator, Result, unknown};

/// First day of 2010, in days since 1970-01-01, and number of days in ten years.
const FIRST_DAY: i64 = 14_610;
const DAYS: i64 = 3_652;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Digits of the largest number that values are generated from.
const DIGITS_MAX: u8 = 38;

impl ColumnGenerator<'_> {
    pub(super) fn leaf(&mut self, data_type: &DataType, rows: usize) -> Result<ArrayRef> {
        use DataType::*;
        let column: ArrayRef = match data_type {
            Boolean => {
                let bits = (0..rows).map(|_| Some(self.random.below(2) == 1));
                Arc::new(bits.collect::<BooleanArray>())
            }
            Int8 => self.whole(i8::MIN.into(), i8::MAX.into(), rows),
            Int16 => self.whole(i16::MIN.into(), i16::MAX.into(), rows),
            Int32 => self.whole(i32::MIN.into(), i32::MAX.into(), rows),
            Int64 => self.whole(i64::MIN, i64::MAX, rows),
            UInt8 => self.whole(0, u8::MAX.into(), rows),
            UInt16 => self.whole(0, u16::MAX.into(), rows),
            UInt32 => self.whole(0, u32::MAX.into(), rows),
            UInt64 => self.whole(0, i64::MAX, rows),
            Float16 | Float32 | Float64 => {
                let (low, high) = self.shape.numbers;
                let (low, high) = (low as f64, high as f64);
                let numbers = (0..rows).map(|_| low + self.random.unit() * (high - low));
                Arc::new(Float64Array::from_iter_values(numbers))
            }
            Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
                return self.decimals(data_type, rows);
            }
            Date32 | Date64 => {
                let days = (0..rows).map(|_| self.day() as i32);
                Arc::new(Date32Array::from_iter_values(days))
            }
            Time32(_) | Time64(_) => {
                let times = (0..rows).map(|_| self.nanos_of_day());
                Arc::new(Time64NanosecondArray::from_iter_values(times))
            }
            Timestamp(_, zone) => {
                let times = (0..rows)
                    .map(|_| self.day() * SECONDS_PER_DAY * NANOS_PER_SECOND + self.nanos_of_day());
                let times = TimestampNanosecondArray::from_iter_values(times);
                Arc::new(times.with_timezone_opt(zone.clone()))
            }
            Duration(unit) => {
                let seconds = self.whole(-1_000_000_000, 1_000_000_000, rows);
                let seconds = cast(&seconds, &Duration(TimeUnit::Second))?;
                return cast(&seconds, &Duration(*unit));
            }
            Interval(unit) => self.intervals(*unit, rows),
            Utf8 | LargeUtf8 | Utf8View => {
                let texts = (0..rows).map(|_| self.text());
                Arc::new(StringArray::from_iter_values(texts))
            }
            Binary | LargeBinary | BinaryView => {
                let values = (0..rows).map(|_| {
                    let length = self.random.length(self.shape.length);
                    self.bytes(length)
                });
                Arc::new(BinaryArray::from_iter_values(values))
            }
            FixedSizeBinary(size) => {
                let bytes = self.bytes(rows * usize::try_from(*size).unwrap_or_default());
                let bytes = Buffer::from_vec(bytes);
                Arc::new(FixedSizeBinaryArray::try_new_with_len(
                    *size, bytes, None, rows,
                )?)
            }
            other => return Err(unknown(other)),
        };
        cast(&column, data_type)
    }

    /// Generates integers of the range, clamped to `min..=max`.
    fn whole(&mut self, min: i64, max: i64, rows: usize) -> ArrayRef {
        let (low, high) = self.shape.numbers;
        let (low, high) = (low.clamp(min, max).into(), high.clamp(min, max).into());
        let numbers = (0..rows).map(|_| self.random.between(low, high) as i64);
        Arc::new(Int64Array::from_iter_values(numbers))
    }

    /// Generates decimals of the range, clamped to the precision of the type.
    fn decimals(&mut self, data_type: &DataType, rows: usize) -> Result<ArrayRef> {
        use DataType::*;
        let (Decimal32(digits, scale)
        | Decimal64(digits, scale)
        | Decimal128(digits, scale)
        | Decimal256(digits, scale)) = *data_type
        else {
            return Err(unknown(data_type));
        };
        let power = |digits: u8| 10_i128.saturating_pow(digits.into());
        let max = power(digits.min(DIGITS_MAX)) - 1;
        let scaled = |number: i64| {
            let number = i128::from(number);
            let number = match scale {
                0.. => number.saturating_mul(power(scale.unsigned_abs())),
                _ => number / power(scale.unsigned_abs()),
            };
            number.clamp(-max, max)
        };
        let (low, high) = self.shape.numbers;
        let (low, high) = (scaled(low), scaled(high));
        // If the whole range exceeds the type, values start at zero.
        let low = if low == high { 0 } else { low };
        let mut number = || self.random.between(low, high);
        let numbers = (0..rows).map(|_| number());
        Ok(match data_type {
            Decimal32(..) => {
                let column = Decimal32Array::from_iter_values(numbers.map(|n| n as i32));
                Arc::new(column.with_precision_and_scale(digits, scale)?)
            }
            Decimal64(..) => {
                let column = Decimal64Array::from_iter_values(numbers.map(|n| n as i64));
                Arc::new(column.with_precision_and_scale(digits, scale)?)
            }
            Decimal128(..) => {
                let column = Decimal128Array::from_iter_values(numbers);
                Arc::new(column.with_precision_and_scale(digits, scale)?)
            }
            _ => {
                let column = Decimal256Array::from_iter_values(numbers.map(i256::from_i128));
                Arc::new(column.with_precision_and_scale(digits, scale)?)
            }
        })
    }

    fn intervals(&mut self, unit: IntervalUnit, rows: usize) -> ArrayRef {
        let months = self.whole(-1_200, 1_200, rows);
        let months = months.as_primitive::<Int64Type>();
        let small = months.values().iter().map(|number| *number as i32);
        match unit {
            IntervalUnit::YearMonth => Arc::new(IntervalYearMonthArray::from_iter_values(small)),
            IntervalUnit::DayTime => {
                let values = small.map(|number| IntervalDayTimeType::make_value(0, number));
                Arc::new(IntervalDayTimeArray::from_iter_values(values))
            }
            IntervalUnit::MonthDayNano => {
                let seconds = |number: i32| i64::from(number) * NANOS_PER_SECOND;
                let values =
                    small.map(|number| IntervalMonthDayNanoType::make_value(0, 0, seconds(number)));
                Arc::new(IntervalMonthDayNanoArray::from_iter_values(values))
            }
        }
    }

    fn day(&mut self) -> i64 {
        FIRST_DAY + self.random.below(DAYS as u64) as i64
    }

    fn nanos_of_day(&mut self) -> i64 {
        // Whole milliseconds, which every time type except seconds represents exactly.
        let millis = self.random.below(SECONDS_PER_DAY as u64 * 1_000) as i64;
        millis * (NANOS_PER_SECOND / 1_000)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.random.next() as u8).collect()
    }

    /// Generates words of lower-case letters, of which one in a hundred is not ASCII.
    fn text(&mut self) -> String {
        let length = self.random.length(self.shape.length);
        let mut text = String::with_capacity(length + 1);
        while text.len() < length {
            match self.random.below(100) {
                0 if text.len() + 2 <= length => text.push('é'),
                1..=15 if !text.is_empty() && !text.ends_with(' ') => text.push(' '),
                _ => text.push((b'a' + self.random.below(26) as u8).into()),
            }
        }
        text
    }
}
