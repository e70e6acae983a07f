//! The loop over the rows of a batch: the one place where the author's
//! function is called.

use crate::column::{BLOCK_ROWS, SPREAD_ROWS, bits};
use crate::entry::Call;
use crate::fuel::{self, Terms};
use crate::output::{Output, Value};
use crate::results::{Block, Results};
use crate::row::{Row, Shape, Valid};

/// Why a batch has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The row to blame.
    pub row: usize,
    /// Why.
    pub message: String,
}

/// Runs a function on the batch of a call, and answers it. If `INLINE`, it stands
/// in every loop that need not announce each row.
#[inline]
pub fn run<'c, const INLINE: bool, R: Row<'c>, O: Output>(
    call: &'c Call,
    function: impl Fn(R) -> O,
) -> u32 {
    let columns = R::columns(&mut call.arguments());
    let memory = <O::Value as Value>::memory();
    let mut results = memory.take();
    fuel::report_panics();
    let terms = fuel::terms();
    let outcome = fill::<INLINE, R, O>(&columns, call.rows(), terms, function, &mut results);
    let status = match outcome {
        Ok(()) => results.answer(call),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    };
    memory.set(results);
    status
}

/// Runs a function on the batch of a call, and answers for the rows that there
/// is fuel for: the first ones, where it is not for all.
#[inline]
pub fn run_some<'c, R: Row<'c>, O: Output>(call: &'c Call, function: impl Fn(R) -> O) -> u32 {
    let columns = R::columns(&mut call.arguments());
    let memory = <O::Value as Value>::memory();
    let mut results = memory.take();
    fuel::report_panics();
    let outcome = match fuel::terms() {
        Terms::Announced | Terms::Together => {
            fill_some(&columns, call.rows(), function, &mut results)
        }
        terms => {
            let outcome = fill::<false, R, O>(&columns, call.rows(), terms, function, &mut results);
            outcome.map(|()| call.rows())
        }
    };
    let status = match outcome {
        Ok(rows) => results.answer(&call.of_first(rows)),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    };
    memory.set(results);
    status
}

/// Fills `results` with what `function` answers to each row, which is announced,
/// until there is no fuel for another. Returns how many were done.
#[inline]
pub(crate) fn fill_some<'c, R: Row<'c>, O: Output>(
    columns: &R::Columns,
    rows: usize,
    mut function: impl FnMut(R) -> O,
    results: &mut <O::Value as Value>::Results,
) -> Result<usize, Failure> {
    O::Value::start(results, rows);
    let has_nulls = R::shape(columns).has_nulls;
    let mut failure = None;
    let mut done = 0;
    let answers = (0..rows).map_while(|row| {
        if failure.is_some() || (row > 0 && !fuel::more()) {
            return None;
        }
        done = row + 1;
        if has_nulls && !R::is_called(columns, row) {
            return Some((row, None));
        }
        Some((row, one(columns, row, true, &mut function, &mut failure)))
    });
    O::Value::extend(results, answers);
    finish::<O>(results, failure)?;
    Ok(done)
}

/// Calls the function for one row: on the row's own fuel, if it is to be
/// announced.
///
/// There is one copy of this in the module and it is called for every row, so
/// that a row costs the same in every batch, and a function with loops has all
/// registers. The rest is bookkeeping, which is paid for elsewhere.
#[inline(never)]
fn one<'c, R: Row<'c>, O: Output>(
    columns: &R::Columns,
    row: usize,
    is_announced: bool,
    function: &mut impl FnMut(R) -> O,
    failure: &mut Option<Failure>,
) -> Option<O::Value> {
    let raw = match is_announced {
        true => R::get(columns, row),
        false => R::at(columns, row),
    };
    fuel::begin(row, is_announced);
    let answer = R::with(raw, |row| function(row).into_row(), || Ok(None));
    let value = answer.as_ref().ok().and_then(Option::as_ref);
    fuel::end(settled_bytes::<R, O>(value), is_announced);
    answer.unwrap_or_else(|message| {
        *failure = Some(Failure { row, message });
        None
    })
}

