//! Rust types that SQL arguments arrive as.

use crate::column::{BLOCK_ROWS, Bits, Bytes, Column, Number, Numbers};
use crate::entry::{Arguments, Layout, Text};
use crate::sql::{Parameter, SqlType};

/// A Rust type that a SQL argument arrives as: one of [the table](crate#types),
/// or `Option` of one, which sees nulls.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that a SQL argument can arrive as",
    label = "no SQL type for this argument",
    note = "use bool, i8…i64, u8…u64, f32, f64, &str, String, &[u8] or Vec<u8>, or an Option of one of these"
)]
pub trait Argument<'c>: Sized {
    /// The type without its nulls.
    type Plain: Plain<'c>;

    /// Whether the function is called where the argument is null.
    const SEES_NULLS: bool;

    /// The value of a row of the block; if `DENSE`, no row of it is null.
    #[doc(hidden)]
    fn row<const DENSE: bool>(block: &Block<'_, 'c, Self>, row: usize) -> Self;
}

/// A Rust type that a SQL argument arrives as where it is not null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a type that a SQL argument can arrive as",
    label = "no SQL type for this argument",
    note = "use bool, i8…i64, u8…u64, f32, f64, &str, String, &[u8] or Vec<u8>, or an Option of one of these"
)]
pub trait Plain<'c>: SqlType + Sized {
    #[doc(hidden)]
    type Column: Column + 'c;

    #[doc(hidden)]
    fn column(arguments: &mut Arguments<'c>) -> Self::Column;

    #[doc(hidden)]
    fn value<'b>(values: &<Self::Column as Column>::Block<'b>, row: usize) -> Self
    where
        'c: 'b;
}

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

/// The column of an argument.
pub(crate) type ColumnOf<'c, A> = <<A as Argument<'c>>::Plain as Plain<'c>>::Column;

/// Some rows of an argument.
pub struct Block<'b, 'c: 'b, A: Argument<'c>> {
    values: <ColumnOf<'c, A> as Column>::Block<'b>,
    valid: u64,
}

impl<'b, 'c: 'b, A: Argument<'c>> Block<'b, 'c, A> {
    /// Cuts the rows from `start` out of a column, under the terms of
    /// [`Column::block`].
    #[inline]
    pub(crate) fn new(column: &'b ColumnOf<'c, A>, start: usize, rows: usize) -> Self {
        Self {
            values: column.block(start, rows),
            valid: column.validity().word(start),
        }
    }

    /// One bit for each of the first [`BLOCK_ROWS`] rows: 1 where the argument
    /// is not null. All ones where the whole column has no nulls.
    #[inline]
    pub(crate) fn valid(&self) -> u64 {
        self.valid
    }
}

impl<'c, P: Plain<'c>> Argument<'c> for P {
    type Plain = P;

    const SEES_NULLS: bool = false;

    #[inline(always)]
    fn row<const DENSE: bool>(block: &Block<'_, 'c, Self>, row: usize) -> Self {
        P::value(&block.values, row)
    }
}

impl<'c, P: Plain<'c>> Argument<'c> for Option<P> {
    type Plain = P;

    const SEES_NULLS: bool = true;

    #[inline(always)]
    fn row<const DENSE: bool>(block: &Block<'_, 'c, Self>, row: usize) -> Self {
        let is_valid = DENSE || block.valid >> (row % BLOCK_ROWS) & 1 == 1;
        is_valid.then(|| P::value(&block.values, row))
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl<'c> Plain<'c> for $number {
            type Column = Numbers<'c, $number>;

            fn column(arguments: &mut Arguments<'c>) -> Self::Column {
                Numbers::new(arguments.next(Layout::Numbers(size_of::<$number>())))
            }

            #[inline(always)]
            fn value<'b>(values: &<Self::Column as Column>::Block<'b>, row: usize) -> Self
            where
                'c: 'b,
            {
                Number::from_bytes(values[row])
            }
        }
    )*};
}
numbers!(i8 i16 i32 i64 u8 u16 u32 u64 f32 f64);

/// The types whose columns are read row by row, as what, and how the row's
/// value becomes the argument.
macro_rules! others {
    ($($rust:ty, $column:ty, $read:expr, $convert:expr;)*) => {$(
        impl<'c> Plain<'c> for $rust {
            type Column = $column;

            fn column(arguments: &mut Arguments<'c>) -> Self::Column {
                $read(arguments)
            }

            #[inline(always)]
            fn value<'b>((column, start): &(Self::Column, usize), row: usize) -> Self
            where
                'c: 'b,
            {
                $convert(column.get(start + row))
            }
        }
    )*};
}
others! {
    bool, Bits<'c>, bits, |value| value;
    &'c str, Text<'c>, Arguments::next_text, |value| value;
    String, Text<'c>, Arguments::next_text, str::to_owned;
    &'c [u8], Bytes<'c>, bytes, |value| value;
    Vec<u8>, Bytes<'c>, bytes, <[u8]>::to_owned;
}

fn bits<'c>(arguments: &mut Arguments<'c>) -> Bits<'c> {
    Bits::new(arguments.next(Layout::Bits))
}

fn bytes<'c>(arguments: &mut Arguments<'c>) -> Bytes<'c> {
    Bytes::new(arguments.next(Layout::Bytes))
}
