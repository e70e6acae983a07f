//! Calls that keep guest state in one instance: aggregate, window and table functions.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, new_empty_array};
use arrow_schema::DataType;
use fusebox_marshal::ResultMemory;
use fusebox_marshal::lower::Lowering;

use super::accumulator_memory::AccumulatorMemory;
use super::rebuilt::{joined, joined_uncharged};
use super::state_fuel::{StateFuel, in_group};
use super::wasm_function::WasmFunction;
use crate::error::{Error, Result};
use crate::metrics::Phase;
use crate::module::Operation;
use crate::sandbox::{
    Attempt, Budget, Call, CallError, CallLog, CallSize, NextStep, PooledInstance, Repeat,
    RowMetering, next_step,
};
use crate::scope::{FunctionExecution, Scope};

/// Instance of a function that keeps guest state from call to call.
///
/// A call that changes state is not repeated. So a call that runs low on fuel returns
/// with the rows done so far, and the next one continues behind them.
pub struct StatefulInstance {
    function: Arc<WasmFunction>,
    scope: Arc<Scope>,
    execution: Arc<FunctionExecution>,
    instance: PooledInstance,
    /// Memory of the accumulator, if it is one's.
    memory: Option<Arc<AccumulatorMemory>>,
    state_fuel: StateFuel,
    /// Messages of the last call of the guest.
    log: RefCell<CallLog>,
}

/// Call of an operation.
#[derive(Clone, Copy, Debug)]
pub struct StateCall<'a> {
    /// Operation, which the module must export.
    pub operation: Operation,
    /// Argument columns, each of `rows` rows, or of one row that stands for all.
    pub columns: &'a [ArrayRef],
    /// Number of rows.
    pub rows: usize,
    /// Type of the result; Null if the operation returns only its progress.
    pub returns: &'a DataType,
}

/// Accounting of an instance's linear memory and results.
#[derive(Clone, Copy, Debug)]
pub enum Accounting<'a> {
    /// Charged to the scope, with its maximum for a batch.
    Scope,
    /// Charged to an accumulator, whose results are of all groups and have no maximum.
    Accumulator(&'a Arc<AccumulatorMemory>),
}

/// Overhead fuel, in units, that a call has for each row beside that of other calls.
const OVERHEAD_FUEL_PER_ROW: u64 = 64;

/// Rows and arguments of one call of the guest.
struct Rows<'a> {
    columns: &'a [ArrayRef],
    first: usize,
    rows: usize,
    /// Rows that the call must do at least.
    rows_min: u32,
    budget: Budget,
}

impl StatefulInstance {
    /// Acquires an instance in its baseline state. With the `first` call, it is
    /// preallocated for calls of that size and reused later; without, it is discarded
    /// afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if instances or memory are exhausted.
    pub fn begin(
        function: &Arc<WasmFunction>,
        scope: &Arc<Scope>,
        first: Option<StateCall<'_>>,
        accounting: Accounting<'_>,
    ) -> Result<Self> {
        let limits = function.definition.limits;
        let rows = first.map_or(0, |first| first.rows);
        // Calls that are too large to lower are not preallocated for.
        let size = first.and_then(|first| {
            let rows = u32::try_from(first.rows).ok()?;
            let lowering = Lowering::plan(first.columns, rows, limits.memory_bytes_max);
            Some(CallSize {
                rows,
                argument_bytes: lowering.ok()?.bytes(),
                returns: first.returns,
            })
        });
        let reservation = || match accounting {
            Accounting::Scope => Some(scope.open(&function.definition.name)),
            Accounting::Accumulator(memory) => Some(memory.open()),
        };
        let execution = function.in_scope(scope);
        let (cancellation, recorder) = (scope.cancellation(), &function.recorder);
        let instance = function
            .pool
            .check_out(size, limits.into(), cancellation, recorder, reservation)
            .map_err(|error| function.error(error, rows, |row| row))
            .inspect_err(|error| execution.statistics.count_error(error))?;
        Ok(Self {
            state_fuel: StateFuel::of(&function.definition),
            execution,
            function: Arc::clone(function),
            scope: Arc::clone(scope),
            instance,
            log: RefCell::default(),
            memory: match accounting {
                Accounting::Scope => None,
                Accounting::Accumulator(memory) => Some(Arc::clone(memory)),
            },
        })
    }