/// What a row is settled with, in bytes.
#[inline(always)]
fn settled_bytes<'c, R: Row<'c>, O: Output>(value: Option<&O::Value>) -> usize {
    value.map_or(0, Value::settled_bytes) + R::READ_BYTES
}

/// Fills `results` with what `function` answers to each row.
///
/// Rows that need not be announced run in loops that hold the function itself. A
/// batch without nulls is one block, or, with constants, blocks as long as
/// constants are spread: the loop over a block then neither tests a bit nor
/// checks a bound. Nulls make blocks of one validity word each.
#[inline]
pub(crate) fn fill<'c, const INLINE: bool, R: Row<'c>, O: Output>(
    columns: &R::Columns,
    rows: usize,
    terms: Terms,
    mut function: impl FnMut(R) -> O,
    results: &mut <O::Value as Value>::Results,
) -> Result<(), Failure> {
    O::Value::start(results, rows);
    // There is nothing to vectorise in other rows, and one loop is enough for
    // them.
    let is_dense = R::IS_FLAT && matches!(terms, Terms::Bounded | Terms::Harmless);
    let is_harmless = is_dense && terms == Terms::Harmless && !R::SEES_NULLS && !O::CAN_FAIL;
    let block_rows = match R::shape(columns) {
        Shape {
            has_nulls: true,
            has_constants: false,
        } if is_harmless && called::<R>(columns, rows) >= rows / 4 => {
            // Whatever stands under a null, and whatever becomes of it.
            let failure = fill_dense::<true, R, O>(columns, 0, rows, &mut function, results);
            for start in (0..rows).step_by(BLOCK_ROWS) {
                results.set_nulls(start, !R::valid(columns, start).strict);
            }
            return finish::<O>(results, failure);
        }
        _ if !is_dense => BLOCK_ROWS,
        shape => block_rows(shape, rows),
    };
    let mut failure = None;
    let mut start = 0;
    while start < rows && failure.is_none() {
        let count = block_rows.min(rows - start);
        let Valid { every, strict } = R::valid(columns, start);
        let unused = !bits(count);
        failure = if is_dense && every | unused == u64::MAX {
            fill_dense::<true, R, O>(columns, start, count, &mut function, results)
        } else if is_dense && R::SEES_NULLS && strict | unused == u64::MAX {
            fill_dense::<false, R, O>(columns, start, count, &mut function, results)
        } else {
            let block = Block {
                start,
                rows: count,
                called: strict,
                group: BLOCK_ROWS,
            };
            fill_sparse::<INLINE, R, O>(columns, block, terms, &mut function, results)
        };
        start += count;
    }
    finish::<O>(results, failure)
}

// Apart from each other, since compilers run out of registers where loops stand
// in one function.

/// Fills `results` for the `rows` rows from `start`, for all of which the
/// function is called; if `FULL`, no argument of theirs is null.
#[inline(never)]
fn fill_dense<'c, const FULL: bool, R: Row<'c>, O: Output>(
    columns: &R::Columns,
    start: usize,
    rows: usize,
    function: &mut impl FnMut(R) -> O,
    results: &mut <O::Value as Value>::Results,
) -> Option<Failure> {
    let mut failure = None;
    let raws = (start..start + rows).zip(R::rows::<FULL>(columns, start, rows));
    let answers = raws.map(|(row, raw)| (row, call(row, raw, function, &mut failure)));
    O::Value::extend(results, answers);
    failure
}

/// How many rows are announced together: enough that announcing them does not
/// show, and few enough that each may burn much.
const TOGETHER_ROWS: usize = 16;

