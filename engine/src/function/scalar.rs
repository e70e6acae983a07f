//! A guest function, called for the batches of DataFusion's scalar function.

use arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature};
use fusebox_marshal::lift;
use fusebox_marshal::lower::Lowering;

use super::QueryContext;
use super::arguments::{Arguments, Nulls, joined, strict_nulls};
use super::guest::Guest;
use super::overloads::Overloads;
use super::sparse::spread;
use crate::definition::{Reset, Volatility};
use crate::error::Error;
use crate::measure::Step;
use crate::sandbox::{Answer, Call, Stop};

impl Guest {
    /// The error of a call for `rows` rows, the first of which is `first` in
    /// the arguments.
    fn error_at(&self, stop: Stop, arguments: &Arguments, first: usize, rows: usize) -> Error {
        let shift = |row: u64| arguments.batch_row(row.saturating_add(first as u64));
        self.error(stop, rows, shift)
    }

    /// Calls the guest for `rows` rows, but for those of which it is plain that
    /// they are equal, and, where they are many, those that are null.
    fn call_few(
        &self,
        query: &QueryContext,
        arguments: &Arguments,
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let is_volatile = self.definition.volatility == Volatility::Volatile;
        if !self.is_strict() {
            return self.call(query, arguments, rows, returns);
        }
        if !is_volatile && let Some((distinct, places)) = arguments.distinct() {
            let column = self.call(query, &distinct, distinct.rows(), returns)?;
            let column = take(&column, &places, None).map_err(super::arrow)?;
            // Arrow makes fewer rows of lists of the size 0.
            if column.len() == rows {
                return Ok(column);
            }
        } else if let Some((valid, nulls)) = arguments.valid(rows, returns) {
            let column = self.call(query, &valid, valid.rows(), returns)?;
            return spread(&column, nulls).map_err(super::arrow);
        }
        self.call(query, arguments, rows, returns)
    }

    /// Calls the guest for `rows` rows, slice by slice.
    fn call(
        &self,
        query: &QueryContext,
        arguments: &Arguments,
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let mut columns = Vec::new();
        let mut first = 0;
        while first < rows {
            let slice = self.next_slice(rows - first);
            columns.push(self.call_slice(query, arguments, first, slice, returns)?);
            first += slice;
        }
        joined(columns).map_err(super::arrow)
    }

    /// How many of the `rows` rows that are left go to the guest next.
    fn next_slice(&self, rows: usize) -> usize {
        if self.definition.reset == Reset::Row {
            return rows.min(1);
        }
        self.slices.next(rows)
    }

    /// Calls the guest for the rows `first..first + rows`: for halves of them,
    /// where they are too many for its fuel or its memory.
    fn call_slice(
        &self,
        query: &QueryContext,
        arguments: &Arguments,
        first: usize,
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        if query.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let columns = arguments.slice(first, rows);
        let nulls = if self.is_strict() {
            match strict_nulls(&columns, rows) {
                Nulls::All => {
                    let bytes_max = self.definition.limits.result_bytes_max;
                    return match lift::nulls(returns, rows, bytes_max) {
                        Ok(column) => Ok(column),
                        Err(_) if rows > 1 => {
                            self.call_halves(query, arguments, first, rows, returns)
                        }
                        Err(unlifted) => {
                            Err(self.error_at(unlifted.into(), arguments, first, rows))
                        }
                    };
                }
                Nulls::Some(nulls) => nulls,
            }
        } else {
            None
        };
        let run = |fresh| self.run(query, &columns, rows, returns, nulls.as_ref(), fresh);
        let stop = match run(false) {
            Ok(answer) => {
                if answer.is_light {
                    self.slices.were_light(rows);
                }
                return Ok(answer.column);
            }
            Err(stop) => stop,
        };
        match &stop {
            Stop::Spent if self.is_repeatable() && rows > 1 => {
                self.slices.were_heavy(rows);
                return self.call_pieces(query, arguments, first, rows, returns);
            }
            Stop::Memory { .. } | Stop::Arena { .. } if self.is_repeatable() && rows == 1 => {
                let answer =
                    run(true).map_err(|stop| self.error_at(stop, arguments, first, rows))?;
                return Ok(answer.column);
            }
            Stop::Memory { .. } | Stop::Result { .. } if self.is_repeatable() && rows > 1 => {}
            Stop::Arena { .. } if rows > 1 => {}
            stopped => {
                // What the rows before it have answered was not looked at yet,
                // and may be what is wrong.
                let before = stopped.row().filter(|_| self.is_repeatable());
                if let Some(before @ 1..) = before {
                    self.call_slice(query, arguments, first, before as usize, returns)?;
                }
                return Err(self.error_at(stop, arguments, first, rows));
            }
        }
        self.call_halves(query, arguments, first, rows, returns)
    }

