//! The arguments of a row, gathered from their columns.

use crate::argument::{Argument, ArgumentValue, ColumnOf};
use crate::column::InputColumn;
use crate::raw::Arguments;
#[cfg(not(target_arch = "wasm32"))]
use crate::sql::{Sql, SqlType};

/// The arguments of one row, as pairs: `(A, (B, ()))` for two arguments. Pairs,
/// because Rust has no tuples of variable length.
pub trait RowArguments<'c>: Sized {
    /// The columns of the arguments.
    type Columns;

    /// The raw values of a row, from which the arguments are made.
    type Raw: Copy;

    /// True if any argument sees nulls.
    const SEES_NULLS: bool;

    /// Bytes that a row is charged for reading the arguments.
    const READ_CHARGE_BYTES: usize;

    /// True if the rows of all columns are contiguous.
    const IS_FLAT: bool;

    /// Appends the SQL types of the arguments.
    #[cfg(not(target_arch = "wasm32"))]
    fn sql_types(types: &mut Vec<Sql>);

    /// Reads the columns in the order of the signature.
    fn columns(arguments: &mut Arguments<'c>) -> Self::Columns;

    /// Returns the properties of the columns that select a loop.
    fn shape(columns: &Self::Columns) -> Shape;

    /// Returns the validity of the rows from `start`.
    fn valid(columns: &Self::Columns, start: usize) -> Valid;

    /// Returns true if the function is called for a row: no argument is null
    /// except those that see nulls.
    fn is_called(columns: &Self::Columns, row: usize) -> bool;

    /// Returns the raw values of a row in place.
    fn at(columns: &Self::Columns, row: usize) -> Self::Raw;

    /// Returns the raw values of a row, by work that does not depend on the
    /// other rows.
    fn get(columns: &Self::Columns, row: usize) -> Self::Raw;

    /// Returns the raw values of the `rows` rows from `start`, as
    /// [`InputColumn::rows`] does; if `DENSE`, none of them is null.
    fn rows<const DENSE: bool>(
        columns: &Self::Columns,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw>;

    /// Makes the arguments of a row and calls `on_value` with them; or calls
    /// `on_null` if one has a null inside that its type does not allow.
    fn with<T>(
        raw: Self::Raw,
        on_value: impl FnOnce(Self) -> T,
        on_null: impl Fn() -> T + Copy,
    ) -> T;
}

/// The properties of columns that select a loop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// True if any row of any column is null.
    pub(crate) has_nulls: bool,
    /// True if any column is constant.
    pub(crate) has_constants: bool,
}

/// One bit for each row of a validity word; all ones if no column has nulls.
#[derive(Clone, Copy, Debug)]
pub struct Valid {
    /// 1 if no argument is null.
    pub(crate) every: u64,
    /// 1 if no argument is null except those that see nulls.
    pub(crate) strict: u64,
}

impl<'c> RowArguments<'c> for () {
    type Columns = ();
    type Raw = ();

    const SEES_NULLS: bool = false;
    const READ_CHARGE_BYTES: usize = 0;
    const IS_FLAT: bool = true;

    #[cfg(not(target_arch = "wasm32"))]
    fn sql_types(_types: &mut Vec<Sql>) {}

    fn columns(_arguments: &mut Arguments<'c>) {}

    fn shape(_columns: &()) -> Shape {
        Shape::default()
    }

    fn valid(_columns: &(), _start: usize) -> Valid {
        Valid {
            every: u64::MAX,
            strict: u64::MAX,
        }
    }

    fn is_called(_columns: &(), _row: usize) -> bool {
        true
    }

    fn at(_columns: &(), _row: usize) {}

    fn get(_columns: &(), _row: usize) {}

    fn rows<const DENSE: bool>(
        _columns: &(),
        _start: usize,
        rows: usize,
    ) -> impl Iterator<Item = ()> {
        (0..rows).map(|_| ())
    }

    #[inline(always)]
    fn with<T>(_raw: (), on_value: impl FnOnce(()) -> T, _on_null: impl Fn() -> T + Copy) -> T {
        on_value(())
    }
}

impl<'c, A: Argument<'c>, R: RowArguments<'c>> RowArguments<'c> for (A, R) {
    type Columns = (ColumnOf<'c, A>, R::Columns);
    type Raw = (A::Raw, R::Raw);

    const SEES_NULLS: bool = A::SEES_NULLS || R::SEES_NULLS;
    const READ_CHARGE_BYTES: usize = A::READ_CHARGE_BYTES + R::READ_CHARGE_BYTES;
    const IS_FLAT: bool = <ColumnOf<'c, A> as InputColumn>::IS_FLAT && R::IS_FLAT;

    #[cfg(not(target_arch = "wasm32"))]
    fn sql_types(types: &mut Vec<Sql>) {
        types.push(<A::Value as SqlType>::SQL);
        R::sql_types(types);
    }

    #[inline]
    fn columns(arguments: &mut Arguments<'c>) -> Self::Columns {
        let first = A::Value::column(arguments);
        (first, R::columns(arguments))
    }

    #[inline]
    fn shape((first, rest): &Self::Columns) -> Shape {
        let rest = R::shape(rest);
        let validity = first.validity();
        Shape {
            has_nulls: rest.has_nulls | validity.has_nulls(),
            has_constants: rest.has_constants | validity.is_constant(),
        }
    }

    #[inline]
    fn valid((first, rest): &Self::Columns, start: usize) -> Valid {
        let Valid { every, strict } = R::valid(rest, start);
        let valid = first.validity().word(start);
        Valid {
            every: every & valid,
            strict: if A::SEES_NULLS {
                strict
            } else {
                strict & valid
            },
        }
    }

    #[inline]
    fn is_called((first, rest): &Self::Columns, row: usize) -> bool {
        (A::SEES_NULLS || first.validity().is_valid(row)) & R::is_called(rest, row)
    }

    #[inline]
    fn at((first, rest): &Self::Columns, row: usize) -> Self::Raw {
        (A::at(first, row), R::at(rest, row))
    }

    #[inline]
    fn get((first, rest): &Self::Columns, row: usize) -> Self::Raw {
        (A::get(first, row), R::get(rest, row))
    }

    #[inline]
    fn rows<const DENSE: bool>(
        (first, rest): &Self::Columns,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw> {
        A::rows::<DENSE>(first, start, rows).zip(R::rows::<DENSE>(rest, start, rows))
    }

    #[inline(always)]
    fn with<T>(
        (first, rest): Self::Raw,
        on_value: impl FnOnce(Self) -> T,
        on_null: impl Fn() -> T + Copy,
    ) -> T {
        A::with(
            first,
            |first| R::with(rest, |rest| on_value((first, rest)), on_null),
            on_null,
        )
    }
}
