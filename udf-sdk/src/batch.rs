//! The loop over the rows of a batch, which calls the author's function.

use crate::column::{BLOCK_ROWS, CONSTANT_ROWS, bits};
use crate::fuel::{self, MeteringMode};
use crate::output::{Output, Value};
use crate::raw::Call;
use crate::results::{Block, ResultBuilder};
use crate::row::{RowArguments, Shape, Valid};

/// The failure of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowFailure {
    /// The row that failed.
    pub row: usize,
    /// The message.
    pub message: String,
}

/// Runs a function on the batch of a call, and returns the results. If
/// `INLINE`, the function is inlined into every loop that does not meter each
/// row.
#[inline]
pub fn run<'c, const INLINE: bool, R: RowArguments<'c>, O: Output>(
    call: &'c Call,
    function: impl Fn(R) -> O,
) -> u32 {
    let columns = R::columns(&mut call.arguments());
    let memory = <O::Value as Value>::memory();
    let mut results = memory.take();
    fuel::report_panics();
    let mode = fuel::metering_mode();
    let outcome = fill::<INLINE, R, O>(&columns, call.rows(), mode, function, &mut results);
    let status = match outcome {
        Ok(()) => results.return_to(call),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    };
    memory.set(results);
    status
}

/// Runs a function on the batch of a call, and returns the results of the first
/// rows, as many as the call has fuel for.
#[inline]
pub fn run_some<'c, R: RowArguments<'c>, O: Output>(
    call: &'c Call,
    function: impl Fn(R) -> O,
) -> u32 {
    let columns = R::columns(&mut call.arguments());
    let memory = <O::Value as Value>::memory();
    let mut results = memory.take();
    fuel::report_panics();
    let outcome = match fuel::metering_mode() {
        MeteringMode::PerRow | MeteringMode::Grouped => {
            fill_some(&columns, call.rows(), function, &mut results)
        }
        mode => {
            let outcome = fill::<false, R, O>(&columns, call.rows(), mode, function, &mut results);
            outcome.map(|()| call.rows())
        }
    };
    let status = match outcome {
        Ok(rows) => results.return_to(&call.of_first(rows)),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    };
    memory.set(results);
    status
}

/// Fills `results` with the results of metered rows, until there is no fuel for
/// another. Returns the number of rows processed.
#[inline]
pub(crate) fn fill_some<'c, R: RowArguments<'c>, O: Output>(
    columns: &R::Columns,
    rows: usize,
    mut function: impl FnMut(R) -> O,
    results: &mut <O::Value as Value>::ResultBuilder,
) -> Result<usize, RowFailure> {
    O::Value::start(results, rows);
    let has_nulls = R::shape(columns).has_nulls;
    let mut failure = None;
    let mut done = 0;
    let outcomes = (0..rows).map_while(|row| {
        if failure.is_some() || (row > 0 && !fuel::has_fuel()) {
            return None;
        }
        done = row + 1;
        if has_nulls && !R::is_called(columns, row) {
            return Some((row, None));
        }
        Some((
            row,
            call_row(columns, row, true, &mut function, &mut failure),
        ))
    });
    O::Value::extend(results, outcomes);
    check_overflow::<O>(results, failure)?;
    Ok(done)
}

/// Calls the function for one row, on the row's own fuel if it is metered.
///
/// The module has one copy of this function, which is called for every row, so
/// that a row costs the same in every batch, and a function with loops has all
/// registers. All other code is overhead, which the call pays for.
#[inline(never)]
fn call_row<'c, R: RowArguments<'c>, O: Output>(
    columns: &R::Columns,
    row: usize,
    is_metered: bool,
    function: &mut impl FnMut(R) -> O,
    failure: &mut Option<RowFailure>,
) -> Option<O::Value> {
    let raw = match is_metered {
        true => R::get(columns, row),
        false => R::at(columns, row),
    };
    fuel::begin_row(row, is_metered);
    let outcome = R::with(raw, |row| function(row).into_row(), || Ok(None));
    let value = outcome.as_ref().ok().and_then(Option::as_ref);
    fuel::end_row(charged_bytes::<R, O>(value), is_metered);
    outcome.unwrap_or_else(|message| {
        *failure = Some(RowFailure { row, message });
        None
    })
}

