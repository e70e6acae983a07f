//! The loop over the rows of a batch: the one place where the author's
//! function is called.

use crate::argument::{Argument, ColumnOf, Plain};
use crate::column::{BLOCK_ROWS, Column, SPREAD_ROWS};
use crate::entry::{Arguments, Call};
use crate::output::{Output, Value};
use crate::results::Results;

/// The arguments of one row, as pairs: `(A, (B, ()))` for a function of two.
/// Pairs, because Rust has no tuples of any length.
pub trait Row<'c>: Sized {
    /// Their columns.
    type Columns;

    /// What the columns hold for a row, before it is made arguments.
    type Raw: Copy;

    /// Reads the columns in the order of the signature.
    fn columns(arguments: &mut Arguments<'c>) -> Self::Columns;

    /// What the loop must know about the columns before it starts.
    fn shape(columns: &Self::Columns) -> Shape;

    /// Which rows from `start` on are null.
    fn valid(columns: &Self::Columns, start: usize) -> Valid;

    /// What the columns hold for the `rows` rows from `start`, under the terms
    /// of [`Column::rows`]; if `DENSE`, none of them is null.
    fn rows<const DENSE: bool>(
        columns: &Self::Columns,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw>;

    /// Makes the arguments of a row.
    fn from_raw(raw: Self::Raw) -> Self;
}

/// What the loop must know about the columns before it starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    has_nulls: bool,
    has_constants: bool,
}

/// One bit for each of [`BLOCK_ROWS`] rows. All ones where a column has no
/// nulls.
#[derive(Clone, Copy, Debug)]
pub struct Valid {
    /// 1 where no argument is null.
    every: u64,
    /// 1 where no argument is null but those that see nulls.
    strict: u64,
}

impl<'c> Row<'c> for () {
    type Columns = ();
    type Raw = ();

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

    fn rows<const DENSE: bool>(
        _columns: &(),
        _start: usize,
        rows: usize,
    ) -> impl Iterator<Item = ()> {
        (0..rows).map(|_| ())
    }

    fn from_raw(_raw: ()) {}
}

impl<'c, A: Argument<'c>, R: Row<'c>> Row<'c> for (A, R) {
    type Columns = (ColumnOf<'c, A>, R::Columns);
    type Raw = (A::Raw, R::Raw);

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
    fn rows<const DENSE: bool>(
        (first, rest): &Self::Columns,
        start: usize,
        rows: usize,
    ) -> impl Iterator<Item = Self::Raw> {
        A::rows::<DENSE>(first, start, rows).zip(R::rows::<DENSE>(rest, start, rows))
    }

    #[inline(always)]
    fn from_raw((first, rest): Self::Raw) -> Self {
        (A::from_raw(first), R::from_raw(rest))
    }
}

/// Why a batch has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The row to blame.
    pub row: usize,
    /// Why.
    pub message: String,
}

/// Runs a function on the batch of a call, and answers it.
#[inline]
pub fn run<'c, R: Row<'c>, O: Output>(call: &'c Call, function: impl Fn(R) -> O) -> u32 {
    let columns = R::columns(&mut call.arguments());
    let memory = <O::Value as Value>::memory();
    let mut results = memory.take();
    let outcome = fill(&columns, call.rows(), function, &mut results);
    let status = match outcome {
        Ok(()) => call.answer(results.buffers().as_ref()),
        Err(failure) => call.fail(failure.row, failure.message),
    };
    memory.set(results);
    status
}

/// Fills `results` with what `function` answers to each row.
///
/// A batch without nulls is one block, or, with constants, blocks as long as
/// constants are spread: the loop over a block then neither tests a bit nor
/// checks a bound. Nulls make blocks of one validity word each.
#[inline]
fn fill<'c, R: Row<'c>, O: Output>(
    columns: &R::Columns,
    rows: usize,
    function: impl Fn(R) -> O,
    results: &mut <O::Value as Value>::Results,
) -> Result<(), Failure> {
    let block_rows = match R::shape(columns) {
        Shape {
            has_nulls: true, ..
        } => BLOCK_ROWS,
        Shape {
            has_constants: true,
            ..
        } => SPREAD_ROWS,
        Shape { .. } => rows,
    };
    results.start(rows);
    let mut failure = None;
    let mut start = 0;
    while start < rows && failure.is_none() {
        let count = block_rows.min(rows - start);
        let mut call = |row: usize, raw: R::Raw| {
            // After a failure no row is called any more: its own failure or
            // trap would hide the first.
            if failure.is_some() {
                return None;
            }
            function(R::from_raw(raw))
                .into_row()
                .unwrap_or_else(|message| {
                    failure = Some(Failure { row, message });
                    None
                })
        };
        let valid = R::valid(columns, start);
        if valid.every.trailing_ones() as usize >= count.min(BLOCK_ROWS) {
            let raws = (start..start + count).zip(R::rows::<true>(columns, start, count));
            O::Value::extend(results, raws.map(|(row, raw)| (row, call(row, raw))));
        } else {
            let raws = (start..start + count).zip(R::rows::<false>(columns, start, count));
            O::Value::extend(
                results,
                raws.map(|(row, raw)| {
                    let is_called = valid.strict >> (row % BLOCK_ROWS) & 1 == 1;
                    (row, is_called.then(|| call(row, raw)).flatten())
                }),
            );
        }
        start += count;
    }
    let overflow = results.overflow().map(|row| Failure {
        row,
        message: "the column of results has more than 2147483647 bytes".to_owned(),
    });
    failure.or(overflow).map_or(Ok(()), Err)
}
