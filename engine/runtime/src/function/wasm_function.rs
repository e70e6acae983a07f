//! One function: its definition over a pool of instances.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::DataType;
use fusebox_definition::{Definition, Kind, NullHandling, OnError, Reset, Volatility, sql_types};
use fusebox_instrument::WEIGHTS_VERSION;
use fusebox_marshal::Layout;

use super::ArgumentColumn;
use super::rebuilt::RebuildError;
use super::signature_match::{accepts, result_type};
use crate::error::{Error, LimitExceeded, Result};
use crate::metrics::Recorder;
use crate::module::{CompiledModule, Operation};
use crate::sandbox::{Budget, CallError, Pool};
use crate::scope::{FunctionExecution, Scope};

/// Function that can be called: a definition over a pool of instances.
///
/// Two are equal if their definitions are. Digest and limits are part of those, so a plan
/// never confuses a function with its replacement.
pub struct WasmFunction {
    pub(super) definition: Definition,
    /// Operations in the order of the pool's exports.
    operations: Vec<Operation>,
    pub(super) pool: Arc<Pool>,
    pub(super) recorder: Recorder,
    rows_max: usize,
    /// True if equal rows have equal answers, whichever rows are asked beside them.
    pub(super) has_reusable_answers: bool,
    /// Identity within the process.
    id: u64,
    /// Keeps the compiled module for the next function made of it.
    compiled: Arc<CompiledModule>,
}

/// Parts of a function that is bound to its module.
pub(crate) struct Binding {
    pub(crate) definition: Definition,
    pub(crate) compiled: Arc<CompiledModule>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) recorder: Recorder,
}

/// Returns true if a scalar call may be repeated, and with other rows: results do not
/// depend on earlier calls.
pub(crate) fn is_repeatable(definition: &Definition) -> bool {
    definition.volatility != Volatility::Volatile || definition.reset == Reset::Row
}

/// Returns true if the rows of a scalar function are independent of each other, whose guest
/// begins rows or does not: rows that it does not begin share fuel.
pub(crate) fn has_independent_rows(definition: &Definition, begins_rows: bool) -> bool {
    definition.kind == Kind::Scalar && (begins_rows || definition.reset == Reset::Row)
}