/// Fills `results` for a block.
#[inline(never)]
fn fill_sparse<'c, const INLINE: bool, R: Row<'c>, O: Output>(
    columns: &R::Columns,
    block: Block,
    terms: Terms,
    function: &mut impl FnMut(R) -> O,
    results: &mut <O::Value as Value>::Results,
) -> Option<Failure> {
    let mut failure = None;
    let mut bytes = 0;
    let is_announced = terms == Terms::Announced;
    let is_together = terms == Terms::Together;
    // What can fail holds more code than a call costs.
    let is_short = R::IS_FLAT && !O::CAN_FAIL;
    let is_here = !is_announced && (INLINE || is_short && !is_together);
    let is_one_group = !is_together || block.called.count_ones() as usize <= TOGETHER_ROWS;
    let group = match is_one_group {
        true => BLOCK_ROWS,
        false => TOGETHER_ROWS,
    };
    let begin = |row| {
        if is_together {
            fuel::announce_together(row);
        }
    };
    O::Value::extend_some(results, Block { group, ..block }, begin, |row| {
        // No row is called any more after one that failed.
        if failure.is_some() {
            return None;
        }
        let value = match is_here {
            false => one(columns, row, is_announced, function, &mut failure),
            true => {
                // Where rows are bounded, none allocates.
                if is_together {
                    fuel::begin(row, false);
                }
                let value = call(row, R::at(columns, row), function, &mut failure);
                if is_together {
                    fuel::end(0, false);
                }
                value
            }
        };
        bytes += settled_bytes::<R, O>(value.as_ref());
        value
    });
    // The last group pays for all: what is too much for it is looked at again,
    // row by row.
    if is_together {
        fuel::settle_together(bytes);
    }
    failure
}

/// Calls the function for a row, unless one failed before: its own failure or
/// trap would hide the first.
#[inline(always)]
fn call<'c, R: Row<'c>, O: Output>(
    row: usize,
    raw: R::Raw,
    function: &mut impl FnMut(R) -> O,
    failure: &mut Option<Failure>,
) -> Option<O::Value> {
    if failure.is_some() {
        return None;
    }
    R::with(raw, |row| function(row).into_row(), || Ok(None)).unwrap_or_else(|message| {
        *failure = Some(Failure { row, message });
        None
    })
}

/// How many rows the function is called for.
fn called<'c, R: Row<'c>>(columns: &R::Columns, rows: usize) -> usize {
    let starts = (0..rows).step_by(BLOCK_ROWS);
    let called = starts.map(|start| R::valid(columns, start).strict & bits(rows - start));
    called.map(|word| word.count_ones() as usize).sum()
}

/// How many rows a loop can go through at once.
#[inline]
pub(crate) fn block_rows(shape: Shape, rows: usize) -> usize {
    match shape {
        Shape {
            has_nulls: true, ..
        } => BLOCK_ROWS,
        Shape {
            has_constants: true,
            ..
        } => SPREAD_ROWS,
        Shape { .. } => rows,
    }
}

