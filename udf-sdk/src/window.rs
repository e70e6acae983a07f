//! The operations of a window function, which call the author's code.

use std::cell::Cell;
use std::fmt::Display;
use std::thread::LocalKey;

use crate::batch::{RowFailure, check_overflow, fill, run_some};
use crate::fuel::{self, MeteringMode};
use crate::input_array::InputArray;
use crate::item::Item;
use crate::output::{Output, Value};
use crate::partition::{Partition, Peers};
use crate::raw::{Arguments, Call};
use crate::results::ResultBuilder;
use crate::row::RowArguments;
use crate::sql::{Sql, SqlType};

/// Runs `next` on the rows of a call, with the state that the last call has
/// left.
#[inline]
pub fn next<'c, S: Default, R: RowArguments<'c>, O: Output>(
    call: &'c Call,
    state: &'static LocalKey<Cell<Option<S>>>,
    function: impl Fn(&mut S, R) -> O,
) -> u32 {
    let columns = R::columns(&mut call.arguments());
    let memory = <O::Value as Value>::memory();
    let mut results = memory.take();
    fuel::report_panics();
    let mut now = state.take().unwrap_or_default();
    let outcome = match fuel::metering_mode() {
        MeteringMode::PerRow | MeteringMode::Grouped => {
            next_per_row(&columns, call.rows(), &mut now, &function, &mut results)
        }
        mode => {
            let next = |row| function(&mut now, row);
            let outcome = fill::<false, _, _>(&columns, call.rows(), mode, next, &mut results);
            outcome.map(|()| call.rows())
        }
    };
    state.set(Some(now));
    let status = match outcome {
        Ok(rows) => results.return_to(&call.of_first(rows)),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    };
    memory.set(results);
    status
}

/// Runs `next` on rows that are metered one by one. Returns the number of rows
/// processed.
#[inline]
pub(crate) fn next_per_row<'c, S, R: RowArguments<'c>, O: Output>(
    columns: &R::Columns,
    rows: usize,
    state: &mut S,
    function: &impl Fn(&mut S, R) -> O,
    results: &mut <O::Value as Value>::ResultBuilder,
) -> Result<usize, RowFailure> {
    O::Value::start(results, rows);
    let has_nulls = R::shape(columns).has_nulls;
    let mut failure = None;
    let mut done = 0;
    let outcomes = (0..rows).map_while(|row| {
        // Skipped rows consume overhead fuel.
        if failure.is_some() || (row > 0 && !fuel::has_fuel()) {
            return None;
        }
        let mut outcome = None;
        if !has_nulls || R::is_called(columns, row) {
            let raw = R::get(columns, row);
            // Reading a long text may have consumed much fuel.
            if row > 0 && !fuel::has_fuel() {
                return None;
            }
            outcome = call_row(raw, row, state, function, &mut failure);
        }
        done = row + 1;
        Some((row, outcome))
    });
    O::Value::extend(results, outcomes);
    check_overflow::<O>(results, failure)?;
    Ok(done)
}

/// Calls the function for one row, on the row's fuel. The module has one copy
/// of this function. Its allocations may belong to the state.
#[inline(never)]
fn call_row<'c, S, R: RowArguments<'c>, O: Output>(
    raw: R::Raw,
    row: usize,
    state: &mut S,
    function: &impl Fn(&mut S, R) -> O,
    failure: &mut Option<RowFailure>,
) -> Option<O::Value> {
    fuel::begin_stateful_row(row);
    let outcome = R::with(raw, |row| function(state, row).into_row(), || Ok(None));
    let value = outcome.as_ref().ok().and_then(Option::as_ref);
    fuel::end_metered_row(value.map_or(0, Value::charged_bytes) + R::READ_CHARGE_BYTES);
    outcome.unwrap_or_else(|message| {
        *failure = Some(RowFailure { row, message });
        None
    })
}

/// A Rust type of an argument that holds all rows of a partition: a
/// [`Partition`].
pub trait PartitionArg<'c>: Sized {
    /// The SQL type of a row.
    type Sql: SqlType;

    /// Reads the column.
    fn read(arguments: &mut Arguments<'c>) -> Self;
}