    /// Calls the guest for the rows `first..first + rows`, which are too many at
    /// once.
    fn call_pieces(
        &self,
        query: &QueryContext,
        arguments: &Arguments,
        first: usize,
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let mut columns = Vec::new();
        let mut done = 0;
        while done < rows {
            // Another thread may have found that more are not too many.
            let piece = self.next_slice(rows - done).min(rows / 2).max(1);
            columns.push(self.call_slice(query, arguments, first + done, piece, returns)?);
            done += piece;
        }
        joined(columns).map_err(super::arrow)
    }

    fn call_halves(
        &self,
        query: &QueryContext,
        arguments: &Arguments,
        first: usize,
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let half = rows / 2;
        let front = self.call_slice(query, arguments, first, half, returns)?;
        let back = self.call_slice(query, arguments, first + half, rows - half, returns)?;
        joined(vec![front, back]).map_err(super::arrow)
    }

    fn run(
        &self,
        query: &QueryContext,
        columns: &[ArrayRef],
        rows: usize,
        returns: &DataType,
        nulls: Option<&NullBuffer>,
        fresh: bool,
    ) -> Result<Answer, Stop> {
        let limits = self.definition.limits;
        let lap = self.pool.watch.time(Step::Lower);
        let arguments = Lowering::measure(columns, rows as u32, limits.memory_bytes_max)?;
        drop(lap);
        let call = Call {
            operation: 0,
            arguments: &arguments,
            budget: limits.into(),
            returns,
            rows_min: rows as u32,
            nulls,
            alike: self.is_repeatable() && !fresh,
            fresh,
            cancellation: query.cancellation(),
        };
        self.pool
            .call(call, || query.account(&self.definition.name))
    }
}

impl Guest {
    /// Calls the function for arguments that it takes as they are, for which it
    /// returns a column of the type `returns`.
    pub(super) fn invoke(
        &self,
        args: ScalarFunctionArgs,
        returns: &DataType,
    ) -> Result<ColumnarValue> {
        if args.number_rows == 0 {
            return Ok(ColumnarValue::Array(new_empty_array(returns)));
        }
        // Equal arguments give equal answers: one row speaks for all. A
        // volatile function is asked for each.
        let constant = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let folds = args.args.iter().all(constant)
            && (self.definition.volatility != Volatility::Volatile || args.number_rows == 1);
        let rows = if folds { 1 } else { args.number_rows };
        if u32::try_from(rows).is_err() {
            let error = Error::Internal(format!("a batch of {rows} rows"));
            return Err(super::external(error));
        }
        let arguments = Arguments::new(args.args)?;
        let query = QueryContext::of(&args.config_options);
        let query = query.as_ref().unwrap_or(&self.outside);
        let column = self.call_few(query, &arguments, rows, returns);
        let column = column.map_err(super::external)?;
        if folds {
            match ScalarValue::try_from_array(&column, 0) {
                Ok(value) => Ok(ColumnarValue::Scalar(value)),
                // DataFusion has no such scalars, of views of lists for one.
                Err(_) => {
                    let rows = UInt32Array::from(vec![0; args.number_rows]);
                    Ok(ColumnarValue::Array(take(&column, &rows, None)?))
                }
            }
        } else {
            Ok(ColumnarValue::Array(column))
        }
    }
}

impl ScalarUDFImpl for Overloads {
    fn name(&self) -> &str {
        self.name()
    }

    fn signature(&self) -> &Signature {
        self.signature()
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.return_type(given)
    }

    fn is_strict(&self) -> bool {
        self.functions().all(Guest::is_strict)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        Ok(self.coerced(given))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let given: Vec<_> = args.args.iter().map(ColumnarValue::data_type).collect();
        let overload = self.of(&given)?;
        overload.function.invoke(args, &overload.returns(&given))
    }
}
