//! Rust types that SQL arguments arrive as.

use crate::calendar::{Date, Duration, Interval, Time};
use crate::column::{BLOCK_ROWS, Bits, Bytes, Column, Layout, Numbers, Validity};
use crate::decimal::{AnyDecimal, Decimal};
use crate::entry::{Arguments, Array, Text};
use crate::float::F16;
use crate::item::Item;
use crate::number::Number;
use crate::places::Places;
use crate::sql::{Nested, Parameter, SqlType};
use crate::timestamp::{Timestamp, TimestampTz, Unit};
use crate::view::View;

/// A Rust type that a SQL argument arrives as: one of [the table](crate#types),
/// or `Option` of one, which sees nulls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that a SQL argument can arrive as",
    label = "no SQL type for this argument",
    note = "use bool, i8…i64, u8…u64, f32, f64, &str, String, &[u8] or Vec<u8>, F16, Decimal, Date, Time, Timestamp, TimestampTz, Interval, Duration, a List, Vec or Map of these, a struct with #[derive(Row)], or an Option of one of these"
)]
pub trait Argument<'c>: Sized {
    /// The type without its nulls.
    type Plain: Plain<'c>;

    /// Whether the function is called where the argument is null.
    const SEES_NULLS: bool;

    /// What the column holds for a row, before it is made an argument.
    type Raw: Copy;

    /// What reading a row is settled with, in bytes.
    const READ_BYTES: usize = <ColumnOf<'c, Self> as Column>::READ_BYTES;

    /// What the column holds for a row, where it lies.
    fn at(column: &ColumnOf<'c, Self>, row: usize) -> Self::Raw;

    /// What the column holds for a row, by steps that do not depend on the
    /// other rows.
    fn get(column: &ColumnOf<'c, Self>, row: usize) -> Self::Raw;

    /// What the column holds for the `rows` rows from `start`; if `DENSE`,
    /// none of them is null.
    fn rows<const DENSE: bool>(
        column: &ColumnOf<'c, Self>,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw>;

    /// Makes the argument, of what may need memory of its own, and goes on with
    /// it; or with nothing, where something inside is null that the type does
    /// not let be.
    fn with<T>(raw: Self::Raw, whole: impl FnOnce(Self) -> T, lacking: impl Fn() -> T + Copy) -> T;
}

/// A Rust type that a SQL argument arrives as where it is not null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that a SQL argument can arrive as",
    label = "no SQL type for this argument",
    note = "use bool, i8…i64, u8…u64, f32, f64, &str, String, &[u8] or Vec<u8>, F16, Decimal, Date, Time, Timestamp, TimestampTz, Interval, Duration, a List, Vec or Map of these, a struct with #[derive(Row)], or an Option of one of these"
)]
pub trait Plain<'c>: SqlType + Sized {
    /// The column, in the layout of the SQL type.
    type Column: Column + 'c;

    /// Reads the column.
    fn column(arguments: &mut Arguments<'c>) -> Self::Column;

    /// Makes the argument; none where something inside is null that the type
    /// does not let be.
    fn from_item(item: ItemOf<'c, Self>) -> Option<Self>;

    /// The same for going on with it. Types that have nothing inside leave no
    /// test in the loop, as they would behind an `Option`.
    fn with_item<T>(
        item: ItemOf<'c, Self>,
        whole: impl FnOnce(Self) -> T,
        lacking: impl Fn() -> T + Copy,
    ) -> T;
}

/// What the column of a type holds.
type ItemOf<'c, P> = <<P as Plain<'c>>::Column as Column>::Item;

/// The column of an argument.
pub(crate) type ColumnOf<'c, A> = <<A as Argument<'c>>::Plain as Plain<'c>>::Column;

impl Parameter {
    /// Describes an argument of the type `A`.
    pub const fn of<'c, A: Argument<'c>>(name: &'static str) -> Self {
        Self {
            name,
            sql: <A::Plain as SqlType>::SQL,
            sees_nulls: A::SEES_NULLS,
        }
    }
}

impl<'c, P: Plain<'c>> Argument<'c> for P {
    type Plain = P;
    type Raw = ItemOf<'c, P>;

    const SEES_NULLS: bool = false;

    #[inline]
    fn at(column: &P::Column, row: usize) -> Self::Raw {
        column.at(row)
    }

    #[inline]
    fn get(column: &P::Column, row: usize) -> Self::Raw {
        column.get(row)
    }

    #[inline]
    fn rows<const DENSE: bool>(
        column: &P::Column,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw> {
        column.rows(start, rows)
    }

    #[inline(always)]
    fn with<T>(raw: Self::Raw, whole: impl FnOnce(Self) -> T, lacking: impl Fn() -> T + Copy) -> T {
        P::with_item(raw, whole, lacking)
    }
}

impl<'c, P: Plain<'c>> Argument<'c> for Option<P> {
    type Plain = P;
    type Raw = Option<ItemOf<'c, P>>;

    const SEES_NULLS: bool = true;

    #[inline]
    fn at(column: &P::Column, row: usize) -> Self::Raw {
        let item = column.at(row);
        column.validity().is_valid(row).then_some(item)
    }

    #[inline]
    fn get(column: &P::Column, row: usize) -> Self::Raw {
        let item = column.get(row);
        column.validity().is_valid(row).then_some(item)
    }

    #[inline]
    fn rows<const DENSE: bool>(
        column: &P::Column,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw> {
        let valid = column.validity().word(start);
        (0..rows)
            .zip(column.rows(start, rows))
            .map(move |(row, item)| {
                let is_valid = DENSE || valid >> (row % BLOCK_ROWS) & 1 == 1;
                is_valid.then_some(item)
            })
    }

    #[inline(always)]
    fn with<T>(
        raw: Self::Raw,
        whole: impl FnOnce(Self) -> T,
        _lacking: impl Fn() -> T + Copy,
    ) -> T {
        whole(raw.and_then(P::from_item))
    }
}

/// Reads a column of numbers.
#[inline]
fn numbers<'c, N: Number>(arguments: &mut Arguments<'c>) -> Numbers<'c, N> {
    Numbers::new(arguments.next(Layout::Numbers(size_of::<N>())))
}

