//! Calls of scalar functions: a batch is split into calls, and failed calls are retried
//! as the retry policy says.

// Rows that fail and are null.
mod failed_rows;

// Null rows of strict functions that end a call.
mod null_rows;

// Rows whose answers are kept.
mod answered;

use std::cell::RefCell;

use arrow_array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use fusebox_definition::{Kind, Reset, StatementError, Subject, Volatility};
use fusebox_marshal::lift::LiftError;
use fusebox_marshal::lower::Lowering;
use fusebox_marshal::{ResultMemory, lift};

use super::arguments::{ArgumentColumn, Arguments, StrictNulls, check_lengths, strict_nulls};
use super::rebuilt::{joined, scattered, taken};
use super::wasm_function::WasmFunction;
use crate::error::{Error, Result};
use crate::metrics::Phase;
use crate::sandbox::{
    Answer, Attempt, Call, CallError, CallLog, LoggedMessage, NextStep, Repeat, RowMetering,
    next_step,
};
use crate::scope::{FunctionExecution, Scope};

/// Batch of a scalar call.
struct Batch<'a> {
    scope: &'a Scope,
    execution: &'a FunctionExecution,
    arguments: &'a Arguments,
    returns: &'a DataType,
    /// Memory of the results of all calls.
    results: &'a ResultMemory<'a>,
}

/// Range of rows of a batch.
#[derive(Clone, Copy)]
struct RowRange {
    first: usize,
    rows: usize,
    /// True for a part of a range in which a row failed.
    is_part: bool,
}

impl WasmFunction {
    /// Calls the scalar function with `arguments` that it accepts as they are, each of
    /// `rows` rows or constant; returns a column of the type `returns`, of `rows` rows.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] for a function that is not scalar and columns of other lengths; any
    /// error of a call, with the first row that fails where the guest begins rows.
    pub fn call(
        &self,
        arguments: Vec<ArgumentColumn>,
        rows: usize,
        returns: &DataType,
        scope: &Scope,
    ) -> Result<ArrayRef> {
        let name = || Subject::Function(self.definition.name.clone());
        if self.definition.kind != Kind::Scalar {
            let reason = StatementError::Kind {
                found: self.definition.kind.name(),
                stated: Kind::Scalar.name(),
            };
            return Err(Error::refused(name(), reason));
        }
        check_lengths(&arguments, rows).map_err(|reason| Error::refused(name(), reason))?;
        if rows == 0 {
            return Ok(new_empty_array(returns));
        }
        if u32::try_from(rows).is_err() {
            return Err(Error::Internal(format!("a batch of {rows} rows")));
        }
        let span = tracing::trace_span!("call", function = self.definition.name, rows);
        let _entered = span.enter();
        let execution = self.in_scope(scope);
        let open = || scope.open(&self.definition.name);
        let batch = Batch {
            scope,
            execution: &execution,
            arguments: &Arguments::new(arguments),
            returns,
            results: &ResultMemory::new(scope.batch_bytes_max(), &open),
        };
        let column = self.call_deduplicated(&batch, rows);
        column.inspect_err(|error| execution.statistics.count_error(error))
    }

    /// Takes the rows of a result at `indices`, each as often as it occurs, and charges them
    /// like a batch of results.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if they exceed the maximum of a batch, or memory is refused.
    pub fn take_rows(
        &self,
        column: ArrayRef,
        indices: &UInt32Array,
        scope: &Scope,
    ) -> Result<ArrayRef> {
        let open = || scope.open(&self.definition.name);
        let results = ResultMemory::new(scope.batch_bytes_max(), &open);
        let rows = indices.len();
        let column = taken(column, indices, &results);
        column.map_err(|error| self.rebuild_error(error, rows))
    }

    /// Calls the guest without rows that a dictionary or runs show to be equal, or
    /// without null rows where they are many; and without rows whose answers are kept.
    fn call_deduplicated(&self, batch: &Batch<'_>, rows: usize) -> Result<ArrayRef> {
        let is_volatile = self.definition.volatility == Volatility::Volatile;
        if !self.is_strict() {
            return self.call_unanswered(batch, rows);
        }
        let with = |arguments| Batch {
            arguments,
            ..*batch
        };
        if !is_volatile
            && !self.nulls_failed_rows()
            && let Some((distinct, indices)) = batch.arguments.distinct()
        {
            let column = self.call_unanswered(&with(&distinct), distinct.rows())?;
            let repeated = rows - distinct.rows();
            batch.execution.statistics.count_reused(repeated);
            let column = taken(column, &indices, batch.results);
            let column = column.map_err(|error| self.rebuild_error(error, rows))?;
            // Arrow's kernel loses rows of fixed-size lists of size 0.
            if column.len() == rows {
                return Ok(column);
            }
        } else if let Some((valid, nulls)) = batch.arguments.valid(rows, batch.returns) {
            let column = self.call_unanswered(&with(&valid), valid.rows())?;
            let column = scattered(column, nulls, batch.results);
            return column.map_err(|error| self.rebuild_error(error, rows));
        }
        self.call_unanswered(batch, rows)
    }