/// Returns the bytes that a row is charged for.
#[inline(always)]
fn charged_bytes<'c, R: RowArguments<'c>, O: Output>(value: Option<&O::Value>) -> usize {
    value.map_or(0, Value::charged_bytes) + R::READ_CHARGE_BYTES
}

/// Fills `results` with the results of all rows.
///
/// Rows that are not metered run in loops that the function is inlined into. A
/// batch without nulls is one block, or, with constants, blocks of the length
/// of expanded constants: the loop over a block then tests no bit and checks no
/// bound. Nulls make blocks of one validity word each.
#[inline]
pub(crate) fn fill<'c, const INLINE: bool, R: RowArguments<'c>, O: Output>(
    columns: &R::Columns,
    rows: usize,
    mode: MeteringMode,
    mut function: impl FnMut(R) -> O,
    results: &mut <O::Value as Value>::ResultBuilder,
) -> Result<(), RowFailure> {
    O::Value::start(results, rows);
    // Other rows cannot be vectorised, and one loop is enough for them.
    let is_flat_loop =
        R::IS_FLAT && matches!(mode, MeteringMode::Bounded | MeteringMode::Speculatable);
    let is_speculatable =
        is_flat_loop && mode == MeteringMode::Speculatable && !R::SEES_NULLS && !O::CAN_FAIL;
    let block_rows = match R::shape(columns) {
        Shape {
            has_nulls: true,
            has_constants: false,
        } if is_speculatable && called::<R>(columns, rows) >= rows / 4 => {
            // Evaluates the values under nulls too, and discards the results.
            let failure = fill_dense::<true, R, O>(columns, 0, rows, &mut function, results);
            for start in (0..rows).step_by(BLOCK_ROWS) {
                results.set_nulls(start, !R::valid(columns, start).strict);
            }
            return check_overflow::<O>(results, failure);
        }
        _ if !is_flat_loop => BLOCK_ROWS,
        shape => block_rows(shape, rows),
    };
    let mut failure = None;
    let mut start = 0;
    while start < rows && failure.is_none() {
        let count = block_rows.min(rows - start);
        let Valid { every, strict } = R::valid(columns, start);
        let unused = !bits(count);
        failure = if is_flat_loop && every | unused == u64::MAX {
            fill_dense::<true, R, O>(columns, start, count, &mut function, results)
        } else if is_flat_loop && R::SEES_NULLS && strict | unused == u64::MAX {
            fill_dense::<false, R, O>(columns, start, count, &mut function, results)
        } else {
            let block = Block {
                start,
                rows: count,
                called: strict,
                group: BLOCK_ROWS,
            };
            fill_sparse::<INLINE, R, O>(columns, block, mode, &mut function, results)
        };
        start += count;
    }
    check_overflow::<O>(results, failure)
}

// Separate functions, since compilers run out of registers if one function has
// several loops.

/// Fills `results` for the `rows` rows from `start`, all of which the function
/// is called for; if `FULL`, none of their arguments is null.
#[inline(never)]
fn fill_dense<'c, const FULL: bool, R: RowArguments<'c>, O: Output>(
    columns: &R::Columns,
    start: usize,
    rows: usize,
    function: &mut impl FnMut(R) -> O,
    results: &mut <O::Value as Value>::ResultBuilder,
) -> Option<RowFailure> {
    let mut failure = None;
    let raws = (start..start + rows).zip(R::rows::<FULL>(columns, start, rows));
    let outcomes = raws.map(|(row, raw)| (row, call(row, raw, function, &mut failure)));
    O::Value::extend(results, outcomes);
    failure
}

