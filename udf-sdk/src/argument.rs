//! Rust types of SQL arguments, and the columns they are read from.
//!
//! Arguments are read in two ways. A scalar is read from a column of its own
//! ([`column`](crate::column)), a flat slice of the batch: loops over rows know
//! its type, so that the compiler vectorises them. A list, a struct or a map is
//! read from a view ([`view`](crate::view) and [`item`](crate::item)), which is
//! sliced to the items of each row, recursively. Reading scalars through views
//! would add a slice and a copy to each row, and reading nested types through
//! flat columns is not possible, since their items have rows of their own.
//! [`NestedColumn`] joins the two: it is the column of a nested argument.

use crate::aligned_copy::CopySlots;
use crate::calendar::{Date, Duration, Interval, Time};
use crate::column::{BLOCK_ROWS, Bits, ByteColumn, InputColumn, Numbers, TextColumn, Validity};
use crate::decimal::{AnyDecimal, Decimal};
use crate::float::F16;
use crate::input_array::InputArray;
use crate::item::Item;
use crate::number::Number;
use crate::raw::{Arguments, BufferLayout};
use crate::sql::{Nested, Parameter, Sql, SqlType};
use crate::timestamp::{Timestamp, TimestampTz, Unit};
use crate::view::View;

/// A Rust type of a SQL argument: one of [the table](crate#types), or `Option`
/// of one, which sees nulls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type of a SQL argument",
    label = "no SQL type for this argument",
    note = "the documentation of fusebox_sdk has a table of types"
)]
pub trait Argument<'c>: Sized {
    /// The type without nulls.
    type Value: ArgumentValue<'c>;

    /// True if the function is called for rows whose argument is null.
    const SEES_NULLS: bool;

    /// The raw value of a row, from which the argument is made.
    type Raw: Copy;

    /// Bytes that a row is charged for reading the argument.
    const READ_CHARGE_BYTES: usize = <ColumnOf<'c, Self> as InputColumn>::READ_CHARGE_BYTES;

    /// Returns the raw value of a row in place.
    fn at(column: &ColumnOf<'c, Self>, row: usize) -> Self::Raw;

    /// Returns the raw value of a row, by work that does not depend on other
    /// rows.
    fn get(column: &ColumnOf<'c, Self>, row: usize) -> Self::Raw;

    /// Returns the raw values of the `rows` rows from `start`; if `DENSE`, none
    /// of them is null.
    fn rows<const DENSE: bool>(
        column: &ColumnOf<'c, Self>,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw>;

    /// Makes the argument, which may allocate, and calls `on_value` with it; or
    /// calls `on_null` if the argument has a null inside that its type does not
    /// allow.
    fn with<T>(
        raw: Self::Raw,
        on_value: impl FnOnce(Self) -> T,
        on_null: impl Fn() -> T + Copy,
    ) -> T;
}

/// A Rust type of a SQL argument that is not null.
pub trait ArgumentValue<'c>: SqlType + Sized {
    /// The column, in the layout of the SQL type.
    type Column: InputColumn + 'c;

    /// Reads the column.
    fn column(arguments: &mut Arguments<'c>) -> Self::Column;

    /// Makes the argument; none if it has a null inside that the type does not
    /// allow.
    fn from_item(item: ItemOf<'c, Self>) -> Option<Self>;

    /// Makes the argument and calls `on_value` with it. Unlike with an
    /// `Option`, flat types leave no test in the loop.
    fn with_item<T>(
        item: ItemOf<'c, Self>,
        on_value: impl FnOnce(Self) -> T,
        on_null: impl Fn() -> T + Copy,
    ) -> T;
}

/// The raw value of a row of a type's column.
type ItemOf<'c, P> = <<P as ArgumentValue<'c>>::Column as InputColumn>::Item;

/// The column of an argument.
pub(crate) type ColumnOf<'c, A> = <<A as Argument<'c>>::Value as ArgumentValue<'c>>::Column;

impl Parameter {
    /// Describes an argument.
    pub const fn new(name: &'static str, sql: Sql, sees_nulls: bool) -> Self {
        Self {
            name,
            sql: sql.checked(),
            sees_nulls,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<'c, P: ArgumentValue<'c>> Argument<'c> for P {
    type Value = P;
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
    fn with<T>(
        raw: Self::Raw,
        on_value: impl FnOnce(Self) -> T,
        on_null: impl Fn() -> T + Copy,
    ) -> T {
        P::with_item(raw, on_value, on_null)
    }
}

#[diagnostic::do_not_recommend]
impl<'c, P: ArgumentValue<'c>> Argument<'c> for Option<P> {
    type Value = P;
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
        on_value: impl FnOnce(Self) -> T,
        _on_null: impl Fn() -> T + Copy,
    ) -> T {
        on_value(raw.and_then(P::from_item))
    }
}

/// Reads a column of numbers.
#[inline]
fn numbers<'c, N: Number>(arguments: &mut Arguments<'c>) -> Numbers<'c, N> {
    Numbers::new(arguments.next(BufferLayout::Numbers(size_of::<N>())))
}

/// A column of lists, structs or maps.
pub struct NestedColumn<'c, T: Item> {
    validity: Validity<'c>,
    view: T::View<'c>,
}

