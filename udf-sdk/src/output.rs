//! Rust types of SQL results.

use std::cell::Cell;
use std::fmt::Display;
use std::thread::LocalKey;

use crate::append::{Append, AppendNullable};
use crate::calendar::{Date, Duration, Interval, Time};
use crate::decimal::{AnyDecimal, Decimal};
use crate::float::F16;
use crate::results::{
    BitBuilder, Block, BytesBuilder, NestedBuilder, NumberBuilder, ResultBuilder,
};
use crate::sql::{Nested, Sql, SqlType};
use crate::timestamp::{Timestamp, TimestampTz, Unit};

/// A Rust type of a SQL result: one of [the table](crate#types), `Option` of
/// one for nulls, or `Result` of either for failures.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of a SQL result",
    label = "no SQL type for this result",
    note = "the documentation of fusebox_sdk has a table of types"
)]
pub trait Output {
    /// The type of a row that is not null.
    type Value: Value;

    /// True if the result can be a failure.
    const CAN_FAIL: bool;

    /// Returns the value of the row, or null, or the message of the failure.
    fn into_row(self) -> Result<Option<Self::Value>, String>;
}

/// A Rust type of a SQL result that may be null.
pub trait Nullable {
    /// The type of a row that is not null.
    type Value: Value;

    /// Returns the value of the row, or null.
    fn into_option(self) -> Option<Self::Value>;
}

/// A Rust type of a SQL result that is never null.
pub trait Value: SqlType + Sized {
    /// The builder of a result column, in the layout of the SQL type.
    type ResultBuilder: ResultBuilder;

    /// Removes all rows of the last call, and reserves memory for `rows` rows.
    #[inline]
    fn start(results: &mut Self::ResultBuilder, rows: usize) {
        results.start(rows);
    }

    /// Returns the static that holds the builder between calls, since the host
    /// reads the result after the export has returned.
    fn memory() -> &'static LocalKey<Cell<Self::ResultBuilder>>;

    /// Returns the bytes that the row is charged for appending the value, where
    /// they depend on it.
    fn charged_bytes(&self) -> usize;

    /// Appends rows, each with its number.
    fn extend(results: &mut Self::ResultBuilder, rows: impl Iterator<Item = (usize, Option<Self>)>);

    /// Appends the rows of a block. `value` returns the value of a row that the
    /// function is called for, by its number; `begin` receives the first row of
    /// each row group.
    fn extend_some(
        results: &mut Self::ResultBuilder,
        block: Block,
        begin: impl FnMut(usize),
        value: impl FnMut(usize) -> Option<Self>,
    );
}

/// Returns the SQL type of a result.
pub const fn returns(sql: Sql) -> Sql {
    sql.checked()
}

#[diagnostic::do_not_recommend]
impl<N: Nullable> Output for N {
    type Value = N::Value;

    const CAN_FAIL: bool = false;

    #[inline(always)]
    fn into_row(self) -> Result<Option<Self::Value>, String> {
        Ok(self.into_option())
    }
}

#[diagnostic::do_not_recommend]
impl<N: Nullable, E: Display> Output for Result<N, E> {
    type Value = N::Value;

    const CAN_FAIL: bool = true;

