//! The operations of an aggregate: the one place where the author's methods are
//! called.
//!
//! What a row allocates belongs to the states and outlives it, so it comes from
//! the general allocator. A row that has changed a state cannot be asked again:
//! before each one a call looks whether there is fuel for it, and answers for
//! the rows before where there is none.

use std::cell::Cell;
use std::fmt::Display;
use std::mem;
use std::thread::LocalKey;

use crate::append::Append;
use crate::argument::ColumnOf;
use crate::batch::{Failure, block_rows, run_some};
use crate::column::{BLOCK_ROWS, Column};
use crate::entry::Call;
use crate::fuel::{self, Terms};
use crate::item::Item;
use crate::node::{Full, Node};
use crate::row::Row;
use crate::sql::{Nested, Sql, SqlType};
use crate::states::{Slot, States};
use crate::structure::Structure;

/// A Rust type that the states of an aggregate can be of: one that has an
/// initial value, and of which the host can keep a copy.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the state of an aggregate",
    label = "not a state",
    note = "a state has #[derive(Default, Row)], and fields that own what they hold"
)]
pub trait State: Default + Structure + for<'c> Item<At<'c> = Self> {}

impl<S: Default + Structure + for<'c> Item<At<'c> = Self>> State for S {}

/// The names and types of a state's fields.
pub const fn state<S: State>() -> &'static [(&'static str, Sql)] {
    S::FIELDS
}

/// What a method answers that changes a state: nothing, or a failure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a method answers that changes a state",
    label = "neither () nor a Result<(), …>",
    note = "leave the result out, or use a Result<(), E> whose error implements Display"
)]
pub trait Done {
    /// The message of the failure, if it is one.
    fn done(self) -> Result<(), String>;
}

