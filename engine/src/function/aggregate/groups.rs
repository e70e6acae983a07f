//! The states of many groups, in one instance.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::super::calls::{Calls, Room};
use super::super::external;
use super::Aggregate;
use crate::error::Error;
use crate::module::Operation;

/// An aggregate's states, by group.
pub(super) struct Groups {
    aggregate: Aggregate,
    /// None while all groups are in the initial state.
    calls: Option<Calls>,
    /// How many groups there are.
    groups: usize,
}

/// How many groups a call forgets at most.
const GROUPS_MAX: usize = 8_192;

impl Groups {
    pub(super) fn new(aggregate: Aggregate) -> Self {
        Self {
            aggregate,
            calls: None,
            groups: 0,
        }
    }

    /// The instance; the first time, one with room for rows like these, and
    /// states for as many groups. With more it grows, and is then given up.
    fn calls(&mut self, arguments: &[ArrayRef], rows: usize) -> Result<&mut Calls, Error> {
        let calls = match self.calls.take() {
            Some(calls) => calls,
            None => {
                let state_type = self.aggregate.state_type();
                let room = Room {
                    rows,
                    arguments,
                    returns: &state_type,
                };
                // Their memory is charged through `size`, and nowhere else.
                Calls::begin(&self.aggregate.guest, Some(room), || None)?
            }
        };
        Ok(self.calls.insert(calls))
    }

    /// Changes the states of the groups of rows.
    fn change(
        &mut self,
        operation: Operation,
        groups: ArrayRef,
        columns: &[ArrayRef],
        groups_max: usize,
    ) -> Result<(), Error> {
        let rows = groups.len();
        let mut arguments = vec![groups];
        arguments.extend(columns.iter().cloned());
        // Of a batch of one row, others are not constant.
        self.groups = self.groups.max(groups_max);
        self.calls(&arguments, rows)?
            .run(operation, &arguments, rows, &DataType::Null)?;
        Ok(())
    }

    /// Asks for `emit` groups, and forgets them.
    fn emit(
        &mut self,
        operation: Operation,
        emit: EmitTo,
        returns: &DataType,
    ) -> Result<ArrayRef, Error> {
        let groups = match emit {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups.min(self.groups),
        };
        let all: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..groups as u32));
        let calls = self.calls(&[], 0)?;
        let answer = calls.run(operation, &[all], groups, returns)?;
        self.groups -= groups;
        // Memory never shrinks, but for that of an instance that is gone.
        if self.groups == 0 {
            self.calls = None;
            return Ok(answer);
        }
        let mut left = groups;
        while left > 0 {
            let some = left.min(GROUPS_MAX);
            self.calls(&[], 0)?.forget(some)?;
            left -= some;
        }
        Ok(answer)
    }
}

/// The groups of rows as a guest sees them: null where a row is filtered out.
fn group_column(
    groups: &[usize],
    filter: Option<&BooleanArray>,
    groups_max: usize,
) -> Result<ArrayRef, Error> {
    // What all have in common with numbers of more than 32 bits, and the last
    // one: both in passes that compilers vectorise.
    let bits = groups.iter().fold(0, |bits, group| bits | group);
    let narrow: Vec<u32> = groups.iter().map(|group| *group as u32).collect();
    let last = narrow.iter().fold(0, |last: u32, group| last.max(*group));
    if u32::try_from(bits.max(groups_max)).is_err() || last as usize >= groups_max.max(1) {
        let last = groups.iter().max().copied().unwrap_or_default();
        return Err(Error::Internal(format!("group {last} of {groups_max}")));
    }
    let groups = ScalarBuffer::from(narrow);
    let nulls = filter.map(|filter| {
        let passes = match filter.nulls() {
            Some(known) => filter.values() & known.inner(),
            None => filter.values().clone(),
        };
        NullBuffer::new(passes)
    });
    let column = UInt32Array::try_new(groups, nulls).map_err(super::super::arrow)?;
    Ok(Arc::new(column))
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        groups_max: usize,
    ) -> Result<()> {
        let groups = group_column(groups, filter, groups_max).map_err(external)?;
        self.change(Operation::Update, groups, values, groups_max)
            .map_err(external)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        groups_max: usize,
    ) -> Result<()> {
        let merge = || {
            let rows = groups.len();
            let groups = group_column(groups, None, groups_max)?;
            let state = self.aggregate.state_of(states, rows)?;
            self.change(Operation::Merge, groups, &[state], groups_max)
        };
        let mut merge = merge;
        merge().map_err(external)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let returns = self.aggregate.returns.clone();
        let values = self.emit(Operation::Finish, emit, &returns);
        values.map_err(external)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let returns = self.aggregate.state_type();
        let state = self.emit(Operation::State, emit, &returns);
        Ok(self.aggregate.columns_of(&state.map_err(external)?))
    }

    /// Each row is a group of its own, in an instance of their own.
    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let convert = || {
            let rows = values.first().map_or(0, |column| column.len());
            let groups: Vec<usize> = (0..rows).collect();
            let groups = group_column(&groups, filter, rows)?;
            let mut arguments = vec![Arc::clone(&groups)];
            arguments.extend(values.iter().cloned());
            let state_type = self.aggregate.state_type();
            let room = Room {
                rows,
                arguments: &arguments,
                returns: &state_type,
            };
            let mut calls = Calls::begin(&self.aggregate.guest, Some(room), || None)?;
            calls.run(Operation::Update, &arguments, rows, &DataType::Null)?;
            let all: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..rows as u32));
            calls.run(Operation::State, &[all], rows, &state_type)
        };
        Ok(self.aggregate.columns_of(&convert().map_err(external)?))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.calls.as_ref().map_or(0, Calls::memory_bytes)
    }
}
