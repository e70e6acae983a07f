//! The arguments of a row, gathered from as many columns as there are.

use crate::argument::{Argument, ColumnOf, Plain};
use crate::column::Column;
use crate::entry::Arguments;

/// The arguments of one row, as pairs: `(A, (B, ()))` for a function of two.
/// Pairs, because Rust has no tuples of any length.
pub trait Row<'c>: Sized {
    /// Their columns.
    type Columns;

    /// What the columns hold for a row, before it is made arguments.
    type Raw: Copy;

    /// Whether any of them sees nulls.
    const SEES_NULLS: bool;

    /// What reading a row is settled with, in bytes.
    const READ_BYTES: usize;

    /// Whether rows lie side by side in all of them.
    const IS_FLAT: bool;

    /// Reads the columns in the order of the signature.
    fn columns(arguments: &mut Arguments<'c>) -> Self::Columns;

    /// What the loop must know about the columns before it starts.
    fn shape(columns: &Self::Columns) -> Shape;

    /// Which rows from `start` on are null.
    fn valid(columns: &Self::Columns, start: usize) -> Valid;

    /// Whether the function is called for a row: no argument is null but those
    /// that see nulls.
    fn is_called(columns: &Self::Columns, row: usize) -> bool;

    /// What the columns hold for a row, where it lies.
    fn at(columns: &Self::Columns, row: usize) -> Self::Raw;

    /// What the columns hold for a row, by steps that do not depend on the
    /// other rows.
    fn get(columns: &Self::Columns, row: usize) -> Self::Raw;

    /// What the columns hold for the `rows` rows from `start`, under the terms
    /// of [`Column::rows`]; if `DENSE`, none of them is null.
    fn rows<const DENSE: bool>(
        columns: &Self::Columns,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw>;

    /// Makes the arguments of a row and goes on with them; or with nothing,
    /// where one has a null inside that its type does not let be.
    fn with<T>(raw: Self::Raw, whole: impl FnOnce(Self) -> T, lacking: impl Fn() -> T + Copy) -> T;
}

/// What the loop must know about the columns before it starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    /// Whether any row of any column is null.
    pub(crate) has_nulls: bool,
    /// Whether any column is constant.
    pub(crate) has_constants: bool,
}

/// One bit for each row of a validity word. All ones where a column has no
/// nulls.
#[derive(Clone, Copy, Debug)]
pub struct Valid {
    /// 1 where no argument is null.
    pub(crate) every: u64,
    /// 1 where no argument is null but those that see nulls.
    pub(crate) strict: u64,
}

impl<'c> Row<'c> for () {
    type Columns = ();
    type Raw = ();

    const SEES_NULLS: bool = false;
    const READ_BYTES: usize = 0;
    const IS_FLAT: bool = true;

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
    fn with<T>(_raw: (), whole: impl FnOnce(()) -> T, _lacking: impl Fn() -> T + Copy) -> T {
        whole(())
    }
}

impl<'c, A: Argument<'c>, R: Row<'c>> Row<'c> for (A, R) {
    type Columns = (ColumnOf<'c, A>, R::Columns);
    type Raw = (A::Raw, R::Raw);

    const SEES_NULLS: bool = A::SEES_NULLS || R::SEES_NULLS;
    const READ_BYTES: usize = A::READ_BYTES + R::READ_BYTES;
    const IS_FLAT: bool = <ColumnOf<'c, A> as Column>::IS_FLAT && R::IS_FLAT;

    #[inline]
    fn columns(arguments: &mut Arguments<'c>) -> Self::Columns {
        let first = A::Plain::column(arguments);
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
        whole: impl FnOnce(Self) -> T,
        lacking: impl Fn() -> T + Copy,
    ) -> T {
        A::with(
            first,
            |first| R::with(rest, |rest| whole((first, rest)), lacking),
            lacking,
        )
    }
}
