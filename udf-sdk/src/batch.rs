//! The loop over the rows of a batch: the one place where the author's
//! function is called.

use crate::argument::{Argument, Block, ColumnOf, Plain};
use crate::column::{BLOCK_ROWS, Column, SPREAD_ROWS};
use crate::entry::{Arguments, Call};
use crate::output::{Output, Value};
use crate::results::Results;

/// The arguments of one row, as pairs: `(A, (B, ()))` for a function of two.
/// Pairs, because Rust has no tuples of any length.
pub trait Row<'c>: Sized {
    /// Their columns.
    type Columns: 'c;

    /// Some rows of them.
    type Blocks<'b>
    where
        'c: 'b;

    /// Reads the columns in the order of the signature.
    fn columns(arguments: &mut Arguments<'c>) -> Self::Columns;

    /// What the loop must know about the columns before it starts.
    fn shape(columns: &Self::Columns) -> Shape;

    /// Cuts out some rows, under the terms of [`Column::block`].
    fn blocks<'b>(columns: &'b Self::Columns, start: usize, rows: usize) -> Self::Blocks<'b>
    where
        'c: 'b;

    /// Which rows of the blocks are null.
    fn valid(blocks: &Self::Blocks<'_>) -> Valid;

    /// The arguments of a row; if `DENSE`, no row of the blocks is null.
    fn get<const DENSE: bool>(blocks: &Self::Blocks<'_>, row: usize) -> Self;
}

/// What the loop must know about the columns before it starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape {
    has_nulls: bool,
    has_constants: bool,
}

/// One bit for each of up to [`BLOCK_ROWS`] rows.
#[derive(Clone, Copy, Debug)]
pub struct Valid {
    /// 1 where no argument is null.
    every: u64,
    /// 1 where no argument is null but those that see nulls.
    strict: u64,
}

impl<'c> Row<'c> for () {
    type Columns = ();
    type Blocks<'b>
        = ()
    where
        'c: 'b;

    fn columns(_arguments: &mut Arguments<'c>) {}

    fn shape(_columns: &()) -> Shape {
        Shape::default()
    }

    fn blocks<'b>(_columns: &'b (), _start: usize, _rows: usize)
    where
        'c: 'b,
    {
    }

    fn valid(_blocks: &()) -> Valid {
        Valid {
            every: u64::MAX,
            strict: u64::MAX,
        }
    }

    fn get<const DENSE: bool>(_blocks: &(), _row: usize) {}
}

impl<'c, A: Argument<'c>, R: Row<'c>> Row<'c> for (A, R) {
    type Columns = (ColumnOf<'c, A>, R::Columns);
    type Blocks<'b>
        = (Block<'b, 'c, A>, R::Blocks<'b>)
    where
        'c: 'b;

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
    fn blocks<'b>((first, rest): &'b Self::Columns, start: usize, rows: usize) -> Self::Blocks<'b>
    where
        'c: 'b,
    {
        (Block::new(first, start, rows), R::blocks(rest, start, rows))
    }

    #[inline]
    fn valid((first, rest): &Self::Blocks<'_>) -> Valid {
        let Valid { every, strict } = R::valid(rest);
        let valid = first.valid();
        Valid {
            every: every & valid,
            strict: if A::SEES_NULLS {
                strict
            } else {
                strict & valid
            },
        }
    }

    #[inline(always)]
    fn get<const DENSE: bool>((first, rest): &Self::Blocks<'_>, row: usize) -> Self {
        (A::row::<DENSE>(first, row), R::get::<DENSE>(rest, row))
    }
}

/// Why a batch has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
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
/// constants are spread: the loop in a block then neither tests a bit nor
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
    for start in (0..rows).step_by(block_rows) {
        let count = block_rows.min(rows - start);
        let blocks = R::blocks(columns, start, count);
        let mut call = |row, arguments| {
            // After a failure no row is called any more: its own failure or
            // trap would hide the first.
            if failure.is_some() {
                return None;
            }
            function(arguments).into_row().unwrap_or_else(|message| {
                let row = start + row;
                failure = Some(Failure { row, message });
                None
            })
        };
        let valid = R::valid(&blocks);
        if valid.every.trailing_ones() as usize >= count.min(BLOCK_ROWS) {
            O::Value::extend(results, count, |row| {
                call(row, R::get::<true>(&blocks, row))
            });
        } else {
            O::Value::extend(results, count, |row| {
                let is_called = valid.strict >> (row % BLOCK_ROWS) & 1 == 1;
                is_called.then(|| call(row, R::get::<false>(&blocks, row)))?
            });
        }
        if failure.is_some() {
            break;
        }
    }
    let overflow = results.overflow().map(|row| Failure {
        row,
        message: format!("the result column has more than {} bytes", i32::MAX),
    });
    failure.or(overflow).map_or(Ok(()), Err)
}
