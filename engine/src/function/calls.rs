//! A guest that is called again and again in one instance, and remembers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use fusebox_marshal::lower::Lowering;

use super::arguments::joined;
use super::guest::Guest;
use crate::error::Error;
use crate::measure::Step;
use crate::module::Operation;
use crate::sandbox::{Account, Budget, Call, Cancellation, Lent, Stop};

/// Calls of one guest in one instance.
///
/// A call cannot be made again, since the guest may remember it. So one that
/// has burnt what a call may burn says how many rows it did, and the next one
/// goes on behind them.
pub(super) struct Calls {
    guest: Arc<Guest>,
    cancellation: Cancellation,
    lent: Lent,
}

/// How much the first calls are about, by which an instance is chosen that can
/// be lent again.
#[derive(Clone, Copy)]
pub(super) struct Room<'a> {
    pub(super) rows: usize,
    pub(super) arguments: &'a [ArrayRef],
    pub(super) returns: &'a DataType,
}

/// What a call has for each row besides what others have.
const OVERHEAD_FUEL_PER_ROW: u64 = 64;

/// What all rows of a call may burn together, where they must be done at once.
const FUEL_AT_ONCE_MAX: u64 = 1 << 32;

impl Calls {
    /// Takes an instance that is as good as new; without `room`, one that grows
    /// and is then given up.
    pub(super) fn begin(
        guest: &Arc<Guest>,
        room: Option<Room<'_>>,
        account: impl Fn() -> Option<Box<dyn Account>>,
    ) -> Result<Self, Error> {
        let limits = guest.definition.limits;
        let rows = room.map_or(0, |room| room.rows);
        // For what is too much for one call, no room is made.
        let room = room.and_then(|room| {
            let rows = u32::try_from(room.rows).ok()?;
            let lowering = Lowering::measure(room.arguments, rows, limits.memory_bytes_max);
            Some((rows, lowering.ok()?.bytes(), room.returns))
        });
        let lent = guest.pool.lend_for(room, limits.into(), account);
        let lent = lent.map_err(|stop| guest.error(stop, rows, |row| row))?;
        Ok(Self {
            cancellation: guest.current.cancellation(),
            guest: Arc::clone(guest),
            lent,
        })
    }

    /// How much memory the instance has, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.lent.memory_bytes()
    }

    /// Calls an operation for `rows` rows, in as many calls as it takes.
    pub(super) fn run(
        &mut self,
        operation: Operation,
        columns: &[ArrayRef],
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let index = self.index(operation);
        let budget = Budget::from(self.guest.definition.limits);
        let in_turn = self.guest.pool.rows_in_turn(index, budget);
        let mut answers = Vec::new();
        let mut first = 0;
        while first < rows {
            self.go_on()?;
            let mut slice = in_turn.min(rows - first);
            let answer = loop {
                let stop = match self.once(index, columns, first, slice, 1, budget, returns) {
                    Ok(answer) => break answer,
                    Err(stop) => stop,
                };
                match stop {
                    // Nothing was called, or what was can be called again.
                    Stop::Arena { .. } if slice > 1 => slice /= 2,
                    Stop::Result { .. } if slice > 1 && only_looks(operation) => slice /= 2,
                    stop => {
                        let shift = |row: u64| row.saturating_add(first as u64);
                        return Err(self.guest.error(stop, slice, shift));
                    }
                }
            };
            first += answer.len();
            answers.push(answer);
        }
        match &answers[..] {
            [] => Ok(arrow::array::new_empty_array(returns)),
            _ => joined(answers).map_err(super::arrow),
        }
    }

    /// Calls an operation for `rows` rows at once, which may burn together what
    /// each of them may burn.
    pub(super) fn run_whole(
        &mut self,
        operation: Operation,
        columns: &[ArrayRef],
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        if i32::try_from(rows).is_err() {
            return Err(Error::Internal(format!("a partition of {rows} rows")));
        }
        let budget = self.budget_at_once(rows);
        self.ask(operation, columns, rows, rows as u32, budget, returns)
    }

    /// Has the guest forget its first `groups` groups. What a state has put
    /// together may take as much to take apart.
    pub(super) fn forget(&mut self, groups: usize) -> Result<(), Error> {
        let budget = self.budget_at_once(groups);
        self.ask(
            Operation::ReleaseGroups,
            &[],
            groups,
            0,
            budget,
            &DataType::Null,
        )?;
        Ok(())
    }

    /// Calls an operation once for up to `rows` rows.
    pub(super) fn run_once(
        &mut self,
        operation: Operation,
        columns: &[ArrayRef],
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let budget = Budget::from(self.guest.definition.limits);
        let in_turn = self.guest.pool.rows_in_turn(self.index(operation), budget);
        self.ask(operation, columns, rows.min(in_turn), 0, budget, returns)
    }

    /// Calls an operation once, of which `rows_min` of the rows must be done.
    fn ask(
        &mut self,
        operation: Operation,
        columns: &[ArrayRef],
        rows: usize,
        rows_min: u32,
        budget: Budget,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        self.go_on()?;
        let index = self.index(operation);
        let answer = self.once(index, columns, 0, rows, rows_min, budget, returns);
        answer.map_err(|stop| self.guest.error(stop, rows, |row| row))
    }

    /// Fails where the query is to stop.
    fn go_on(&self) -> Result<(), Error> {
        match self.cancellation.is_cancelled() {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }

    fn budget_at_once(&self, rows: usize) -> Budget {
        let mut budget = Budget::from(self.guest.definition.limits);
        let fuel = budget.fuel_per_row.saturating_mul(rows as u64);
        budget.fuel_per_row = fuel.min(FUEL_AT_ONCE_MAX.max(budget.fuel_per_row));
        budget
    }

    fn index(&self, operation: Operation) -> usize {
        let index = self.guest.operation(operation);
        index.expect("only operations are called that the module has")
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "they differ from caller to caller"
    )]
    fn once(
        &mut self,
        operation: usize,
        columns: &[ArrayRef],
        first: usize,
        rows: usize,
        rows_min: u32,
        budget: Budget,
        returns: &DataType,
    ) -> Result<ArrayRef, Stop> {
        let memory_bytes_max = self.guest.definition.limits.memory_bytes_max;
        // A constant has one row, however many the others have.
        let slice = |column: &ArrayRef| match column.len() {
            1 => Arc::clone(column),
            len if first == 0 && len == rows => Arc::clone(column),
            _ => column.slice(first, rows),
        };
        let columns: Vec<ArrayRef> = columns.iter().map(slice).collect();
        let lap = self.guest.pool.watch.time(Step::Lower);
        let arguments = Lowering::measure(&columns, rows as u32, memory_bytes_max)?;
        drop(lap);
        // Rows that are null or of new groups need more of the book than others,
        // and a call cannot be made again with fewer.
        let book = OVERHEAD_FUEL_PER_ROW.saturating_mul(rows as u64);
        let budget = Budget {
            fuel_per_call: budget.fuel_per_call.saturating_add(book),
            ..budget
        };
        let call = Call {
            operation,
            arguments: &arguments,
            budget,
            returns,
            rows_min,
            nulls: None,
            alike: false,
            fresh: false,
            cancellation: &self.cancellation,
        };
        Ok(self.lent.call(call)?.column)
    }
}

/// Whether an operation leaves the guest's state as it is.
fn only_looks(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::State | Operation::Finish | Operation::Rank
    )
}
