//! Numbers in the layout of columns: of a fixed width, little endian.

use std::convert::identity;

use crate::calendar::{Date, Duration, Interval, Time};
use crate::decimal::{AnyDecimal, Decimal};
use crate::float::F16;
use crate::raw::Pod;
use crate::timestamp::{Timestamp, TimestampTz, Unit};

/// A number of a fixed width in columns.
pub trait Number: Pod {
    /// The bytes of the number, little endian.
    type Bytes: Copy + Default + std::fmt::Debug;

    /// Borrows a buffer as numbers.
    fn chunks(buffer: &[u8]) -> &[Self::Bytes];

    /// Borrows numbers as a buffer.
    fn flat(chunks: &[Self::Bytes]) -> &[u8];

    /// Converts bytes to a number.
    fn from_bytes(bytes: Self::Bytes) -> Self;
}

macro_rules! made_of_numbers {
    ($([$($generics:tt)*] $type:ty = $number:ty, $make:expr;)*) => {$(
        impl<$($generics)*> Number for $type {
            type Bytes = [u8; size_of::<$number>()];

            #[inline]
            fn chunks(buffer: &[u8]) -> &[Self::Bytes] {
                buffer.as_chunks().0
            }

            #[inline]
            fn flat(chunks: &[Self::Bytes]) -> &[u8] {
                chunks.as_flattened()
            }

            #[inline(always)]
            fn from_bytes(bytes: Self::Bytes) -> Self {
                $make(<$number>::from_le_bytes(bytes))
            }
        }
    )*};
}
macro_rules! numbers {
    ($($number:ty)*) => {
        made_of_numbers! { $([] $number = $number, identity;)* }
    };
}
numbers!(i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

made_of_numbers! {
    [] F16 = u16, F16::from_bits;
    [const P: u8, const S: i8] Decimal<P, S> = i128, Self::from_host;
    [] AnyDecimal = i128, AnyDecimal::new;
    [] Date = i32, Date::from_days;
    [] Time = i64, Time::from_host;
    [U: Unit] Timestamp<U> = i64, Self::from_count;
    [] TimestampTz = i64, TimestampTz::from_nanoseconds;
    [] Duration = i64, Duration::from_nanoseconds;
    [] Interval = u128, Interval::from_bits;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_width_are_read_little_endian() {
        assert_eq!(F16::from_bytes([0x00, 0x3c]).to_f32(), 1.0);
        assert_eq!(Date::from_bytes([1, 1, 0, 0]).days(), 257);
        let time = 3_600_000_000_001_i64;
        assert_eq!(Time::from_bytes(time.to_le_bytes()).nanosecond(), 1);
        let decimal: Decimal<38, 2> = Number::from_bytes((-1_234_i128).to_le_bytes());
        assert_eq!(decimal.to_string(), "-12.34");
        let bytes = [
            1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0x80,
        ];
        let interval = Interval {
            months: 1,
            days: -2,
            nanoseconds: i64::MIN,
        };
        assert_eq!(Interval::from_bytes(bytes), interval);
    }
}