/// A column of lists, structs or maps.
pub struct Rows<'c, T: Item> {
    validity: Validity<'c>,
    view: T::View<'c>,
}

impl<'c, T: Item> Rows<'c, T> {
    /// Reads a column for a batch of `rows` rows.
    pub(crate) fn new(array: Array<'c>, rows: usize, places: &mut Places) -> Self {
        let buffers = array.outer_buffers(false, rows);
        Self {
            validity: Validity::new(&buffers),
            view: T::view(array, places),
        }
    }
}

impl<'c, T: Item> Column for Rows<'c, T> {
    type Item = T::View<'c>;

    const READ_BYTES: usize = <T::View<'c> as View<'c>>::READ_BYTES;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn at(&self, row: usize) -> T::View<'c> {
        T::lone::<false>(&self.view, self.validity.row(row))
    }

    #[inline]
    fn get(&self, row: usize) -> T::View<'c> {
        T::lone::<true>(&self.view, self.validity.row(row))
    }

    #[inline]
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = T::View<'c>> {
        let rows = (start..start + rows).map(|row| self.validity.row(row));
        rows.map(|row| T::lone::<false>(&self.view, row))
    }
}

impl<'c, T: Item<At<'c> = T> + Nested + 'c> Plain<'c> for T {
    type Column = Rows<'c, T>;

    fn column(arguments: &mut Arguments<'c>) -> Self::Column {
        let array = arguments.next_array();
        Rows::new(array, arguments.rows, &mut arguments.places)
    }

    #[inline]
    fn from_item(item: T::View<'c>) -> Option<T> {
        T::lone_item(&item)
    }

    #[inline]
    fn with_item<A>(
        item: T::View<'c>,
        whole: impl FnOnce(Self) -> A,
        lacking: impl Fn() -> A + Copy,
    ) -> A {
        match T::lone_item(&item) {
            Some(argument) => whole(argument),
            None => lacking(),
        }
    }
}

macro_rules! argument {
    ([$($generics:tt)*] $rust:ty, $column:ty, $read:expr) => {
        impl<'c, $($generics)*> Plain<'c> for $rust {
            type Column = $column;

            #[inline]
            fn column(arguments: &mut Arguments<'c>) -> Self::Column {
                $read(arguments)
            }

            #[inline(always)]
            fn from_item(item: ItemOf<'c, Self>) -> Option<Self> {
                Some(item.into())
            }

            #[inline(always)]
            fn with_item<T>(
                item: ItemOf<'c, Self>,
                whole: impl FnOnce(Self) -> T,
                _lacking: impl Fn() -> T + Copy,
            ) -> T {
                whole(item.into())
            }
        }
    };
}
macro_rules! arguments {
    ($($column:ty, $read:expr => $($rust:ty)+;)*) => {
        $($(argument! { [] $rust, $column, $read })+)*
    };
}
arguments! {
    Numbers<'c, Self>, numbers => i8 i16 i32 i64 u8 u16 u32 u64 f32 f64;
    Numbers<'c, Self>, numbers => F16 AnyDecimal Date Time TimestampTz Duration Interval;
    Bits<'c>, |arguments: &mut Arguments<'c>| Bits::new(arguments.next(Layout::Bits)) => bool;
    Text<'c>, Arguments::next_text => &'c str String;
    Bytes<'c>, |arguments: &mut Arguments<'c>| Bytes::new(arguments.next(Layout::Bytes)) => &'c [u8] Vec<u8>;
}
argument! { [const P: u8, const S: i8] Decimal<P, S>, Numbers<'c, Self>, numbers }
argument! { [U: Unit] Timestamp<U>, Numbers<'c, Self>, numbers }