    #[inline(always)]
    fn into_row(self) -> Result<Option<Self::Value>, String> {
        match self {
            Ok(value) => Ok(value.into_option()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<V: Value> Nullable for V {
    type Value = V;

    #[inline(always)]
    fn into_option(self) -> Option<Self::Value> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<V: Value> Nullable for Option<V> {
    type Value = V;

    #[inline(always)]
    fn into_option(self) -> Option<Self::Value> {
        self
    }
}

macro_rules! values {
    ($($results:ty, $bytes:expr => $($rust:ty)+;)*) => {$($(
        impl Value for $rust {
            type ResultBuilder = $results;

            #[inline]
            fn memory() -> &'static LocalKey<Cell<Self::ResultBuilder>> {
                thread_local! {
                    static MEMORY: Cell<$results> = const { Cell::new(<$results>::new()) };
                }
                &MEMORY
            }

            #[inline(always)]
            fn charged_bytes(&self) -> usize {
                $bytes(self)
            }

            #[inline(always)]
            fn extend(
                results: &mut Self::ResultBuilder, rows: impl Iterator<Item = (usize, Option<Self>)>) {
                results.extend(rows);
            }

            #[inline(always)]
            fn extend_some(
                results: &mut Self::ResultBuilder,
                block: Block,
                begin: impl FnMut(usize),
                value: impl FnMut(usize) -> Option<Self>,
            ) {
                results.extend_some(block, begin, value);
            }
        }
    )+)*};
}
values! {
    BitBuilder, |_: &Self| 0 => bool;
    NumberBuilder<i8>, |_: &Self| 0 => i8;
    NumberBuilder<i16>, |_: &Self| 0 => i16;
    NumberBuilder<i32>, |_: &Self| 0 => i32;
    NumberBuilder<i64>, |_: &Self| 0 => i64;
    NumberBuilder<u8>, |_: &Self| 0 => u8;
    NumberBuilder<u16>, |_: &Self| 0 => u16;
    NumberBuilder<u32>, |_: &Self| 0 => u32;
    NumberBuilder<u64>, |_: &Self| 0 => u64;
    NumberBuilder<f32>, |_: &Self| 0 => f32;
    NumberBuilder<f64>, |_: &Self| 0 => f64;
    BytesBuilder, |value: &Self| value.len() => &str String &[u8] Vec<u8>;
}

#[diagnostic::do_not_recommend]
impl<V: Append + Nested> Value for V {
    type ResultBuilder = NestedBuilder;

    fn start(results: &mut NestedBuilder, rows: usize) {
        results.start(rows);
        V::start(&mut results.root);
    }

    fn memory() -> &'static LocalKey<Cell<NestedBuilder>> {
        thread_local! {
            static MEMORY: Cell<NestedBuilder> = const { Cell::new(NestedBuilder::new()) };
        }
        &MEMORY
    }

    fn charged_bytes(&self) -> usize {
        self.nullable_bytes()
    }

    fn extend(results: &mut NestedBuilder, rows: impl Iterator<Item = (usize, Option<Self>)>) {
        results.extend(rows);
    }

    fn extend_some(
        results: &mut NestedBuilder,
        block: Block,
        begin: impl FnMut(usize),
        value: impl FnMut(usize) -> Option<Self>,
    ) {
        results.extend_some(block, begin, value);
    }
}

/// Types whose columns hold numbers.
macro_rules! made_of_numbers {
    ($([$($generics:tt)*] $type:ty = $number:ty, $read:expr;)*) => {$(
        impl<$($generics)*> Value for $type {
            type ResultBuilder = NumberBuilder<$number>;

            #[inline]
            fn memory() -> &'static LocalKey<Cell<Self::ResultBuilder>> {
                thread_local! {
                    static MEMORY: Cell<NumberBuilder<$number>> =
                        const { Cell::new(NumberBuilder::new()) };
                }
                &MEMORY
            }

            #[inline(always)]
            fn charged_bytes(&self) -> usize {
                0
            }

            #[inline(always)]
            fn extend(
                results: &mut Self::ResultBuilder, rows: impl Iterator<Item = (usize, Option<Self>)>) {
                results.extend(rows.map(|(row, value)| (row, value.map($read))));
            }

            #[inline(always)]
            fn extend_some(
                results: &mut Self::ResultBuilder,
                block: Block,
                begin: impl FnMut(usize),
                mut value: impl FnMut(usize) -> Option<Self>,
            ) {
                results.extend_some(block, begin, |row| value(row).map($read));
            }
        }
    )*};
}
made_of_numbers! {
    [] F16 = u16, F16::to_bits;
    [const P: u8, const S: i8] Decimal<P, S> = i128, Self::unscaled;
    [] AnyDecimal = i128, AnyDecimal::unscaled;
    [] Date = i32, Date::days;
    [] Time = i64, Time::nanoseconds;
    [U: Unit] Timestamp<U> = i64, Self::count;
    [] TimestampTz = i64, TimestampTz::nanoseconds;
    [] Duration = i64, Duration::nanoseconds;
    [] Interval = Interval, |interval: Self| interval;
}
