//! Columns without children.

use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, BooleanArray, StringArray, make_array};
use arrow_buffer::{Buffer, NullBuffer, i256};
use arrow_cast::cast;
use arrow_data::ArrayData;
use arrow_schema::{DataType, TimeUnit};

use crate::random::SplitMix64;
use crate::show::fixed_width;

/// Characters of 1 to 4 bytes.
const CHARACTERS: &str = "zé€😀abcdefghijklmnop";

pub(super) fn leaf(
    data_type: &DataType,
    nulls: Option<NullBuffer>,
    rows: usize,
    random: &mut SplitMix64,
) -> ArrayRef {
    use DataType::*;
    match data_type {
        Boolean => {
            let values: Vec<bool> = (0..rows).map(|_| random.one_in(2)).collect();
            Arc::new(BooleanArray::new(values.into(), nulls))
        }
        Utf8 | LargeUtf8 | Utf8View => {
            let strings = (0..rows).map(|_| {
                let characters = CHARACTERS.chars().take(random.below(19));
                characters.collect::<String>()
            });
            // Null rows have data too.
            let (offsets, data, _) = StringArray::from_iter_values(strings).into_parts();
            let strings = StringArray::new(offsets, data, nulls);
            cast(&strings, data_type).expect("strings cast to each other")
        }
        Binary | LargeBinary | BinaryView => {
            let binaries = (0..rows).map(|_| vec![random.next_u64() as u8; random.below(20)]);
            let (offsets, data, _) = BinaryArray::from_iter_values(binaries).into_parts();
            let binaries = BinaryArray::new(offsets, data, nulls);
            cast(&binaries, data_type).expect("binaries cast to each other")
        }
        other => {
            let values = values(other, rows, random);
            let data = ArrayData::builder(other.clone()).len(rows);
            let data = data.add_buffer(values).nulls(nulls).build();
            make_array(data.expect("the values are those of the type"))
        }
    }
}

/// Days on either side of 1970 that chrono expresses.
const DAYS: i64 = 90_000_000;

/// Returns a number that bounds the values that chrono expresses.
fn chrono_max(data_type: &DataType) -> i64 {
    let per_day = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 86_400,
        TimeUnit::Millisecond => 86_400_000,
        TimeUnit::Microsecond => 86_400_000_000,
        TimeUnit::Nanosecond => 86_400_000_000_000,
    };
    match data_type {
        DataType::Date64 => DAYS * 86_400_000,
        DataType::Time32(unit) | DataType::Time64(unit) => per_day(unit),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => i64::MAX / 2,
        DataType::Timestamp(unit, _) => DAYS * per_day(unit),
        _ => i64::MAX / 1_000,
    }
}

/// Values of a fixed-width type: decimals with any number of digits that their type
/// allows, dates and times that chrono expresses, and any bytes for every other type.
fn values(data_type: &DataType, rows: usize, random: &mut SplitMix64) -> Buffer {
    fn buffer<T: arrow_buffer::ArrowNativeType>(values: impl Iterator<Item = T>) -> Buffer {
        Buffer::from_vec(values.collect::<Vec<T>>())
    }
    let mut wide = |precision: u8| {
        let value = i128::from(random.next_u64() as i64) * i128::from(random.next_u64());
        // The product has no more than 38 digits.
        value % 10_i128.pow(precision.min(38).into())
    };
    let rows = 0..rows;
    match *data_type {
        DataType::Decimal32(precision, _) => buffer(rows.map(|_| wide(precision) as i32)),
        DataType::Decimal64(precision, _) => buffer(rows.map(|_| wide(precision) as i64)),
        DataType::Decimal128(precision, _) => buffer(rows.map(|_| wide(precision))),
        DataType::Decimal256(precision, _) => {
            buffer(rows.map(|_| i256::from_i128(wide(precision))))
        }
        DataType::Date32 => buffer(rows.map(|_| (random.next_u64() as i64 % DAYS) as i32)),
        DataType::Date64 | DataType::Timestamp(..) | DataType::Duration(_) => {
            let max = chrono_max(data_type);
            buffer(rows.map(|_| random.next_u64() as i64 % max))
        }
        DataType::Time32(_) => {
            let max = chrono_max(data_type) as u64;
            buffer(rows.map(|_| (random.next_u64() % max) as i32))
        }
        DataType::Time64(_) => {
            let max = chrono_max(data_type) as u64;
            buffer(rows.map(|_| (random.next_u64() % max) as i64))
        }
        _ => {
            let width = fixed_width(data_type).expect("every other type has a fixed width");
            let bytes = (0..rows.len() * width).map(|_| random.next_u64() as u8);
            Buffer::from(bytes.collect::<Vec<u8>>().as_slice())
        }
    }
}