/// Number of rows in a row group: enough to make the cost of metering
/// negligible, and few enough to leave each row much fuel.
const GROUP_ROWS: usize = 16;

/// Fills `results` for a block.
#[inline(never)]
fn fill_sparse<'c, const INLINE: bool, R: RowArguments<'c>, O: Output>(
    columns: &R::Columns,
    block: Block,
    mode: MeteringMode,
    function: &mut impl FnMut(R) -> O,
    results: &mut <O::Value as Value>::ResultBuilder,
) -> Option<RowFailure> {
    let mut failure = None;
    let mut bytes = 0;
    let is_metered = mode == MeteringMode::PerRow;
    let is_grouped = mode == MeteringMode::Grouped;
    // A function that can fail has more code than a call of it costs.
    let is_short = R::IS_FLAT && !O::CAN_FAIL;
    let is_here = !is_metered && (INLINE || is_short && !is_grouped);
    let is_one_group = !is_grouped || block.called.count_ones() as usize <= GROUP_ROWS;
    let group = match is_one_group {
        true => BLOCK_ROWS,
        false => GROUP_ROWS,
    };
    let begin = |row| {
        if is_grouped {
            fuel::begin_row_group(row);
        }
    };
    O::Value::extend_some(results, Block { group, ..block }, begin, |row| {
        // No row is called after one that failed.
        if failure.is_some() {
            return None;
        }
        let value = match is_here {
            false => call_row(columns, row, is_metered, function, &mut failure),
            true => {
                // Rows in these loops are bounded, so they allocate nothing.
                if is_grouped {
                    fuel::begin_row(row, false);
                }
                let value = call(row, R::at(columns, row), function, &mut failure);
                if is_grouped {
                    fuel::end_row(0, false);
                }
                value
            }
        };
        bytes += charged_bytes::<R, O>(value.as_ref());
        value
    });
    // The last group is charged for all groups: if its fuel does not suffice,
    // the host repeats the call row by row.
    if is_grouped {
        fuel::end_row_group(bytes);
    }
    failure
}

/// Calls the function for a row, unless a row failed before: another failure or
/// trap would hide the first.
#[inline(always)]
fn call<'c, R: RowArguments<'c>, O: Output>(
    row: usize,
    raw: R::Raw,
    function: &mut impl FnMut(R) -> O,
    failure: &mut Option<RowFailure>,
) -> Option<O::Value> {
    if failure.is_some() {
        return None;
    }
    R::with(raw, |row| function(row).into_row(), || Ok(None)).unwrap_or_else(|message| {
        *failure = Some(RowFailure { row, message });
        None
    })
}

/// Returns the number of rows that the function is called for.
fn called<'c, R: RowArguments<'c>>(columns: &R::Columns, rows: usize) -> usize {
    let starts = (0..rows).step_by(BLOCK_ROWS);
    let called = starts.map(|start| R::valid(columns, start).strict & bits(rows - start));
    called.map(|word| word.count_ones() as usize).sum()
}

/// Returns the number of rows that one loop can process.
#[inline]
pub(crate) fn block_rows(shape: Shape, rows: usize) -> usize {
    match shape {
        Shape {
            has_nulls: true, ..
        } => BLOCK_ROWS,
        Shape {
            has_constants: true,
            ..
        } => CONSTANT_ROWS,
        Shape { .. } => rows,
    }
}

/// Nothing is appended after a failure, so an overflow came before it.
pub(crate) fn check_overflow<O: Output>(
    results: &<O::Value as Value>::ResultBuilder,
    failure: Option<RowFailure>,
) -> Result<(), RowFailure> {
    let overflow = results.overflow().map(|row| RowFailure {
        row,
        message: <O::Value as Value>::ResultBuilder::OVERFLOW.to_owned(),
    });
    overflow.or(failure).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests;
