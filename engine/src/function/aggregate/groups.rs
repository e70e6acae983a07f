//! Accumulator of many groups, whose states are in one instance.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use fusebox_runtime::{AccumulatorMemory, Error, Operation, StateCall, StatefulInstance};

use super::super::external;
use super::ResolvedAggregate;
use crate::scope::run_guest;

/// Accumulator of the states of many groups.
pub(super) struct WasmGroupsAccumulator {
    aggregate: ResolvedAggregate,
    memory: Arc<AccumulatorMemory>,
    /// `None` while all groups are in the initial state.
    instance: Option<StatefulInstance>,
    /// Number of groups.
    groups: usize,
}

/// Maximum groups that one call releases.
const RELEASED_GROUPS_MAX: usize = 8_192;

impl WasmGroupsAccumulator {
    pub(super) fn new(aggregate: ResolvedAggregate) -> Self {
        Self {
            memory: aggregate.memory(),
            aggregate,
            instance: None,
            groups: 0,
        }
    }

    /// Returns the instance; the first time, one that is preallocated for such rows and
    /// states of as many groups.
    fn instance(
        &mut self,
        arguments: &[ArrayRef],
        rows: usize,
    ) -> Result<&mut StatefulInstance, Error> {
        let instance = match self.instance.take() {
            Some(instance) => instance,
            None => {
                let state_type = self.aggregate.state_type();
                self.aggregate
                    .begin(&self.memory, arguments, rows, &state_type)?
            }
        };
        Ok(self.instance.insert(instance))
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
        self.groups = self.groups.max(groups_max);
        let function = Arc::clone(&self.aggregate.function);
        let call = || {
            self.instance(&arguments, rows)?.run(&StateCall {
                operation,
                columns: &arguments,
                rows,
                returns: &DataType::Null,
            })
        };
        run_guest(&function, operation, rows, call)?;
        Ok(())
    }

    /// Evaluates and releases groups.
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
        let function = Arc::clone(&self.aggregate.function);
        let call = || {
            let instance = self.instance(&[], 0)?;
            let call = StateCall {
                operation,
                columns: &[all],
                rows: groups,
                returns,
            };
            // DataFusion spills states where memory is short, and charges them itself.
            match operation {
                Operation::State => instance.run_for_caller(&call),
                _ => instance.run(&call),
            }
        };
        let result = run_guest(&function, operation, groups, call)?;
        self.groups -= groups;
        // Linear memory never shrinks, so the instance is discarded when it is empty.
        if self.groups == 0 {
            self.instance = None;
            return Ok(result);
        }
        let mut left = groups;
        while left > 0 {
            let some = left.min(RELEASED_GROUPS_MAX);
            let release = || self.instance(&[], 0)?.release_groups(some);
            run_guest(&function, Operation::ReleaseGroups, some, release)?;
            left -= some;
        }
        Ok(result)
    }
}

/// Makes the group column of rows: null where a row is filtered out.
fn group_column(
    groups: &[usize],
    filter: Option<&BooleanArray>,
    groups_max: usize,
) -> Result<ArrayRef, Error> {
    // The range check and the maximum, in passes that compilers vectorise.
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

impl GroupsAccumulator for WasmGroupsAccumulator {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        groups_max: usize,
    ) -> Result<()> {
        let values = self.aggregate.arguments(values, filter);
        let values = values.map_err(external)?;
        let groups = group_column(groups, filter, groups_max).map_err(external)?;
        self.change(Operation::Update, groups, &values, groups_max)
            .map_err(external)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        groups_max: usize,
    ) -> Result<()> {
        let mut merge = || {
            let rows = groups.len();
            let groups = group_column(groups, None, groups_max)?;
            let state = self.aggregate.state_of(states, rows)?;
            self.change(Operation::Merge, groups, &[state], groups_max)
        };
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

    /// Makes each row a group, in an instance of its own.
    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let values = self.aggregate.arguments(values, filter);
        let values = values.map_err(external)?;
        let rows = values.first().map_or(0, |column| column.len());
        let convert = || {
            let groups: Vec<usize> = (0..rows).collect();
            let groups = group_column(&groups, filter, rows)?;
            let mut arguments = vec![Arc::clone(&groups)];
            arguments.extend(values.iter().cloned());
            let state_type = self.aggregate.state_type();
            let mut instance = self
                .aggregate
                .begin(&self.memory, &arguments, rows, &state_type)?;
            instance.run(&StateCall {
                operation: Operation::Update,
                columns: &arguments,
                rows,
                returns: &DataType::Null,
            })?;
            let all: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..rows as u32));
            instance.run(&StateCall {
                operation: Operation::State,
                columns: &[all],
                rows,
                returns: &state_type,
            })
        };
        let function = &self.aggregate.function;
        let state = run_guest(function, Operation::Update, rows, convert);
        Ok(self.aggregate.columns_of(&state.map_err(external)?))
    }

    /// Twice the linear memory: DataFusion spills where it cannot charge this. So there is
    /// memory left for the states that it spills then, and for an allocator that doubles
    /// what it has in one call.
    fn size(&self) -> usize {
        let instance = self.instance.as_ref();
        let bytes = 2 * instance.map_or(0, StatefulInstance::memory_bytes);
        self.memory.settle(bytes);
        size_of::<Self>() + bytes
    }
}
