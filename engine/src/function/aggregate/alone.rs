//! The state of one group, in an instance that others use too.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::super::calls::{Calls, Room};
use super::super::external;
use super::super::residents::Place;
use super::{Aggregate, one_group};
use crate::error::{Error, Exhausted};
use crate::module::Operation;

/// An aggregate's state of one group.
pub(super) struct Alone {
    aggregate: Aggregate,
    /// The name of its state among the residents.
    name: u64,
    /// How much memory the instance had last, in bytes.
    bytes: usize,
}

impl Alone {
    pub(super) fn new(aggregate: Aggregate) -> Self {
        let name = aggregate.guest.residents.name();
        Self {
            aggregate,
            name,
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
        let mut arguments = vec![one_group()];
        arguments.extend(columns.iter().cloned());
        let mut calls = match self.aggregate.guest.residents.take(self.name)? {
            Place::Resident(calls) => calls,
            Place::Away(state) => {
                let arguments = [one_group(), state];
                let mut calls = self.begin(&arguments, 1)?;
                calls.run(Operation::Merge, &arguments, 1, &DataType::Null)?;
                Box::new(calls)
            }
            Place::Nowhere => Box::new(self.begin(&arguments, rows)?),
        };
        // An instance that was stopped is not given back, and nor is its state.
        let answer = calls.run(operation, &arguments, rows, returns)?;
        self.bytes = calls.memory_bytes();
        let state_type = self.aggregate.state_type();
        let residents = &self.aggregate.guest.residents;
        residents.put(self.name, calls, |other| save(other, &state_type));
        Ok(answer)
    }

    fn begin(&self, arguments: &[ArrayRef], rows: usize) -> Result<Calls, Error> {
        let room = Room {
            rows,
            arguments,
            returns: &self.aggregate.returns,
        };
        loop {
            let begun = Calls::begin(&self.aggregate.guest, Some(room), || None);
            // Those that nobody calls now can wait elsewhere.
            let is_full = matches!(
                begun,
                Err(Error::Limit {
                    limit: Exhausted::Instances { .. } | Exhausted::ProcessInstances { .. },
                    ..
                })
            );
            let residents = &self.aggregate.guest.residents;
            if !is_full || !residents.evict(|other| save(other, &self.aggregate.state_type())) {
                return begun;
            }
        }
    }

    /// What the group answers, without an end to it.
    pub(super) fn finish(&mut self) -> Result<ScalarValue> {
        let returns = self.aggregate.returns.clone();
        let value = self.run(Operation::Finish, &[], 1, &returns);
        ScalarValue::try_from_array(&value.map_err(external)?, 0)
    }

    fn change(&mut self, operation: Operation, columns: &[ArrayRef]) -> Result<()> {
        // A function without arguments is called with one that counts its rows.
        let rows = columns.first().map_or(1, |column| column.len());
        if rows > 0 {
            let done = self.run(operation, columns, rows, &DataType::Null);
            done.map_err(external)?;
        }
        Ok(())
    }
}

/// Takes the state of the only group out of an instance.
fn save(calls: &mut Calls, state_type: &DataType) -> Result<ArrayRef, Error> {
    calls.run(Operation::State, &[one_group()], 1, state_type)
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.aggregate.guest.residents.forget(self.name);
    }
}

impl std::fmt::Debug for Alone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.aggregate.guest.fmt(f)
    }
}

impl Accumulator for Alone {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change(Operation::Update, values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change(Operation::Retract, values)
    }

    fn supports_retract_batch(&self) -> bool {
        let retract = self.aggregate.guest.operation(Operation::Retract);
        retract.is_some()
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
        self.finish()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.bytes
    }
}

/// What an aggregate answers for rows that are there already.
pub(super) fn of_rows(
    aggregate: &Aggregate,
    columns: &[ArrayRef],
    rows: usize,
) -> Result<ScalarValue, Error> {
    let mut arguments = vec![one_group()];
    arguments.extend(columns.iter().cloned());
    let returns = &aggregate.returns;
    let room = Room {
        rows,
        arguments: &arguments,
        returns,
    };
    let mut calls = Calls::begin(&aggregate.guest, Some(room), || None)?;
    if rows > 0 {
        calls.run(Operation::Update, &arguments, rows, &DataType::Null)?;
    }
    let value = calls.run(Operation::Finish, &[one_group()], 1, returns)?;
    ScalarValue::try_from_array(&(Arc::clone(&value) as ArrayRef), 0)
        .map_err(|error| Error::Query(Box::new(error)))
}
