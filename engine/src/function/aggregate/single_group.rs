//! Accumulator of a single group, whose instance is shared through a cache.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use fusebox_runtime::{
    AccumulatorMemory, Error, LimitExceeded, Operation, StateCall, StateId, StatePlace,
    StatefulInstance,
};

use super::super::external;
use super::{ResolvedAggregate, one_group};
use crate::scope::run_guest;

/// Accumulator of a single group.
pub(super) struct SingleGroupAccumulator {
    aggregate: ResolvedAggregate,
    memory: Arc<AccumulatorMemory>,
    /// Identity of its state in the cache.
    id: StateId,
    /// Linear memory of the instance after the last call, in bytes.
    bytes: usize,
}

impl SingleGroupAccumulator {
    pub(super) fn new(aggregate: ResolvedAggregate) -> Self {
        Self {
            memory: aggregate.memory(),
            id: aggregate.states.new_id(),
            aggregate,
            bytes: 0,
        }
    }

    /// Calls an operation for rows of the group.
    pub(super) fn run(
        &mut self,
        operation: Operation,
        columns: &[ArrayRef],
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let function = Arc::clone(&self.aggregate.function);
        let call = || self.call(operation, columns, rows, returns);
        run_guest(&function, operation, rows, call)
    }

    fn call(
        &mut self,
        operation: Operation,
        columns: &[ArrayRef],
        rows: usize,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let mut arguments = vec![one_group()];
        arguments.extend(columns.iter().cloned());
        let mut instance = match self.aggregate.states.take(self.id)? {
            StatePlace::Resident(instance) => instance,
            StatePlace::Evicted(state) => {
                let arguments = [one_group(), state];
                let mut instance = self.begin(&arguments, 1)?;
                instance.run(&StateCall {
                    operation: Operation::Merge,
                    columns: &arguments,
                    rows: 1,
                    returns: &DataType::Null,
                })?;
                Box::new(instance)
            }
            StatePlace::Initial => Box::new(self.begin(&arguments, rows)?),
        };
        // After an error, instance and state are discarded.
        let result = instance.run(&StateCall {
            operation,
            columns: &arguments,
            rows,
            returns,
        })?;
        self.bytes = instance.memory_bytes();
        let state_type = self.aggregate.state_type();
        let states = &self.aggregate.states;
        states.put(self.id, instance, |other| serialize(other, &state_type));
        Ok(result)
    }

    fn begin(&self, arguments: &[ArrayRef], rows: usize) -> Result<StatefulInstance, Error> {
        loop {
            let begun =
                self.aggregate
                    .begin(&self.memory, arguments, rows, &self.aggregate.returns);
            // States that are not being called can be evicted.
            let is_full = matches!(
                begun,
                Err(Error::Limit {
                    limit: LimitExceeded::Instances { .. } | LimitExceeded::ProcessInstances { .. },
                    ..
                })
            );
            let state_type = self.aggregate.state_type();
            let states = &self.aggregate.states;
            if !is_full || !states.evict(|other| serialize(other, &state_type)) {
                return begun;
            }
        }
    }

    /// Returns the result of the group, whose state stays.
    pub(super) fn value(&mut self) -> Result<ScalarValue, Error> {
        let returns = self.aggregate.returns.clone();
        let value = self.run(Operation::Finish, &[], 1, &returns)?;
        ScalarValue::try_from_array(&value, 0).map_err(|error| Error::Query(Box::new(error)))
    }

    fn change_arguments(&mut self, operation: Operation, values: &[ArrayRef]) -> Result<()> {
        let values = self.aggregate.arguments(values, None);
        self.change(operation, &values.map_err(external)?)
    }

    fn change(&mut self, operation: Operation, columns: &[ArrayRef]) -> Result<()> {
        // Aggregates have at least one argument.
        let rows = columns.first().map_or(1, |column| column.len());
        if rows > 0 {
            let done = self.run(operation, columns, rows, &DataType::Null);
            done.map_err(external)?;
        }
        Ok(())
    }
}

/// Serialises the state of the only group of an instance.
fn serialize(instance: &mut StatefulInstance, state_type: &DataType) -> Result<ArrayRef, Error> {
    instance.run(&StateCall {
        operation: Operation::State,
        columns: &[one_group()],
        rows: 1,
        returns: state_type,
    })
}

impl Drop for SingleGroupAccumulator {
    fn drop(&mut self) {
        self.aggregate.states.remove(self.id);
    }
}

impl std::fmt::Debug for SingleGroupAccumulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.aggregate.function.fmt(f)
    }
}

impl Accumulator for SingleGroupAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change_arguments(Operation::Update, values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change_arguments(Operation::Retract, values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.aggregate.function.has_operation(Operation::Retract)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |column| column.len());
        let state = self.aggregate.state_of(states, rows).map_err(external)?;
        self.change(Operation::Merge, &[state])
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let state_type = self.aggregate.state_type();
        let state = self.run(Operation::State, &[], 1, &state_type);
        let columns = self.aggregate.columns_of(&state.map_err(external)?);
        let values = columns.iter();
        let values = values.map(|column| ScalarValue::try_from_array(column, 0));
        values.collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.value().map_err(external)
    }

    fn size(&self) -> usize {
        self.memory.settle(self.bytes);
        size_of::<Self>() + self.bytes
    }
}

/// Evaluates an aggregate over rows that are all given, in an instance of its own.
pub(super) fn evaluate_rows(
    aggregate: &ResolvedAggregate,
    memory: &Arc<AccumulatorMemory>,
    columns: &[ArrayRef],
    rows: usize,
) -> Result<ScalarValue, Error> {
    let mut arguments = vec![one_group()];
    arguments.extend(columns.iter().cloned());
    let evaluate = || {
        let mut instance = aggregate.begin(memory, &arguments, rows, &aggregate.returns)?;
        if rows > 0 {
            instance.run(&StateCall {
                operation: Operation::Update,
                columns: &arguments,
                rows,
                returns: &DataType::Null,
            })?;
        }
        instance.run(&StateCall {
            operation: Operation::Finish,
            columns: &[one_group()],
            rows: 1,
            returns: &aggregate.returns,
        })
    };
    let value = run_guest(&aggregate.function, Operation::Update, rows, evaluate)?;
    ScalarValue::try_from_array(&(Arc::clone(&value) as ArrayRef), 0)
        .map_err(|error| Error::Query(Box::new(error)))
}