    /// Returns the size of the linear memory in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.instance.memory_bytes()
    }

    /// Calls an operation for all rows, in as many calls of the guest as it takes.
    ///
    /// # Errors
    ///
    /// Any error of a call. The instance must not be called again then, except after
    /// [`Error::Failed`].
    pub fn run(&mut self, call: &StateCall<'_>) -> Result<ArrayRef> {
        self.with_results(|this, results| {
            let columns = this.run_all(call, results)?;
            let column = joined(columns, 0, results);
            column.map_err(|error| this.function.rebuild_error(error, call.rows))
        })
    }

    /// Calls an operation like [`run`](Self::run), for a result that the caller charges.
    ///
    /// The accumulator charges it until all of it was lifted. So the states that a caller
    /// spills because memory is short need none that is not charged already.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_for_caller(&mut self, call: &StateCall<'_>) -> Result<ArrayRef> {
        self.with_results(|this, results| {
            results.disown();
            let columns = this.run_all(call, results)?;
            joined_uncharged(columns).map_err(super::arrow)
        })
    }

    /// Runs `work` with the memory of the results of one batch.
    fn with_results<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &ResultMemory<'_>) -> Result<T>,
    ) -> Result<T> {
        let (scope, function) = (Arc::clone(&self.scope), Arc::clone(&self.function));
        let memory = self.memory.clone();
        let open = || match &memory {
            Some(memory) => memory.open(),
            None => scope.open(&function.definition.name),
        };
        let bytes_max = match &memory {
            Some(_) => u64::MAX,
            None => scope.batch_bytes_max(),
        };
        let result = work(self, &ResultMemory::new(bytes_max, &open));
        result.inspect_err(|error| self.execution.statistics.count_error(error))
    }

    fn run_all(
        &mut self,
        call: &StateCall<'_>,
        results: &ResultMemory<'_>,
    ) -> Result<Vec<ArrayRef>> {
        let name = &self.function.definition.name;
        let span = tracing::trace_span!("call", function = name, operation = ?call.operation);
        let _entered = span.entered();
        let index = self.index(call.operation);
        let budget = Budget::from(self.function.definition.limits);
        let rows_max = self.function.pool.stateful_rows_max(index, budget);
        let fuel = &mut self.state_fuel;
        let budget = fuel.budget(call.operation, call.columns, call.rows, budget);
        let mut columns = Vec::new();
        let mut first = 0;
        while first < call.rows {
            self.check_cancelled()?;
            let mut rows = rows_max.min(call.rows - first);
            let result = loop {
                let attempted = Rows {
                    columns: call.columns,
                    first,
                    rows,
                    rows_min: 1,
                    budget,
                };
                let error = match self.call_once(index, attempted, call.returns, results) {
                    Ok(result) => break result,
                    Err(error) => error,
                };
                let attempt = Attempt {
                    rows,
                    metering: RowMetering::PerRow,
                    is_bounded: false,
                    is_fresh: false,
                    repeat: repeat(call.operation),
                };
                if next_step(&error, attempt) != NextStep::Halve {
                    self.add_messages(first);
                    let shift = |row: u64| row.saturating_add(first as u64);
                    let row = error.row().or((rows == 1).then_some(0)).map(shift);
                    let error = self.function.error(error, rows, shift);
                    return Err(in_group(error, call.operation, call.columns, row));
                }
                self.execution.statistics.count_retry();
                rows /= 2;
            };
            first += result.len();
            columns.push(result);
        }
        if columns.is_empty() {
            columns.push(new_empty_array(call.returns));
        }
        Ok(columns)
    }

    /// Calls an operation for all rows in one call, which shares the fuel of its rows.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_whole(&mut self, call: &StateCall<'_>) -> Result<ArrayRef> {
        if i32::try_from(call.rows).is_err() {
            return Err(Error::Internal(format!(
                "a partition of {} rows",
                call.rows
            )));
        }
        let budget = Budget::from(self.function.definition.limits).shared(call.rows);
        self.run_single(call, call.rows, call.rows as u32, budget)
    }

    /// Calls an operation in one call for up to `rows` rows.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_once(&mut self, call: &StateCall<'_>) -> Result<ArrayRef> {
        let budget = Budget::from(self.function.definition.limits);
        let index = self.index(call.operation);
        let rows_max = self.function.pool.stateful_rows_max(index, budget);
        self.run_single(call, call.rows.min(rows_max), 0, budget)
    }

    /// Releases the first `groups` groups of an aggregate. A group may burn the fuel of a row
    /// where the guest begins rows, and the groups share some million units otherwise.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn release_groups(&mut self, groups: usize) -> Result<()> {
        let mut budget = Budget::from(self.function.definition.limits);
        let index = self.index(Operation::ReleaseGroups);
        if !self.function.pool.begins_rows(index) {
            budget = budget.shared_unpolled(groups);
        }
        let call = StateCall {
            operation: Operation::ReleaseGroups,
            columns: &[],
            rows: groups,
            returns: &DataType::Null,
        };
        self.run_single(&call, groups, 0, budget)?;
        Ok(())
    }

    fn run_single(
        &mut self,
        call: &StateCall<'_>,
        rows: usize,
        rows_min: u32,
        budget: Budget,
    ) -> Result<ArrayRef> {
        self.check_cancelled()?;
        let index = self.index(call.operation);
        let rows = Rows {
            columns: call.columns,
            first: 0,
            rows,
            rows_min,
            budget,
        };
        let count = rows.rows;
        self.with_results(|this, results| {
            let result = this.call_once(index, rows, call.returns, results);
            result.map_err(|error| {
                this.add_messages(0);
                this.function.error(error, count, |row| row)
            })
        })
    }

    /// Adds the messages of a call whose first row is the row `first` of the batch.
    fn add_messages(&self, first: usize) {
        let shift = |row: u64| row.saturating_add(first as u64);
        let name = &self.function.definition.name;
        self.scope.add_messages(name, self.log.take(), shift);
    }

    fn check_cancelled(&self) -> Result<()> {
        match self.scope.is_cancelled() {
            true => Err(Error::Cancelled),
            false => Ok(()),
        }
    }

    fn index(&self, operation: Operation) -> usize {
        let index = self.function.operation(operation);
        index.expect("callers call only operations that the module exports")
    }

    fn call_once(
        &mut self,
        operation: usize,
        rows: Rows<'_>,
        returns: &DataType,
        results: &ResultMemory<'_>,
    ) -> Result<ArrayRef, CallError> {
        let memory_bytes_max = self.function.definition.limits.memory_bytes_max;
        // A constant keeps its one row.
        let slice = |column: &ArrayRef| match column.len() {
            1 => Arc::clone(column),
            len if rows.first == 0 && len == rows.rows => Arc::clone(column),
            _ => column.slice(rows.first, rows.rows),
        };
        let columns: Vec<ArrayRef> = rows.columns.iter().map(slice).collect();
        let timer = self.function.recorder.time(Phase::Lower);
        let arguments = Lowering::plan(&columns, rows.rows as u32, memory_bytes_max)?;
        drop(timer);
        // Null rows and rows of new groups need more overhead fuel than others, and the
        // call cannot be repeated with fewer rows.
        let overhead = OVERHEAD_FUEL_PER_ROW.saturating_mul(rows.rows as u64);
        let budget = Budget {
            fuel_per_call: rows.budget.fuel_per_call.saturating_add(overhead),
            ..rows.budget
        };
        let call = Call {
            operation,
            arguments: &arguments,
            budget,
            returns,
            rows_min: rows.rows_min,
            results,
            nulls: None,
            batch_invariant: false,
            is_fresh: false,
            timestamp: self.scope.timestamp(),
            cancellation: self.scope.cancellation(),
            calibration: &self.execution.calibration,
            statistics: &self.execution.statistics,
            recorder: &self.function.recorder,
            log: &self.log,
        };
        let answer = self.instance.call(call)?;
        self.add_messages(rows.first);
        Ok(answer.column)
    }
}

impl std::fmt::Debug for StatefulInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatefulInstance")
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

/// Returns the right to repeat an operation.
fn repeat(operation: Operation) -> Repeat {
    match operation {
        Operation::State | Operation::Finish | Operation::Rank => Repeat::ReadsState,
        _ => Repeat::Never,
    }
}
