//! The operations of an aggregate, which call the author's methods.
//!
//! Memory that a row allocates belongs to the states and outlives the row, so
//! it comes from the standard allocator. A row that has changed a state cannot
//! be repeated: before each row the call checks that it has fuel for it, and
//! otherwise returns the progress of the rows before.

use std::cell::Cell;
use std::fmt::Display;
use std::mem;
use std::thread::LocalKey;

use crate::append::Append;
use crate::argument::ColumnOf;
use crate::batch::{RowFailure, block_rows, run_some};
use crate::column::{BLOCK_ROWS, InputColumn};
use crate::column_builder::{ColumnBuilder, OffsetOverflow};
use crate::fuel::{self, MeteringMode};
use crate::item::Item;
use crate::raw::Call;
use crate::row::RowArguments;
use crate::sql::{Nested, Sql, SqlType};
use crate::states::{Slot, States};
use crate::structure::Structure;

/// A Rust type of the states of an aggregate: it has an initial value, and the
/// host can keep a copy of it.
pub trait State: Default + Structure + for<'c> Item<At<'c> = Self> {}

#[diagnostic::do_not_recommend]
impl<S: Default + Structure + for<'c> Item<At<'c> = Self>> State for S {}

/// The return type of a method that changes a state: nothing, or a failure.
pub trait UpdateOutput {
    /// Returns the message of the failure, if it is one.
    fn done(self) -> Result<(), String>;
}