/// Nothing is appended after a failure, so an overflow came before it.
pub(crate) fn finish<O: Output>(
    results: &<O::Value as Value>::Results,
    failure: Option<Failure>,
) -> Result<(), Failure> {
    let overflow = results.overflow().map(|row| Failure {
        row,
        message: <O::Value as Value>::Results::OVERFLOW.to_owned(),
    });
    overflow.or(failure).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::cell::RefCell;
    use std::iter;

    use crate::argument::Argument;
    use crate::column::{Bits, Numbers};
    use crate::entry::Text;
    use crate::results::{BitResults, ByteResults, NumberResults};
    use crate::sample::Sample;

    const TERMS: [Terms; 4] = [
        Terms::Announced,
        Terms::Together,
        Terms::Bounded,
        Terms::Harmless,
    ];

    type Two<'c> = (Numbers<'c, i64>, (Numbers<'c, i64>, ()));

    /// Around one word of validity, one spread constant, and both.
    const ROWS: [usize; 12] = [1, 2, 63, 64, 65, 127, 128, 255, 256, 257, 320, 1000];

    /// Numbers that look random and are the same in every run.
    fn numbers(seed: u64) -> impl Iterator<Item = u64> {
        let next = |state: &u64| Some(state.wrapping_mul(6364136223846793005).wrapping_add(1));
        iter::successors(Some(seed), next).map(|state| state >> 33)
    }

    /// A column, or now and then a constant, with so many nulls in 16 rows.
    fn column(seed: u64, rows: usize, nulls: u64) -> Vec<Option<i64>> {
        let length = if numbers(seed).nth(9) < Some(1 << 30) {
            1
        } else {
            rows
        };
        let mut numbers = numbers(seed).skip(10);
        let mut value = || numbers.next().filter(|number| number % 16 >= nulls);
        let value = || value().map(|number| number as i64);
        iter::repeat_with(value).take(length).collect()
    }

    /// Every row of a column, with a constant in each.
    fn spread(column: &[Option<i64>], rows: usize) -> impl Iterator<Item = Option<i64>> {
        column.iter().copied().cycle().take(rows)
    }

    /// Runs `function` on batches of two columns of all kinds, and compares.
    fn check<A, B, O>(
        function: impl Fn((A, (B, ()))) -> O,
        expected: impl Fn(Option<i64>, Option<i64>) -> Option<i64>,
    ) where
        A: for<'c> Argument<'c, Plain = i64>,
        B: for<'c> Argument<'c, Plain = i64>,
        O: Output<Value = i64>,
    {
        let mut results = NumberResults::new();
        let mut nulls_seen = [0; 2];
        for (seed, rows) in (0..600).zip(ROWS.iter().copied().cycle()) {
            let [a, b] =
                [seed, seed + 1000].map(|seed| column(seed, rows, [0, 1, 16][seed as usize % 3]));
            let samples = [&a, &b].map(|column| Sample::numbers(rows, column));
            let columns: Two<'_> = (samples[0].as_numbers(), (samples[1].as_numbers(), ()));
            let both = spread(&a, rows).zip(spread(&b, rows));
            let expected: Vec<_> = both.map(|(a, b)| expected(a, b)).collect();
            let ways = TERMS.map(|terms| [(terms, false), (terms, true)]);
            for (terms, is_inline) in ways.into_iter().flatten() {
                let outcome = match is_inline {
                    false => fill::<false, _, _>(&columns, rows, terms, &function, &mut results),
                    true => fill::<true, _, _>(&columns, rows, terms, &function, &mut results),
                };
                assert_eq!(outcome, Ok(()));
                assert_eq!(
                    results.to_options(),
                    expected,
                    "{seed}: {rows} rows, {terms:?}"
                );
            }
            for value in expected {
                nulls_seen[usize::from(value.is_none())] += 1;
            }
        }
        assert!(
            nulls_seen.iter().all(|seen| *seen > 10_000),
            "{nulls_seen:?}"
        );
    }

    #[test]
    fn strict_function_is_called_where_no_argument_is_null() {
        check(
            |(a, (b, ())): (i64, (i64, ()))| a.wrapping_add(b),
            |a, b| Some(a? + b?),
        );
    }

    #[test]
    fn option_sees_the_nulls_and_the_other_argument_does_not() {
        check(
            |(a, (b, ())): (Option<i64>, (i64, ()))| a.unwrap_or(7) + b,
            |a, b| Some(a.unwrap_or(7) + b?),
        );
    }

    #[test]
    fn result_may_be_null_where_no_argument_is() {
        check(
            |(a, (b, ())): (Option<i64>, (Option<i64>, ()))| a.xor(b).filter(|n| n % 2 == 0),
            |a, b| a.xor(b).filter(|n| n % 2 == 0),
        );
    }

    #[test]
    fn booleans_are_read_and_written_bit_by_bit() {
        let mut results = BitResults::new();
        for rows in ROWS {
            for nulls in [0, 3] {
                let [a, b] = [1, 2].map(|seed| -> Vec<Option<bool>> {
                    let is_odd = |n| n % 2 == 1;
                    let column = column(seed + 20, rows, nulls);
                    column.into_iter().map(|value| value.map(is_odd)).collect()
                });
                let samples = [&a, &b].map(|column| Sample::bits(rows, column));
                let columns: (Bits<'_>, (Bits<'_>, ())) =
                    (samples[0].as_bits(), (samples[1].as_bits(), ()));
                let exclusive = |(a, (b, ())): (bool, (bool, ()))| a != b;
                let expected = (0..rows).map(|row| {
                    let at = |column: &[Option<bool>]| column[row % column.len()];
                    Some(at(&a)? != at(&b)?)
                });
                let expected: Vec<_> = expected.collect();
                assert_eq!(
                    fill::<false, _, _>(&columns, rows, Terms::Bounded, exclusive, &mut results),
                    Ok(())
                );
                assert_eq!(results.to_options(rows), expected);
                let outcome =
                    fill::<false, _, _>(&columns, rows, Terms::Announced, exclusive, &mut results);
                assert_eq!(outcome, Ok(()));
                assert_eq!(results.to_options(rows), expected);
            }
        }
    }

    #[test]
    fn text_is_borrowed_from_the_column_and_given_back() {
        let words = [Some("ein"), None, Some(""), Some("Süßes zum Schluß")];
        let words = Sample::texts(4, &words);
        let suffix = Sample::texts(4, &[Some("ß")]);
        let columns: (Text<'_>, (Text<'_>, ())) = (words.as_text(), (suffix.as_text(), ()));
        fn trim<'c>((word, (suffix, ())): (&'c str, (&'c str, ()))) -> Option<&'c str> {
            word.strip_suffix(suffix)
        }
        let mut results = ByteResults::new();
        let expected = [None, None, None, Some("Süßes zum Schlu")];
        let expected = expected.map(|text| text.map(str::as_bytes));
        assert_eq!(
            fill::<false, _, _>(&columns, 4, Terms::Bounded, trim, &mut results),
            Ok(())
        );
        assert_eq!(results.to_options(), expected);
        assert_eq!(
            fill::<false, _, _>(&columns, 4, Terms::Announced, trim, &mut results),
            Ok(())
        );
        assert_eq!(results.to_options(), expected);
    }

    #[test]
    fn function_without_arguments_is_called_for_every_row() {
        let count = RefCell::new(0_i64);
        let next = |()| {
            *count.borrow_mut() += 1;
            *count.borrow()
        };
        let mut results = NumberResults::new();
        assert_eq!(
            fill::<false, _, _>(&(), 3, Terms::Bounded, next, &mut results),
            Ok(())
        );
        assert_eq!(results.to_options(), [Some(1), Some(2), Some(3)]);
        assert_eq!(
            fill::<false, _, _>(&(), 2, Terms::Announced, next, &mut results),
            Ok(())
        );
        assert_eq!(results.to_options(), [Some(4), Some(5)]);
    }

    #[test]
    fn no_row_is_called_after_the_one_that_failed() {
        let cases = [(false, 0), (false, 700), (true, 0), (true, 699)];
        for ((nulls, failing), terms) in cases
            .into_iter()
            .flat_map(|case| TERMS.map(|terms| (case, terms)))
        {
            let mut column: Vec<Option<i64>> = (0..1000).map(Some).collect();
            if nulls {
                column[5] = None;
            }
            let sample = Sample::numbers(1000, &column);
            let last = RefCell::new(0);
            let up_to = |(n, ()): (i64, ())| {
                assert!(n <= failing, "row {n} is called after row {failing}");
                last.replace(n);
                if n == failing { Err("enough") } else { Ok(n) }
            };
            let mut results = NumberResults::new();
            let columns: (Numbers<'_, i64>, ()) = (sample.as_numbers(), ());
            let outcome = fill::<false, _, _>(&columns, 1000, terms, up_to, &mut results);
            let (row, message) = (failing as usize, "enough".to_owned());
            assert_eq!(outcome, Err(Failure { row, message }));
            assert_eq!(last.into_inner(), failing);
        }
    }
}
