//! The operations of a window function: the one place where the author's code
//! is called.

use std::cell::Cell;
use std::fmt::Display;
use std::thread::LocalKey;

use crate::batch::{Failure, fill, finish, run_some};
use crate::entry::{Arguments, Call};
use crate::fuel::{self, Terms};
use crate::item::Item;
use crate::output::{Output, Value};
use crate::partition::{Partition, Peers};
use crate::results::Results;
use crate::row::Row;
use crate::sql::{Parameter, SqlType};

/// Goes on over the rows of a call, with the state that the last one has left.
#[inline]
pub fn next<'c, S: Default, R: Row<'c>, O: Output>(
    call: &'c Call,
    state: &'static LocalKey<Cell<Option<S>>>,
    function: impl Fn(&mut S, R) -> O,
) -> u32 {
    let columns = R::columns(&mut call.arguments());
    let memory = <O::Value as Value>::memory();
    let mut results = memory.take();
    fuel::report_panics();
    let mut now = state.take().unwrap_or_default();
    let outcome = match fuel::terms() {
        Terms::Announced | Terms::Together => {
            next_announced(&columns, call.rows(), &mut now, &function, &mut results)
        }
        terms => {
            let next = |row| function(&mut now, row);
            let outcome = fill::<false, _, _>(&columns, call.rows(), terms, next, &mut results);
            outcome.map(|()| call.rows())
        }
    };
    state.set(Some(now));
    let status = match outcome {
        Ok(rows) => results.answer(&call.of_first(rows)),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    };
    memory.set(results);
    status
}

/// Goes on over rows, each of which has fuel of its own. Returns how many were
/// done.
#[inline]
pub(crate) fn next_announced<'c, S, R: Row<'c>, O: Output>(
    columns: &R::Columns,
    rows: usize,
    state: &mut S,
    function: &impl Fn(&mut S, R) -> O,
    results: &mut <O::Value as Value>::Results,
) -> Result<usize, Failure> {
    O::Value::start(results, rows);
    let has_nulls = R::shape(columns).has_nulls;
    let mut failure = None;
    let mut done = 0;
    let answers = (0..rows).map_while(|row| {
        // Rows that are left out burn fuel too, if only the call's.
        if failure.is_some() || (row > 0 && !fuel::more()) {
            return None;
        }
        let mut answer = None;
        if !has_nulls || R::is_called(columns, row) {
            let raw = R::get(columns, row);
            // Reading a long text may have taken much.
            if row > 0 && !fuel::more() {
                return None;
            }
            answer = one(raw, row, state, function, &mut failure);
        }
        done = row + 1;
        Some((row, answer))
    });
    O::Value::extend(results, answers);
    finish::<O>(results, failure)?;
    Ok(done)
}

/// Calls the function for one row, on the row's fuel. There is one copy of this
/// in the module. What it allocates may be for the state.
#[inline(never)]
fn one<'c, S, R: Row<'c>, O: Output>(
    raw: R::Raw,
    row: usize,
    state: &mut S,
    function: &impl Fn(&mut S, R) -> O,
    failure: &mut Option<Failure>,
) -> Option<O::Value> {
    fuel::announce_keeping(row);
    let answer = R::with(raw, |row| function(state, row).into_row(), || Ok(None));
    let value = answer.as_ref().ok().and_then(Option::as_ref);
    fuel::settle(value.map_or(0, Value::settled_bytes) + R::READ_BYTES);
    answer.unwrap_or_else(|message| {
        *failure = Some(Failure { row, message });
        None
    })
}

/// A Rust type that all rows of a partition arrive as: a [`Partition`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what the rows of a partition arrive as",
    label = "not a Partition",
    note = "a window function over whole partitions takes arguments like Partition<'_, f64>; one that goes on from row to row is a method `next` of its state"
)]
pub trait Whole<'c>: Sized {
    /// The SQL type of a row.
    type Sql: SqlType;

    /// Reads the column.
    fn read(arguments: &mut Arguments<'c>) -> Self;
}

impl<'c, T: Item> Whole<'c> for Partition<'c, T> {
    type Sql = T;

    fn read(arguments: &mut Arguments<'c>) -> Self {
        let array = arguments.next_array();
        Self::new(T::view(array, &mut arguments.places), arguments.rows)
    }
}

impl Parameter {
    /// Describes an argument of which all rows arrive at once, nulls too.
    pub const fn of_partition<'c, W: Whole<'c>>(name: &'static str) -> Self {
        Self {
            name,
            sql: <W::Sql as SqlType>::SQL,
            sees_nulls: true,
        }
    }
}

/// The arguments of a partition, as pairs: `(A, (B, ()))`.
pub trait Wholes<'c> {
    /// Reads the columns in the order of the signature.
    fn read(arguments: &mut Arguments<'c>) -> Self;
}

impl<'c> Wholes<'c> for () {
    fn read(_arguments: &mut Arguments<'c>) {}
}

impl<'c, W: Whole<'c>, R: Wholes<'c>> Wholes<'c> for (W, R) {
    fn read(arguments: &mut Arguments<'c>) -> Self {
        let first = W::read(arguments);
        (first, R::read(arguments))
    }
}

/// What a window function answers to a whole partition: a `Vec` with a result
/// for each row, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a window function answers to a whole partition",
    label = "not a Vec",
    note = "use a Vec<T> with a result for each row, or a Result<Vec<T>, E> whose error implements Display"
)]
pub trait Answers {
    /// The result of a row.
    type Row: Output;

    /// The results, or why there are none.
    fn into_rows(self) -> Result<Vec<Self::Row>, String>;
}

impl<O: Output> Answers for Vec<O> {
    type Row = O;

    fn into_rows(self) -> Result<Self, String> {
        Ok(self)
    }
}

impl<O: Output, E: Display> Answers for Result<Vec<O>, E> {
    type Row = O;

    fn into_rows(self) -> Result<Vec<O>, String> {
        self.map_err(|error| error.to_string())
    }
}

/// The column of results of a row.
type ResultsOf<A> = <<<A as Answers>::Row as Output>::Value as Value>::Results;

/// Runs a function on the whole partition of a call.
pub fn partition<'c, W: Wholes<'c>, A: Answers>(
    call: &'c Call,
    function: impl FnOnce(W) -> A,
) -> u32 {
    let memory = <<A::Row as Output>::Value as Value>::memory();
    let mut results = memory.take();
    fuel::report_panics();
    let answers = function(W::read(&mut call.arguments()));
    let status = match fill_partition(answers, call.rows(), &mut results) {
        Ok(()) => results.answer(call),
        Err((row, message)) => call.fail(row, &message),
    };
    memory.set(results);
    status
}

/// Fills `results` with the answers, if there is one for each row; or says why
/// not, and which row is to blame, if one is.
pub(crate) fn fill_partition<A: Answers>(
    answers: A,
    rows: usize,
    results: &mut ResultsOf<A>,
) -> Result<(), (Option<usize>, String)> {
    let answers = answers.into_rows().map_err(|message| (None, message))?;
    if answers.len() != rows {
        let answered = answers.len();
        let message = format!("it answers {answered} rows to a partition of {rows}");
        return Err((None, message));
    }
    <A::Row as Output>::Value::start(results, rows);
    let mut failure = None;
    let answers = answers.into_iter().enumerate().map(|(row, answer)| {
        let answer = answer.into_row().unwrap_or_else(|message| {
            failure.get_or_insert(Failure { row, message });
            None
        });
        (row, answer)
    });
    <A::Row as Output>::Value::extend(results, answers);
    finish::<A::Row>(results, failure).map_err(|failure| (Some(failure.row), failure.message))
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
