//! What every kind of function is made of: a definition, and a pool of
//! instances of its module.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use fusebox_marshal::Layout;

use super::residents::Residents;
use super::slices::Slices;
use super::{Current, QueryContext};
use crate::definition::{Definition, NullHandling, Reset, Volatility};
use crate::error::{Error, Exhausted};
use crate::module::{Compiled, Operation};
use crate::sandbox::{Pool, Stop};

/// A function over a pool of instances.
///
/// Two are equal when their definitions are: digest and limits are part of
/// those, so a plan never mixes up a function and its replacement.
pub(super) struct Guest {
    pub(super) definition: Definition,
    /// What can be called, in the pool's order.
    operations: Vec<Operation>,
    pub(super) pool: Arc<Pool>,
    pub(super) slices: Slices,
    pub(super) residents: Residents,
    /// For calls of which only the session is known.
    pub(super) current: Current,
    /// For calls of which the query is not known.
    pub(super) outside: Arc<QueryContext>,
    /// Keeps the compiled module alive for the next function made of it.
    _compiled: Arc<Compiled>,
}

/// Whether a call may be made again, and with other rows beside: the answer to
/// a row does not depend on what was called before.
pub(super) fn is_repeatable(definition: &Definition) -> bool {
    definition.volatility != Volatility::Volatile || definition.reset == Reset::Row
}

impl Guest {
    pub(super) fn new(
        definition: Definition,
        compiled: Arc<Compiled>,
        operations: Vec<Operation>,
        pool: Arc<Pool>,
        (current, outside): (Current, QueryContext),
    ) -> Self {
        let is_open = Layout::of(&definition.signature.returns).is_some_and(|all| all.is_open());
        let is_repeatable = is_repeatable(&definition);
        let rows_max = pool.rows_max(definition.limits.into(), is_repeatable, is_open);
        Self {
            slices: Slices::new(rows_max),
            definition,
            operations,
            pool,
            residents: Residents::default(),
            current,
            outside: Arc::new(outside),
            _compiled: compiled,
        }
    }

    pub(super) fn is_strict(&self) -> bool {
        self.definition.nulls == NullHandling::Strict
    }

    pub(super) fn is_repeatable(&self) -> bool {
        is_repeatable(&self.definition)
    }

    /// The place of an operation among those of the pool, if there is such one.
    pub(super) fn operation(&self, operation: Operation) -> Option<usize> {
        self.operations.iter().position(|other| *other == operation)
    }

    /// The error of a call for `rows` rows, each of which is for SQL the row that
    /// `shift` says.
    pub(super) fn error(&self, stop: Stop, rows: usize, shift: impl Fn(u64) -> u64) -> Error {
        let function = self.definition.name.clone();
        let limits = self.definition.limits;
        let limit = |limit| Error::Limit {
            function: function.clone(),
            limit,
        };
        match stop {
            Stop::Failed { row, message } => Error::Failed {
                function,
                row: row.map(&shift),
                message,
            },
            Stop::Breach(breach) => Error::guest(&function, breach.at(&shift)),
            Stop::Trap { row, trap } => Error::Trap {
                function,
                row: row.map(&shift),
                trap,
            },
            Stop::Fuel { row: Some(row) } => limit(Exhausted::Fuel {
                row: shift(row),
                fuel_per_row: limits.fuel_per_row,
            }),
            Stop::Cancelled => Error::Cancelled,
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
                row: row.map(&shift),
                stack_bytes_max: limits.stack_bytes_max,
            }),
            Stop::Memory { row } => limit(Exhausted::Memory {
                // Of a single row it is clear which one.
                row: row.or((rows == 1).then_some(0)).map(&shift),
                memory_bytes_max: limits.memory_bytes_max,
            }),
            Stop::Result { bytes } => limit(Exhausted::Result {
                row: shift(0),
                bytes,
                result_bytes_max: limits.result_bytes_max,
            }),
            Stop::Arena { bytes } if rows > 1 => limit(Exhausted::ArgumentsTogether {
                rows: rows as u64,
                bytes,
                memory_bytes_max: limits.memory_bytes_max,
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
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.definition.fmt(f)
    }
}

impl PartialEq for Guest {
    fn eq(&self, other: &Self) -> bool {
        self.definition == other.definition
    }
}

impl Eq for Guest {}

impl Hash for Guest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.hash(state);
    }
}
