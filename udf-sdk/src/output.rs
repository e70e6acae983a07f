//! Rust types that become SQL results.

use std::cell::Cell;
use std::fmt::Display;
use std::thread::LocalKey;

use crate::append::{Append, AppendPart};
use crate::calendar::{Date, Duration, Interval, Time};
use crate::decimal::{AnyDecimal, Decimal};
use crate::float::F16;
use crate::results::{BitResults, Block, ByteResults, NestedResults, NumberResults, Results};
use crate::sql::{Nested, Sql, SqlType};
use crate::timestamp::{Timestamp, TimestampTz, Unit};

/// A Rust type that becomes a SQL result: one of [the table](crate#types),
/// `Option` of one for nulls, or `Result` of either for failures.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can become a SQL result",
    label = "no SQL type for this result",
    note = "use bool, i8…i64, u8…u64, f32, f64, &str, String, &[u8] or Vec<u8>, F16, Decimal, Date, Time, Timestamp, TimestampTz, Interval, Duration, a List, Vec or Map of these, a struct with #[derive(Row)], an Option of one of these, or a Result of either whose error implements Display"
)]
pub trait Output {
    /// The type of a row that is not null.
    type Value: Value;

    /// Whether it can be a failure.
    const CAN_FAIL: bool;

    /// The row's value, null, or the message of its failure.
    fn into_row(self) -> Result<Option<Self::Value>, String>;
}

/// A Rust type that becomes a SQL result which may be null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can become a SQL result",
    label = "no SQL type for this result",
    note = "use bool, i8…i64, u8…u64, f32, f64, &str, String, &[u8] or Vec<u8>, F16, Decimal, Date, Time, Timestamp, TimestampTz, Interval, Duration, a List, Vec or Map of these, a struct with #[derive(Row)], or an Option of one of these"
)]
pub trait Nullable {
    /// The type of a row that is not null.
    type Value: Value;

    /// The row's value, or null.
    fn into_option(self) -> Option<Self::Value>;
}

/// A Rust type that becomes a SQL result which is never null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that can become a SQL result",
    label = "no SQL type for this result",
    note = "use bool, i8…i64, u8…u64, f32, f64, &str, String, &[u8] or Vec<u8>, F16, Decimal, Date, Time, Timestamp, TimestampTz, Interval, Duration, a List, Vec or Map of these, a struct with #[derive(Row)], or an Option of one of these"
)]
pub trait Value: SqlType + Sized {
    /// The column of results, in the layout of the SQL type.
    type Results: Results;

    /// Forgets the last call's rows, and makes room for `rows` rows.
    #[inline]
    fn start(results: &mut Self::Results, rows: usize) {
        results.start(rows);
    }

    /// Where the result column lives between calls, since the host reads it
    /// after the export has returned.
    fn memory() -> &'static LocalKey<Cell<Self::Results>>;

    /// How many bytes the value adds to a column, where that depends on it.
    fn settled_bytes(&self) -> usize;

    /// Appends rows, each with its number.
    fn extend(results: &mut Self::Results, rows: impl Iterator<Item = (usize, Option<Self>)>);

    /// Appends the rows of a block, of which `value` has those that the function
    /// is called for, by their numbers. `begin` gets the first of each group.
    fn extend_some(
        results: &mut Self::Results,
        block: Block,
        begin: impl FnMut(usize),
        value: impl FnMut(usize) -> Option<Self>,
    );
}

/// The SQL type of a result of the type `R`.
pub const fn returns<R: Output>() -> Sql {
    <R::Value as SqlType>::SQL
}

impl<N: Nullable> Output for N {
    type Value = N::Value;

    const CAN_FAIL: bool = false;

    #[inline(always)]
    fn into_row(self) -> Result<Option<Self::Value>, String> {
        Ok(self.into_option())
    }
}

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

impl<V: Value> Nullable for V {
    type Value = V;

    #[inline(always)]
    fn into_option(self) -> Option<Self::Value> {
        Some(self)
    }
}

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
            type Results = $results;

            #[inline]
            fn memory() -> &'static LocalKey<Cell<Self::Results>> {
                thread_local! {
                    static MEMORY: Cell<$results> = const { Cell::new(<$results>::new()) };
                }
                &MEMORY
            }

            #[inline(always)]
            fn settled_bytes(&self) -> usize {
                $bytes(self)
            }

            #[inline(always)]
            fn extend(
                results: &mut Self::Results, rows: impl Iterator<Item = (usize, Option<Self>)>) {
                results.extend(rows);
            }

            #[inline(always)]
            fn extend_some(
                results: &mut Self::Results,
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
    BitResults, |_: &Self| 0 => bool;
    NumberResults<i8>, |_: &Self| 0 => i8;
    NumberResults<i16>, |_: &Self| 0 => i16;
    NumberResults<i32>, |_: &Self| 0 => i32;
    NumberResults<i64>, |_: &Self| 0 => i64;
    NumberResults<u8>, |_: &Self| 0 => u8;
    NumberResults<u16>, |_: &Self| 0 => u16;
    NumberResults<u32>, |_: &Self| 0 => u32;
    NumberResults<u64>, |_: &Self| 0 => u64;
    NumberResults<f32>, |_: &Self| 0 => f32;
    NumberResults<f64>, |_: &Self| 0 => f64;
    ByteResults, |value: &Self| value.len() => &str String &[u8] Vec<u8>;
}

impl<V: Append + Nested> Value for V {
    type Results = NestedResults;

    fn start(results: &mut NestedResults, rows: usize) {
        results.start(rows);
        V::start(&mut results.root);
    }

    fn memory() -> &'static LocalKey<Cell<NestedResults>> {
        thread_local! {
            static MEMORY: Cell<NestedResults> = const { Cell::new(NestedResults::new()) };
        }
        &MEMORY
    }

    fn settled_bytes(&self) -> usize {
        self.part_bytes()
    }

    fn extend(results: &mut NestedResults, rows: impl Iterator<Item = (usize, Option<Self>)>) {
        results.extend(rows);
    }

    fn extend_some(
        results: &mut NestedResults,
        block: Block,
        begin: impl FnMut(usize),
        value: impl FnMut(usize) -> Option<Self>,
    ) {
        results.extend_some(block, begin, value);
    }
}

/// Types that a column holds as a number.
macro_rules! made_of_numbers {
    ($([$($generics:tt)*] $type:ty = $number:ty, $read:expr;)*) => {$(
        impl<$($generics)*> Value for $type {
            type Results = NumberResults<$number>;

            #[inline]
            fn memory() -> &'static LocalKey<Cell<Self::Results>> {
                thread_local! {
                    static MEMORY: Cell<NumberResults<$number>> =
                        const { Cell::new(NumberResults::new()) };
                }
                &MEMORY
            }

            #[inline(always)]
            fn settled_bytes(&self) -> usize {
                0
            }

            #[inline(always)]
            fn extend(
                results: &mut Self::Results, rows: impl Iterator<Item = (usize, Option<Self>)>) {
                results.extend(rows.map(|(row, value)| (row, value.map($read))));
            }

            #[inline(always)]
            fn extend_some(
                results: &mut Self::Results,
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
