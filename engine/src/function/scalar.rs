//! A guest function, called for the batches of DataFusion's scalar function.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use fusebox_marshal::lift;
use fusebox_marshal::lower::Lowering;

use super::QueryContext;
use super::arguments::{Arguments, Nulls, joined, strict_nulls};
use super::slices::Slices;
use crate::definition::{Definition, NullHandling, Reset, Volatility};
use crate::error::{Error, Exhausted};
use crate::module::Compiled;
use crate::sandbox::{Answer, Budget, Call, Pool, Stop};

/// A function over a pool of instances.
///
/// Two are equal when their definitions are: digest and limits are part of
/// those, so a plan never mixes up a function and its replacement.
pub(super) struct WasmScalar {
    definition: Definition,
    pool: Pool,
    slices: Slices,
    /// For calls of which the query is not known.
    outside: Arc<QueryContext>,
    /// Keeps the compiled module alive for the next function made of it.
    _compiled: Arc<Compiled>,
}

/// Whether a call may be made again, and with other rows beside: the answer to
/// a row does not depend on what was called before.
pub(super) fn is_repeatable(definition: &Definition) -> bool {
    definition.volatility != Volatility::Volatile || definition.reset == Reset::Row
}

impl WasmScalar {
    pub(super) fn new(
        definition: Definition,
        compiled: Arc<Compiled>,
        pool: Pool,
        outside: QueryContext,
    ) -> Self {
        Self {
            definition,
            pool,
            slices: Slices::new(),
            outside: Arc::new(outside),
            _compiled: compiled,
        }
    }

    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }

    pub(super) fn is_strict(&self) -> bool {
        self.definition.nulls == NullHandling::Strict
    }

    fn is_repeatable(&self) -> bool {
        is_repeatable(&self.definition)
    }

    /// The error of a call for `rows` rows, the first of which is `first` in
    /// the arguments.
    fn error(&self, stop: Stop, arguments: &Arguments, first: usize, rows: usize) -> Error {
        let function = self.definition.name.clone();
        let limits = self.definition.limits;
        let shift = |row: u64| arguments.batch_row(row.saturating_add(first as u64));
        let limit = |limit| Error::Limit {
            function: function.clone(),
            limit,
        };
        match stop {
            Stop::Failed { row, message } => Error::Failed {
                function,
                row: row.map(shift),
                message,
            },
            Stop::Breach(breach) => Error::guest(&function, breach.at(shift)),
            Stop::Trap { row, trap } => Error::Trap {
                function,
                row: row.map(shift),
                trap,
            },
            Stop::Fuel { row: Some(row) } => limit(Exhausted::Fuel {
                row: shift(row),
                fuel_per_row: limits.fuel_per_row,
            }),
            Stop::Fuel { row: None } | Stop::Spent if self.pool.announces_rows() => {
                limit(Exhausted::FuelOfCall {
                    fuel_per_call: limits.fuel_per_call,
                })
            }
            Stop::Fuel { row: None } | Stop::Spent => limit(Exhausted::FuelOfBatch {
                rows: rows as u64,
                fuel_per_row: limits.fuel_per_row,
                fuel_per_call: limits.fuel_per_call,
            }),
            Stop::Stack { row } => limit(Exhausted::Stack {
                row: row.map(shift),
                stack_bytes_max: limits.stack_bytes_max,
            }),
            Stop::Memory { row } => limit(Exhausted::Memory {
                // Of a single row it is clear which one.
                row: row.or((rows == 1).then_some(0)).map(shift),
                memory_bytes_max: limits.memory_bytes_max,
            }),
            Stop::Result { bytes } => limit(Exhausted::Result {
                row: shift(0),
                bytes,
                result_bytes_max: limits.result_bytes_max,
            }),
            Stop::Arena { bytes } => limit(Exhausted::Arguments {
                row: shift(0),
                bytes,
                memory_bytes_max: limits.memory_bytes_max,
            }),
            Stop::Instances { instances_max } => limit(Exhausted::Instances { instances_max }),
            Stop::ProcessInstances { instances_max } => {
                limit(Exhausted::ProcessInstances { instances_max })
            }
            Stop::Account { bytes } => limit(Exhausted::MemoryPool { bytes }),
            Stop::Machine(cause) => limit(Exhausted::Machine { cause }),
            Stop::Instantiate(cause) => Error::Internal(format!(
                "function `{function}` cannot be instantiated again: {cause}"
            )),
        }
    }

    /// Calls the guest for `rows` rows, but for those of which it is plain that
    /// they are equal.
    fn call_distinct(
        &self,
        query: &QueryContext,
        arguments: &Arguments,
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let is_volatile = self.definition.volatility == Volatility::Volatile;
        if self.is_strict()
            && !is_volatile
            && let Some((distinct, places)) = arguments.distinct()
        {
            let column = self.call(query, &distinct, distinct.rows(), returns)?;
            let column = take(&column, &places, None).map_err(arrow)?;
            // Arrow makes fewer rows of lists of the size 0.
            if column.len() == rows {
                return Ok(column);
            }
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
        joined(columns).map_err(arrow)
    }

    /// How many of the `rows` rows that are left go to the guest next.
    fn next_slice(&self, rows: usize) -> usize {
        if self.definition.reset == Reset::Row {
            return rows.min(1);
        }
        let budget = Budget::from(self.definition.limits);
        let safe = self.pool.rows_within(budget, self.is_repeatable());
        match safe {
            Some(safe) => rows.min(safe),
            None => self.slices.next(rows),
        }
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
                        Err(unlifted) => Err(self.error(unlifted.into(), arguments, first, rows)),
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
            Stop::Spent if self.is_repeatable() => self.slices.were_heavy(rows),
            Stop::Memory { .. } | Stop::Arena { .. } if self.is_repeatable() && rows == 1 => {
                let answer = run(true).map_err(|stop| self.error(stop, arguments, first, rows))?;
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
                return Err(self.error(stop, arguments, first, rows));
            }
        }
        self.call_halves(query, arguments, first, rows, returns)
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
        joined(vec![front, back]).map_err(arrow)
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
        let arguments = Lowering::measure(columns, rows as u32, limits.memory_bytes_max)?;
        let call = Call {
            arguments: &arguments,
            budget: limits.into(),
            returns,
            nulls,
            alike: self.is_repeatable() && !fresh,
            fresh,
        };
        self.pool
            .call(call, || query.account(&self.definition.name))
    }
}

impl std::fmt::Debug for WasmScalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.definition.fmt(f)
    }
}

impl PartialEq for WasmScalar {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

impl Eq for WasmScalar {}

impl Hash for WasmScalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.hash(state);
    }
}

impl WasmScalar {
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
            return Err(external(error));
        }
        let arguments = Arguments::new(args.args)?;
        let query = QueryContext::of(&args.config_options);
        let query = query.as_ref().unwrap_or(&self.outside);
        let column = self.call_distinct(query, &arguments, rows, returns);
        let column = column.map_err(external)?;
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

fn arrow(error: ArrowError) -> Error {
    Error::Query(Box::new(error))
}

fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