#[diagnostic::do_not_recommend]
impl<'c, T: Item> PartitionArg<'c> for Partition<'c, T> {
    type Sql = T;

    fn read(arguments: &mut Arguments<'c>) -> Self {
        let array = InputArray::Lowered(arguments.next_array());
        Self::new(T::view(array, &mut arguments.slots), arguments.rows)
    }
}

/// The arguments of a partition, as pairs: `(A, (B, ()))`.
pub trait PartitionArgs<'c> {
    /// Appends the SQL types in the order of the signature.
    fn sql_types(types: &mut Vec<Sql>);

    /// Reads the columns in the order of the signature.
    fn read(arguments: &mut Arguments<'c>) -> Self;
}

impl<'c> PartitionArgs<'c> for () {
    fn sql_types(_types: &mut Vec<Sql>) {}

    fn read(_arguments: &mut Arguments<'c>) {}
}

impl<'c, W: PartitionArg<'c>, R: PartitionArgs<'c>> PartitionArgs<'c> for (W, R) {
    fn sql_types(types: &mut Vec<Sql>) {
        types.push(<W::Sql as SqlType>::SQL);
        R::sql_types(types);
    }

    fn read(arguments: &mut Arguments<'c>) -> Self {
        let first = W::read(arguments);
        (first, R::read(arguments))
    }
}

/// The return type of a window function over whole partitions: a `Vec` with a
/// result for each row, or a `Result` of one.
pub trait PartitionOutput {
    /// The type of a row's result.
    type Row: Output;

    /// Returns the results, or the message of the failure.
    fn into_rows(self) -> Result<Vec<Self::Row>, String>;
}

#[diagnostic::do_not_recommend]
impl<O: Output> PartitionOutput for Vec<O> {
    type Row = O;

    fn into_rows(self) -> Result<Self, String> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl<O: Output, E: Display> PartitionOutput for Result<Vec<O>, E> {
    type Row = O;

    fn into_rows(self) -> Result<Vec<O>, String> {
        self.map_err(|error| error.to_string())
    }
}

/// The builder of the result column.
type BuilderOf<A> = <<<A as PartitionOutput>::Row as Output>::Value as Value>::ResultBuilder;

/// Runs a function on the whole partition of a call.
pub fn partition<'c, W: PartitionArgs<'c>, A: PartitionOutput>(
    call: &'c Call,
    function: impl FnOnce(W) -> A,
) -> u32 {
    let memory = <<A::Row as Output>::Value as Value>::memory();
    let mut results = memory.take();
    fuel::report_panics();
    let outcomes = function(W::read(&mut call.arguments()));
    let status = match fill_partition(outcomes, call.rows(), &mut results) {
        Ok(()) => results.return_to(call),
        Err((row, message)) => call.fail(row, &message),
    };
    memory.set(results);
    status
}

/// Fills `results` with the results, one for each row; or returns the failure,
/// with the row if there is one.
pub(crate) fn fill_partition<A: PartitionOutput>(
    outcomes: A,
    rows: usize,
    results: &mut BuilderOf<A>,
) -> Result<(), (Option<usize>, String)> {
    let outcomes = outcomes.into_rows().map_err(|message| (None, message))?;
    if outcomes.len() != rows {
        let returned = outcomes.len();
        let message = format!("{returned} results for a partition of {rows} rows");
        return Err((None, message));
    }
    <A::Row as Output>::Value::start(results, rows);
    let mut failure = None;
    let outcomes = outcomes.into_iter().enumerate().map(|(row, outcome)| {
        let outcome = outcome.into_row().unwrap_or_else(|message| {
            failure.get_or_insert(RowFailure { row, message });
            None
        });
        (row, outcome)
    });
    <A::Row as Output>::Value::extend(results, outcomes);
    check_overflow::<A::Row>(results, failure)
        .map_err(|failure| (Some(failure.row), failure.message))
}

/// Runs a function on each set of peers of a call.
#[inline]
pub fn rank<O: Output>(call: &Call, function: impl Fn(Peers) -> O) -> u32 {
    run_some(
        call,
        |(start, (end, (partition_rows, ()))): (u64, (u64, (u64, ())))| {
            function(Peers::new(start, end, partition_rows))
        },
    )
}