impl Done for () {
    #[inline(always)]
    fn done(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Done for Result<(), E> {
    #[inline(always)]
    fn done(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// Checks, wherever it is compiled, what a method answers.
pub const fn is_done<D: Done>() {}

/// A row's group, and its arguments. Where the group is null, the row is left
/// out.
type Grouped<R> = (u32, R);

/// The columns of [`Grouped`].
type Columns<'c, R> = (ColumnOf<'c, u32>, <R as Row<'c>>::Columns);

/// Takes the rows of a call into the states of their groups, or out of them.
#[inline]
pub fn take<'c, S: Default, R: Row<'c>, D: Done>(
    call: &'c Call,
    memory: &'static LocalKey<Cell<States<S>>>,
    function: impl Fn(&mut S, R) -> D,
) -> u32 {
    let columns = <Grouped<R>>::columns(&mut call.arguments());
    let mut states = memory.take();
    fuel::report_panics();
    let outcome = match fuel::terms() {
        Terms::Announced | Terms::Together => {
            take_announced::<S, R, D>(&columns, call.rows(), &mut states, function)
        }
        _ => take_all::<S, R, D>(&columns, call.rows(), &mut states, function),
    };
    memory.set(states);
    match outcome {
        Ok(rows) => call.of_first(rows).progress(),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    }
}

/// Takes rows, each of which has fuel of its own. Returns how many were done.
#[inline]
pub(crate) fn take_announced<'c, S: Default, R: Row<'c>, D: Done>(
    columns: &Columns<'c, R>,
    rows: usize,
    states: &mut States<S>,
    function: impl Fn(&mut S, R) -> D,
) -> Result<usize, Failure> {
    let has_nulls = <Grouped<R>>::shape(columns).has_nulls;
    let mut states = states.up_to(last(&columns.0, rows));
    for row in 0..rows {
        // Rows that are left out burn fuel too, if only the call's.
        if row > 0 && !fuel::more() {
            return Ok(row);
        }
        if has_nulls && !<Grouped<R>>::is_called(columns, row) {
            continue;
        }
        let (group, raw) = <Grouped<R>>::get(columns, row);
        let slot = states.slot(group);
        // Reading a long text may have taken much, and so may making room.
        if row > 0 && !fuel::more() {
            return Ok(row);
        }
        one(raw, row, slot, &function)?;
    }
    Ok(rows)
}

/// Calls the function for one row, on the row's fuel.
///
/// There is one copy of this in the module and it is called for every row, so
/// that a row costs the same in every batch.
#[inline(never)]
fn one<'c, S: Default, R: Row<'c>, D: Done>(
    raw: R::Raw,
    row: usize,
    slot: Slot<'_, S>,
    function: &impl Fn(&mut S, R) -> D,
) -> Result<(), Failure> {
    fuel::announce_keeping(row);
    let state = slot.state();
    let outcome = R::with(raw, |row| function(state, row).done(), || Ok(()));
    fuel::settle(R::READ_BYTES);
    outcome.map_err(|message| Failure { row, message })
}

/// Takes rows in loops that hold the function itself: rows need not be told
/// apart. Returns how many were done, which is all.
#[inline]
pub(crate) fn take_all<'c, S: Default, R: Row<'c>, D: Done>(
    columns: &Columns<'c, R>,
    rows: usize,
    states: &mut States<S>,
    function: impl Fn(&mut S, R) -> D,
) -> Result<usize, Failure> {
    let (groups, arguments) = columns;
    let mut states = states.up_to(last(groups, rows));
    if !groups.validity().is_constant() {
        each::<Grouped<R>>(columns, rows, |(group, row)| {
            function(states.slot(group).state(), row).done()
        })?;
    } else if groups.validity().is_valid(0) {
        // One state for all rows: as a local variable it is in registers.
        let place = states.slot(groups.get(0)).state();
        let mut state = mem::take(place);
        let outcome = each::<R>(arguments, rows, |row| function(&mut state, row).done());
        *place = state;
        outcome?;
    }
    Ok(rows)
}

/// Calls a function for each row that has no null where it must not have one.
///
/// A batch without nulls is one block, or, with constants, blocks as long as
/// constants are spread. Nulls make blocks of one validity word each.
#[inline]
fn each<'c, R: Row<'c>>(
    columns: &R::Columns,
    rows: usize,
    mut function: impl FnMut(R) -> Result<(), String>,
) -> Result<(), Failure> {
    let block_rows = block_rows(R::shape(columns), rows);
    let mut call = |row: usize, raw: R::Raw| {
        let outcome = R::with(raw, &mut function, || Ok(()));
        outcome.map_err(|message| Failure { row, message })
    };
    let mut start = 0;
    while start < rows {
        let count = block_rows.min(rows - start);
        let valid = R::valid(columns, start);
        if valid.every.trailing_ones() as usize >= count.min(BLOCK_ROWS) {
            let mut raws = (start..start + count).zip(R::rows::<true>(columns, start, count));
            raws.try_for_each(|(row, raw)| call(row, raw))?;
        } else {
            let mut raws = (start..start + count).zip(R::rows::<false>(columns, start, count));
            raws.try_for_each(|(row, raw)| match valid.strict >> (row % BLOCK_ROWS) & 1 {
                1 => call(row, raw),
                _ => Ok(()),
            })?;
        }
        start += count;
    }
    Ok(())
}

/// The last group of a batch.
#[inline]
fn last(groups: &ColumnOf<'_, u32>, rows: usize) -> u32 {
    let validity = groups.validity();
    if !validity.is_constant() && !validity.has_nulls() {
        return groups.rows(0, rows).fold(0, u32::max);
    }
    let distinct = if validity.is_constant() { 1 } else { rows };
    // What a null stands for may be any number.
    let valid = (0..distinct).filter(|row| validity.is_valid(*row));
    valid.map(|row| groups.get(row)).max().unwrap_or(0)
}

/// The states of all groups, known or not.
#[derive(Debug)]
pub struct Known<'s, S> {
    states: &'s States<S>,
    initial: S,
}

impl<'s, S: Default> Known<'s, S> {
    pub(crate) fn new(states: &'s States<S>) -> Self {
        Self {
            states,
            initial: S::default(),
        }
    }

    /// The state of a group.
    #[inline]
    pub fn of(&self, group: u32) -> &S {
        self.states.get(group).unwrap_or(&self.initial)
    }
}

/// Looks at the states, and answers a call.
#[inline]
pub fn look<S: Default>(
    memory: &'static LocalKey<Cell<States<S>>>,
    answer: impl FnOnce(&Known<'_, S>) -> u32,
) -> u32 {
    let states = memory.take();
    let status = answer(&Known::new(&states));
    memory.set(states);
    status
}

/// Answers a call with the states of its groups.
pub fn show<S: State>(call: &Call, memory: &'static LocalKey<Cell<States<S>>>) -> u32 {
    look(memory, |known| {
        run_some(call, |(group, ()): Grouped<()>| Shown(known.of(group)))
    })
}

/// Forgets as many groups as the call has rows.
pub fn forget<S: Default>(call: &Call, memory: &'static LocalKey<Cell<States<S>>>) -> u32 {
    let mut states = memory.take();
    states.forget(call.rows());
    memory.set(states);
    call.progress()
}

/// A state as a result, which stays where it is.
#[derive(Debug)]
pub(crate) struct Shown<'s, S>(pub(crate) &'s S);

impl<S: SqlType> SqlType for Shown<'_, S> {
    const SQL: Sql = S::SQL;
}

impl<S> Nested for Shown<'_, S> {}

impl<S: Append> Append for Shown<'_, S> {
    fn start(column: &mut Node) {
        S::start(column);
    }

    fn append(&self, column: &mut Node) -> Result<(), Full> {
        self.0.append(column)
    }

    fn settled_bytes(&self) -> usize {
        self.0.settled_bytes()
    }
}