impl WasmFunction {
    pub(crate) fn new(binding: Binding) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let Binding {
            definition,
            compiled,
            operations,
            pool,
            recorder,
        } = binding;
        let is_open =
            Layout::of(&definition.signature.returns).is_some_and(|all| all.is_variable_size());
        let is_repeatable = is_repeatable(&definition);
        let has_reusable_answers = definition.volatility == Volatility::Immutable
            && definition.on_error == OnError::Fail
            && has_independent_rows(&definition, pool.meters_rows())
            && !pool.keeps_state();
        Self {
            has_reusable_answers,
            rows_max: pool.rows_max(definition.limits.into(), is_repeatable, is_open),
            definition,
            operations,
            pool,
            recorder,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            compiled,
        }
    }

    /// Returns an equal function with instances of its own, none of which exists yet. Two
    /// holders of a volatile function do not see each other's state.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::new(Binding {
            definition: self.definition.clone(),
            compiled: Arc::clone(&self.compiled),
            operations: self.operations.clone(),
            pool: Arc::new(self.pool.fork()),
            recorder: self.recorder.clone(),
        })
    }

    /// Returns the definition.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Returns true if a null argument gives a null result.
    pub fn is_strict(&self) -> bool {
        self.definition.nulls == NullHandling::Strict
    }

    /// Returns true if calling the operation for `rows` rows may take longer than some
    /// hundredths of a second.
    pub fn may_run_long(&self, operation: Operation, rows: usize) -> bool {
        let budget = Budget::from(self.definition.limits);
        let index = self.operation(operation);
        index.is_some_and(|index| self.pool.may_run_long(index, budget, rows))
    }

    /// Returns true if the module exports the operation for this function.
    pub fn has_operation(&self, operation: Operation) -> bool {
        self.operation(operation).is_some()
    }

    /// Calls the scalar function with the columns of `batch`, in the order of its
    /// arguments; returns one value per row.
    ///
    /// The types must be the declared ones, in any layout: nothing is coerced.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the types differ, and any error of a call.
    pub fn call_batch(&self, batch: &RecordBatch, scope: &Scope) -> Result<ArrayRef> {
        let given: Vec<DataType> = batch
            .columns()
            .iter()
            .map(|c| c.data_type().clone())
            .collect();
        let declared = self.definition.signature.types();
        if !accepts(&declared, &given) {
            return Err(Error::refused(
                fusebox_definition::Subject::Function(self.definition.name.clone()),
                fusebox_definition::StatementError::Call {
                    declared: sql_types(&declared),
                    given: sql_types(&given),
                },
            ));
        }
        let returns = result_type(&self.definition.signature.returns, &declared, &given);
        let columns = batch.columns().iter().cloned().map(ArgumentColumn::Array);
        self.call(columns.collect(), batch.num_rows(), &returns, scope)
    }

    pub(super) fn is_repeatable(&self) -> bool {
        is_repeatable(&self.definition)
    }

    /// Returns the index of an operation among the pool's exports.
    pub(super) fn operation(&self, operation: Operation) -> Option<usize> {
        self.operations.iter().position(|other| *other == operation)
    }

    /// Returns the state of this function in an execution.
    pub(super) fn in_scope(&self, scope: &Scope) -> Arc<FunctionExecution> {
        if self.pool.keeps_state() {
            scope.pin(self.id, || self.pool.pin());
        }
        scope.function(self.id, &self.definition, self.rows_max)
    }

    /// Makes an error of a column of `rows` rows that was not made of others.
    pub(super) fn rebuild_error(&self, error: RebuildError, rows: usize) -> Error {
        match error {
            RebuildError::Refused(refused) => self.error(refused.into(), rows, |row| row),
            RebuildError::Arrow(error) => super::arrow(error),
        }
    }

    /// Makes an error of a call of `rows` rows. `shift` maps a row of the call to the row
    /// that SQL sees.
    pub(super) fn error(&self, error: CallError, rows: usize, shift: impl Fn(u64) -> u64) -> Error {
        let function = self.definition.name.clone();
        tracing::debug!(function, ?error, rows, "call failed");
        let limit = match error {
            CallError::Failed { row, message } => {
                let row = row.map(&shift);
                return Error::Failed {
                    function,
                    row,
                    message,
                };
            }
            CallError::Abi(violation) => {
                let violation = violation.map_row(&shift);
                return Error::Abi {
                    function,
                    violation,
                };
            }
            CallError::Trap { row, trap } => {
                let row = row.map(&shift);
                return Error::Trap {
                    function,
                    row,
                    trap,
                };
            }
            CallError::Cancelled => return Error::Cancelled,
            CallError::Instantiate(cause) => {
                return Error::Internal(format!(
                    "function `{function}` cannot be instantiated again: {cause}"
                ));
            }
            other => self.limit_exceeded(other, rows, shift),
        };
        let other = self.definition.weights.filter(|w| *w != WEIGHTS_VERSION);
        Error::Limit {
            function,
            created_with: other.filter(|_| limit.depends_on_weights()),
            limit,
        }
    }

    /// Describes the limit that ended a call.
    fn limit_exceeded(
        &self,
        error: CallError,
        rows: usize,
        shift: impl Fn(u64) -> u64,
    ) -> LimitExceeded {
        let limits = self.definition.limits;
        match error {
            CallError::Fuel { row: Some(row) } => LimitExceeded::RowFuel {
                row: shift(row),
                fuel_per_row: limits.fuel_per_row,
            },
            CallError::Fuel { row: None } | CallError::BatchTooLarge if self.pool.meters_rows() => {
                LimitExceeded::CallFuel {
                    fuel_per_call: limits.fuel_per_call,
                }
            }
            CallError::Fuel { row: None } | CallError::BatchTooLarge => LimitExceeded::BatchFuel {
                rows: rows as u64,
                fuel_per_row: limits.fuel_per_row,
                fuel_per_call: limits.fuel_per_call,
            },
            CallError::InitFuel => LimitExceeded::InitFuel {
                fuel_init: limits.fuel_init,
            },
            CallError::Stack { row } => LimitExceeded::Stack {
                row: row.map(&shift),
                stack_bytes_max: limits.stack_bytes_max,
            },
            CallError::Memory { row } => LimitExceeded::Memory {
                // A call of one row names it.
                row: row.or((rows == 1).then_some(0)).map(&shift),
                memory_bytes_max: limits.memory_bytes_max,
            },
            CallError::Result { bytes } => LimitExceeded::Result {
                row: shift(0),
                bytes,
                result_bytes_max: limits.result_bytes_max,
            },
            CallError::Arena { bytes } if rows > 1 => LimitExceeded::BatchArguments {
                rows: rows as u64,
                bytes,
                memory_bytes_max: limits.memory_bytes_max,
            },
            CallError::Arena { bytes } => LimitExceeded::Arguments {
                row: shift(0),
                bytes,
                memory_bytes_max: limits.memory_bytes_max,
            },
            CallError::Instances { instances_max } => LimitExceeded::Instances { instances_max },
            CallError::ProcessInstances { instances_max } => {
                LimitExceeded::ProcessInstances { instances_max }
            }
            CallError::MemoryPool { bytes } => LimitExceeded::MemoryPool { bytes },
            CallError::BatchBytes { bytes_max } => LimitExceeded::BatchBytes {
                batch_bytes_max: bytes_max,
            },
            CallError::System(cause) => LimitExceeded::System { cause },
            CallError::AddressSpace(cause) => LimitExceeded::AddressSpace { cause },
            other => LimitExceeded::System {
                cause: format!("unexpected error: {other:?}"),
            },
        }
    }
}

impl fmt::Debug for WasmFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.definition.fmt(f)
    }
}

impl PartialEq for WasmFunction {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

impl Eq for WasmFunction {}

impl Hash for WasmFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.hash(state);
    }
}