impl<'c, T: Item> NestedColumn<'c, T> {
    /// Reads a column for a batch of `rows` rows.
    pub(crate) fn new(array: InputArray<'c>, rows: usize, slots: &mut CopySlots) -> Self {
        let buffers = array.nested_buffers(false, rows);
        Self {
            validity: Validity::new(&buffers),
            view: T::view(array, slots),
        }
    }
}

impl<'c, T: Item> InputColumn for NestedColumn<'c, T> {
    type Item = T::View<'c>;

    const READ_CHARGE_BYTES: usize = <T::View<'c> as View<'c>>::READ_CHARGE_BYTES;

    #[inline]
    fn validity(&self) -> &Validity<'_> {
        &self.validity
    }

    #[inline]
    fn at(&self, row: usize) -> T::View<'c> {
        T::row_view::<false>(&self.view, self.validity.row(row))
    }

    #[inline]
    fn get(&self, row: usize) -> T::View<'c> {
        T::row_view::<true>(&self.view, self.validity.row(row))
    }

    #[inline]
    fn rows(&self, start: usize, rows: usize) -> impl Iterator<Item = T::View<'c>> {
        let rows = (start..start + rows).map(|row| self.validity.row(row));
        rows.map(|row| T::row_view::<false>(&self.view, row))
    }
}

#[diagnostic::do_not_recommend]
impl<'c, T: Item<At<'c> = T> + Nested + 'c> ArgumentValue<'c> for T {
    type Column = NestedColumn<'c, T>;

    fn column(arguments: &mut Arguments<'c>) -> Self::Column {
        let array = InputArray::Lowered(arguments.next_array());
        NestedColumn::new(array, arguments.rows, &mut arguments.slots)
    }

    #[inline]
    fn from_item(item: T::View<'c>) -> Option<T> {
        T::row_value(&item)
    }

    #[inline]
    fn with_item<A>(
        item: T::View<'c>,
        on_value: impl FnOnce(Self) -> A,
        on_null: impl Fn() -> A + Copy,
    ) -> A {
        match T::row_value(&item) {
            Some(argument) => on_value(argument),
            None => on_null(),
        }
    }
}

macro_rules! argument {
    ([$($generics:tt)*] $rust:ty, $column:ty, $read:expr) => {
        impl<'c, $($generics)*> ArgumentValue<'c> for $rust {
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
                on_value: impl FnOnce(Self) -> T,
                _on_null: impl Fn() -> T + Copy,
            ) -> T {
                on_value(item.into())
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
    Bits<'c>, |arguments: &mut Arguments<'c>| Bits::new(arguments.next(BufferLayout::Bits)) => bool;
    TextColumn<'c>, |arguments: &mut Arguments<'c>| TextColumn::texts(arguments.next_text()) => &'c str String;
    ByteColumn<'c>, |arguments: &mut Arguments<'c>| ByteColumn::bytes(arguments.next(BufferLayout::Bytes)) => &'c [u8] Vec<u8>;
}
argument! { [const P: u8, const S: i8] Decimal<P, S>, Numbers<'c, Self>, numbers }
argument! { [U: Unit] Timestamp<U>, Numbers<'c, Self>, numbers }