    /// Calls the guest for `rows` rows, in calls of the calibrated size.
    fn call_rows(&self, batch: &Batch<'_>, rows: usize) -> Result<ArrayRef> {
        let before = batch.results.bytes();
        let mut columns = Vec::new();
        let mut first = 0;
        while first < rows {
            let range = RowRange {
                first,
                rows: self.next_rows(batch, rows - first),
                is_part: false,
            };
            columns.push(self.call_range(batch, range)?);
            first += range.rows;
        }
        let column = joined(columns, before, batch.results);
        column.map_err(|error| self.rebuild_error(error, rows))
    }

    /// Returns the rows of the next call, if `rows` are left.
    fn next_rows(&self, batch: &Batch<'_>, rows: usize) -> usize {
        // The rows beside one that fails cannot be called again.
        let is_single = self.nulls_failed_rows() && !self.is_repeatable();
        match is_single || self.definition.reset == Reset::Row {
            true => rows.min(1),
            false => batch.execution.calibration.sizer.next(rows),
        }
    }

    /// Calls the guest for a range of rows, and retries.
    fn call_range(&self, batch: &Batch<'_>, range: RowRange) -> Result<ArrayRef> {
        if batch.scope.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let columns = batch.arguments.slice(range.first, range.rows);
        let mut nulls = None;
        if self.is_strict() {
            match strict_nulls(&columns, range.rows) {
                StrictNulls::All => return self.null_range(batch, range),
                StrictNulls::Some(found) => nulls = found,
            }
        }
        let mut is_fresh = false;
        let log = RefCell::default();
        loop {
            let nulls = nulls.as_ref();
            let answer = self.call_once(batch, &columns, range.rows, nulls, is_fresh, &log);
            let error = match answer {
                Ok(answer) => {
                    self.add_messages(batch, range, log.take());
                    if answer.is_light && !is_fresh {
                        batch.execution.calibration.sizer.grow(range.rows);
                    }
                    return Ok(answer.column);
                }
                Err(error) => error,
            };
            let attempt = Attempt {
                rows: range.rows,
                // The pool has repeated the call with each row metered if need be.
                metering: RowMetering::PerRow,
                is_bounded: false,
                is_fresh,
                repeat: match self.is_repeatable() {
                    true => Repeat::Always,
                    false => Repeat::Never,
                },
            };
            let step = next_step(&error, attempt);
            tracing::trace!(function = self.definition.name, ?error, ?step, "retry");
            if step != NextStep::Fail {
                batch.execution.statistics.count_retry();
            }
            match step {
                NextStep::FreshInstance => is_fresh = true,
                NextStep::Halve => return self.call_halves(batch, range),
                NextStep::Shrink => {
                    batch.execution.calibration.sizer.shrink(range.rows);
                    return self.call_chunks(batch, range);
                }
                NextStep::Fail | NextStep::MeterPerRow => {
                    return match nulls.filter(|nulls| self.is_of_null(&error, nulls)) {
                        Some(nulls) => self.call_without_nulls(batch, range, nulls),
                        None => self.fail_range(batch, range, error, is_fresh, log.take()),
                    };
                }
            }
        }
    }

    /// Fails with an error that ended a call for a range of rows, or makes the row null that
    /// failed.
    fn fail_range(
        &self,
        batch: &Batch<'_>,
        range: RowRange,
        error: CallError,
        is_fresh: bool,
        log: CallLog,
    ) -> Result<ArrayRef> {
        match self.failure_cause(&error) {
            Some(_) if range.rows > 1 => self.divide_failed_range(batch, range, &error),
            Some(cause) => {
                self.add_messages(batch, range, log);
                self.null_failed_row(batch, range, cause)
            }
            None => self.fail(batch, range, error, is_fresh, log),
        }
    }