#[diagnostic::do_not_recommend]
impl UpdateOutput for () {
    #[inline(always)]
    fn done(self) -> Result<(), String> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: Display> UpdateOutput for Result<(), E> {
    #[inline(always)]
    fn done(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// Runs the initialisation of an instance. A failure is a panic.
pub fn initialize<D: UpdateOutput>(function: impl FnOnce() -> D) {
    fuel::report_panics();
    if let Err(message) = function().done() {
        panic!("{message}");
    }
}

/// The group of a row, and its arguments. A row whose group is null is skipped.
type Grouped<R> = (u32, R);

/// The columns of [`Grouped`].
type Columns<'c, R> = (ColumnOf<'c, u32>, <R as RowArguments<'c>>::Columns);

/// Runs `update`, `merge` or `retract` on the rows of a call.
#[inline]
pub fn update<'c, S: Default, R: RowArguments<'c>, D: UpdateOutput>(
    call: &'c Call,
    memory: &'static LocalKey<Cell<States<S>>>,
    function: impl Fn(&mut S, R) -> D,
) -> u32 {
    let columns = <Grouped<R>>::columns(&mut call.arguments());
    let mut states = memory.take();
    fuel::report_panics();
    let outcome = match fuel::metering_mode() {
        MeteringMode::PerRow | MeteringMode::Grouped => {
            update_per_row::<S, R, D>(&columns, call.rows(), &mut states, function)
        }
        _ => update_all::<S, R, D>(&columns, call.rows(), &mut states, function),
    };
    memory.set(states);
    match outcome {
        Ok(rows) => call.of_first(rows).return_progress(),
        Err(failure) => call.fail(Some(failure.row), &failure.message),
    }
}

/// Updates the states with rows that are metered one by one. Returns the number
/// of rows processed.
#[inline]
pub(crate) fn update_per_row<'c, S: Default, R: RowArguments<'c>, D: UpdateOutput>(
    columns: &Columns<'c, R>,
    rows: usize,
    states: &mut States<S>,
    function: impl Fn(&mut S, R) -> D,
) -> Result<usize, RowFailure> {
    let has_nulls = <Grouped<R>>::shape(columns).has_nulls;
    let mut states = states.grow_to(last(&columns.0, rows));
    for row in 0..rows {
        // Skipped rows consume overhead fuel.
        if row > 0 && !fuel::has_fuel() {
            return Ok(row);
        }
        if has_nulls && !<Grouped<R>>::is_called(columns, row) {
            continue;
        }
        let (group, raw) = <Grouped<R>>::get(columns, row);
        let slot = states.slot(group);
        // Reading a long text may have consumed much fuel, and so may
        // allocating a block of states.
        if row > 0 && !fuel::has_fuel() {
            return Ok(row);
        }
        update_row(raw, row, slot, &function)?;
    }
    Ok(rows)
}

/// Calls the function for one row, on the row's fuel.
///
/// The module has one copy of this function, which is called for every row, so
/// that a row costs the same in every batch.
#[inline(never)]
fn update_row<'c, S: Default, R: RowArguments<'c>, D: UpdateOutput>(
    raw: R::Raw,
    row: usize,
    slot: Slot<'_, S>,
    function: &impl Fn(&mut S, R) -> D,
) -> Result<(), RowFailure> {
    fuel::begin_stateful_row(row);
    let state = slot.state();
    let outcome = R::with(raw, |row| function(state, row).done(), || Ok(()));
    fuel::end_metered_row(R::READ_CHARGE_BYTES);
    outcome.map_err(|message| RowFailure { row, message })
}

/// Updates the states in loops that the function is inlined into: rows are not
/// metered one by one. Returns the number of rows processed, which is all.
#[inline]
pub(crate) fn update_all<'c, S: Default, R: RowArguments<'c>, D: UpdateOutput>(
    columns: &Columns<'c, R>,
    rows: usize,
    states: &mut States<S>,
    function: impl Fn(&mut S, R) -> D,
) -> Result<usize, RowFailure> {
    let (groups, arguments) = columns;
    let mut states = states.grow_to(last(groups, rows));
    if !groups.validity().is_constant() {
        each::<Grouped<R>>(columns, rows, |(group, row)| {
            function(states.slot(group).state(), row).done()
        })?;
    } else if groups.validity().is_valid(0) {
        // All rows have one state, which stays in registers as a local
        // variable.
        let place = states.slot(groups.get(0)).state();
        let mut state = mem::take(place);
        let outcome = each::<R>(arguments, rows, |row| function(&mut state, row).done());
        *place = state;
        outcome?;
    }
    Ok(rows)
}

/// Calls a function for each row whose arguments are not null, except those
/// that see nulls.
///
/// A batch without nulls is one block, or, with constants, blocks of the length
/// of expanded constants. Nulls make blocks of one validity word each.
#[inline]
fn each<'c, R: RowArguments<'c>>(
    columns: &R::Columns,
    rows: usize,
    mut function: impl FnMut(R) -> Result<(), String>,
) -> Result<(), RowFailure> {
    let block_rows = block_rows(R::shape(columns), rows);
    let mut call = |row: usize, raw: R::Raw| {
        let outcome = R::with(raw, &mut function, || Ok(()));
        outcome.map_err(|message| RowFailure { row, message })
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

/// Returns the largest group of a batch.
#[inline]
fn last(groups: &ColumnOf<'_, u32>, rows: usize) -> u32 {
    let validity = groups.validity();
    if !validity.is_constant() && !validity.has_nulls() {
        return groups.rows(0, rows).fold(0, u32::max);
    }
    let distinct = if validity.is_constant() { 1 } else { rows };
    // The value under a null may be any number.
    let valid = (0..distinct).filter(|row| validity.is_valid(*row));
    valid.map(|row| groups.get(row)).max().unwrap_or(0)
}

/// The states of all groups, initial ones included.
#[derive(Debug)]
pub struct GroupStates<'s, S> {
    states: &'s States<S>,
    initial: S,
}

impl<'s, S: Default> GroupStates<'s, S> {
    pub(crate) fn new(states: &'s States<S>) -> Self {
        Self {
            states,
            initial: S::default(),
        }
    }

    /// Returns the state of a group.
    #[inline]
    pub fn of(&self, group: u32) -> &S {
        self.states.get(group).unwrap_or(&self.initial)
    }
}

/// Calls `run` with the states, and returns its status.
#[inline]
pub fn with_states<S: Default>(
    memory: &'static LocalKey<Cell<States<S>>>,
    run: impl FnOnce(&GroupStates<'_, S>) -> u32,
) -> u32 {
    let states = memory.take();
    let status = run(&GroupStates::new(&states));
    memory.set(states);
    status
}

/// Returns the states of a call's groups.
pub fn return_states<S: State>(call: &Call, memory: &'static LocalKey<Cell<States<S>>>) -> u32 {
    with_states(memory, |known| {
        run_some(call, |(group, ()): Grouped<()>| StateRef(known.of(group)))
    })
}

/// Releases as many groups as the call has rows.
pub fn release_groups<S: Default>(call: &Call, memory: &'static LocalKey<Cell<States<S>>>) -> u32 {
    let mut states = memory.take();
    states.release(call.rows());
    memory.set(states);
    call.return_progress()
}

/// A result that borrows a state.
#[derive(Debug)]
pub(crate) struct StateRef<'s, S>(pub(crate) &'s S);

impl<S: SqlType> SqlType for StateRef<'_, S> {
    const SQL: Sql = S::SQL;
}

impl<S> Nested for StateRef<'_, S> {}

impl<S: Append> Append for StateRef<'_, S> {
    fn start(column: &mut ColumnBuilder) {
        S::start(column);
    }

    fn append(&self, column: &mut ColumnBuilder) -> Result<(), OffsetOverflow> {
        self.0.append(column)
    }

    fn charged_bytes(&self) -> usize {
        self.0.charged_bytes()
    }
}