    /// Fails with the error of the first row that fails: the results of the rows before
    /// it were not lifted yet, and may have an error of their own.
    fn fail(
        &self,
        batch: &Batch<'_>,
        range: RowRange,
        error: CallError,
        is_fresh: bool,
        mut log: CallLog,
    ) -> Result<ArrayRef> {
        let before = error.row().filter(|_| self.is_repeatable() && !is_fresh);
        if let Some(before @ 1..) = before {
            let rows = before as usize;
            self.call_range(batch, RowRange { rows, ..range })?;
            let is_new = |message: &LoggedMessage| message.row >= Some(before);
            log.messages.retain(is_new);
        }
        self.add_messages(batch, range, log);
        Err(self.error_at(batch, range, error))
    }

    /// Adds the messages of a call for a range of rows.
    fn add_messages(&self, batch: &Batch<'_>, range: RowRange, log: CallLog) {
        let name = &self.definition.name;
        let row = |row| batch_row(batch, range, row);
        batch.scope.add_messages(name, log, row);
    }

    fn error_at(&self, batch: &Batch<'_>, range: RowRange, error: CallError) -> Error {
        self.error(error, range.rows, |row| batch_row(batch, range, row))
    }

    /// Returns null rows without calling the guest.
    fn null_range(&self, batch: &Batch<'_>, range: RowRange) -> Result<ArrayRef> {
        let bytes_max = self.definition.limits.result_bytes_max;
        match lift::null_column(batch.returns, range.rows, bytes_max, batch.results) {
            Ok(column) => Ok(column),
            Err(LiftError::TooLarge { .. }) if range.rows > 1 => self.call_halves(batch, range),
            Err(error) => Err(self.error_at(batch, range, error.into())),
        }
    }

    /// Calls the guest for the chunks of a range that was too large for one call.
    fn call_chunks(&self, batch: &Batch<'_>, range: RowRange) -> Result<ArrayRef> {
        let before = batch.results.bytes();
        let mut columns = Vec::new();
        let mut done = 0;
        while done < range.rows {
            // Another partition's thread may have grown the size again.
            let rows = self.next_rows(batch, range.rows - done);
            let chunk = RowRange {
                first: range.first + done,
                rows: rows.min(range.rows / 2).max(1),
                ..range
            };
            columns.push(self.call_range(batch, chunk)?);
            done += chunk.rows;
        }
        let column = joined(columns, before, batch.results);
        column.map_err(|error| self.rebuild_error(error, range.rows))
    }

    fn call_halves(&self, batch: &Batch<'_>, range: RowRange) -> Result<ArrayRef> {
        let half = range.rows / 2;
        self.call_parts(batch, range, &[half, range.rows - half])
    }

    /// Calls the guest for parts of a range, of so many rows each.
    fn call_parts(&self, batch: &Batch<'_>, range: RowRange, parts: &[usize]) -> Result<ArrayRef> {
        let before = batch.results.bytes();
        let mut columns = Vec::new();
        let mut first = range.first;
        for rows in parts.iter().copied().filter(|rows| *rows > 0) {
            let part = RowRange {
                first,
                rows,
                ..range
            };
            columns.push(self.call_range(batch, part)?);
            first += rows;
        }
        let column = joined(columns, before, batch.results);
        column.map_err(|error| self.rebuild_error(error, range.rows))
    }

    fn call_once(
        &self,
        batch: &Batch<'_>,
        columns: &[ArrayRef],
        rows: usize,
        nulls: Option<&NullBuffer>,
        is_fresh: bool,
        log: &RefCell<CallLog>,
    ) -> Result<Answer, CallError> {
        let limits = self.definition.limits;
        let timer = self.recorder.time(Phase::Lower);
        let arguments = Lowering::plan(columns, rows as u32, limits.memory_bytes_max)?;
        drop(timer);
        let call = Call {
            operation: 0,
            arguments: &arguments,
            budget: limits.into(),
            returns: batch.returns,
            rows_min: rows as u32,
            results: batch.results,
            nulls,
            batch_invariant: self.is_repeatable() && !is_fresh,
            is_fresh,
            timestamp: batch.scope.timestamp(),
            cancellation: batch.scope.cancellation(),
            calibration: &batch.execution.calibration,
            statistics: &batch.execution.statistics,
            recorder: &self.recorder,
            log,
        };
        self.pool
            .call(call, || batch.scope.open(&self.definition.name))
    }
}

/// Returns the row of the batch of a row of a range.
fn batch_row(batch: &Batch<'_>, range: RowRange, row: u64) -> u64 {
    let row = row.saturating_add(range.first as u64);
    batch.arguments.batch_row(row)
}
