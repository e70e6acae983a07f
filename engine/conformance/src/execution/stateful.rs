//! Calls of functions that keep guest state: aggregate, window and table functions.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, ListBuilder};
use arrow_array::{Array, ArrayRef, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field};
use fusebox_runtime::{Accounting, Error, Operation, Scope, StateCall, StatefulInstance};
use serde_json::Value;

use super::{Callable, Outcome, TABLE_ROWS_MAX, fuel};
use crate::failure::Failure;
use crate::values::encode;

/// Error of a call, and the rows before it.
type Failed = Box<(Error, usize)>;

impl Callable {
    /// Adds rows to groups in batches, and returns the answers and states of the groups, also in
    /// such batches.
    pub(crate) fn aggregate(&self, columns: &[ArrayRef], groups: &[u32], batch: usize) -> Outcome {
        let scope = Arc::new(Self::scope());
        let count = groups.iter().max().map_or(0, |last| *last as usize + 1);
        let outcome = self.grouped(columns, groups, count, batch, &scope);
        finished(outcome, &scope, |(answers, states)| Outcome {
            answers,
            states: Some(states),
            ..Outcome::default()
        })
    }

    fn grouped(
        &self,
        columns: &[ArrayRef],
        groups: &[u32],
        count: usize,
        batch: usize,
        scope: &Arc<Scope>,
    ) -> Result<(Vec<Value>, [Vec<Value>; 2]), Failed> {
        let group_column: ArrayRef = Arc::new(UInt32Array::from(groups.to_vec()));
        let mut arguments = vec![group_column];
        arguments.extend(columns.iter().cloned());
        let none = DataType::Null;
        let state = self.state_type();
        let update = (Operation::Update, &none);
        let mut instance = self.begin(update, &arguments, groups.len().min(batch), scope)?;
        run(&mut instance, update, &arguments, groups.len(), batch)?;
        let all: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..count as u32));
        let groups = std::slice::from_ref(&all);
        let states = run(
            &mut instance,
            (Operation::State, &state),
            groups,
            count,
            batch,
        )?;
        let finish = (Operation::Finish, &self.returns);
        let answers = run(&mut instance, finish, groups, count, batch)?;
        let mut merged = Vec::new();
        for states in &states {
            // Each batch of states is merged into groups of an instance of its own.
            let rows = states.len();
            let numbers: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..rows as u32));
            let arguments = [numbers, Arc::clone(states)];
            let merge = (Operation::Merge, &none);
            let mut instance = self.begin(merge, &arguments, rows, scope)?;
            run(&mut instance, merge, &arguments, rows, batch)?;
            let groups = &arguments[..1];
            merged.extend(run(&mut instance, finish, groups, rows, batch)?);
        }
        let states = [values_of(&states), values_of(&merged)];
        Ok((values_of(&answers), states))
    }

    /// Returns the type of a state as the guest has it.
    fn state_type(&self) -> DataType {
        let state = self.function.definition().state.iter().enumerate();
        let fields = state
            .map(|(index, field)| Field::new(field.label(index), field.data_type.clone(), true));
        DataType::Struct(fields.collect())
    }

    /// Returns true for a window function over sets of peers.
    pub(crate) fn has_ranks(&self) -> bool {
        self.function.has_operation(Operation::Rank)
    }

    /// Calls a window function for one partition of `rows` rows, in batches if it keeps state
    /// from row to row.
    pub(crate) fn window(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        peers: Option<&[[u64; 2]]>,
        batch: usize,
    ) -> Outcome {
        let scope = Arc::new(Self::scope());
        let outcome = match peers {
            Some(peers) => self.ranks(rows, peers, batch, &scope),
            None => self.rows(columns, rows, batch, &scope),
        };
        finished(outcome, &scope, |answers| Outcome {
            answers,
            ..Outcome::default()
        })
    }

    fn rows(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        batch: usize,
        scope: &Arc<Scope>,
    ) -> Result<Vec<Value>, Failed> {
        if self.function.has_operation(Operation::Partition) {
            let call = (Operation::Partition, &self.returns);
            let mut instance = self.begin(call, columns, rows, scope)?;
            let call = StateCall {
                operation: Operation::Partition,
                columns,
                rows,
                returns: &self.returns,
            };
            let answers = instance
                .run_whole(&call)
                .map_err(|error| Box::new((error, 0)))?;
            return Ok(encode(&answers));
        }
        let next = (Operation::Next, &self.returns);
        let mut instance = self.begin(next, columns, rows.min(batch), scope)?;
        let answers = run(&mut instance, next, columns, rows, batch)?;
        Ok(values_of(&answers))
    }

    fn ranks(
        &self,
        rows: usize,
        peers: &[[u64; 2]],
        batch: usize,
        scope: &Arc<Scope>,
    ) -> Result<Vec<Value>, Failed> {
        let side = |side: usize| -> ArrayRef {
            let numbers = peers.iter().map(|range| range[side]);
            Arc::new(UInt64Array::from_iter_values(numbers))
        };
        let all: ArrayRef = Arc::new(UInt64Array::from(vec![rows as u64]));
        let columns = [side(0), side(1), all];
        let rank = (Operation::Rank, &self.returns);
        let mut instance = self.begin(rank, &columns, peers.len().min(batch), scope)?;
        let answers = run(&mut instance, rank, &columns, peers.len(), batch)?;
        Ok(values_of(&answers))
    }

    /// Returns the first rows of a table, in batches, for columns of one row.
    pub(crate) fn table(&self, columns: &[ArrayRef], batch: usize) -> Outcome {
        let scope = Arc::new(Self::scope());
        let outcome = self.table_rows(columns, batch, &scope);
        finished(outcome, &scope, |answers| Outcome {
            answers,
            ..Outcome::default()
        })
    }

    fn table_rows(
        &self,
        columns: &[ArrayRef],
        batch: usize,
        scope: &Arc<Scope>,
    ) -> Result<Vec<Value>, Failed> {
        let DataType::Struct(fields) = &self.returns else {
            let reason = "a table type that is not a struct".to_owned();
            return Err(Box::new((Error::Internal(reason), 0)));
        };
        // All columns of the table.
        let mut flags = ListBuilder::new(BooleanBuilder::new());
        flags.append_value(fields.iter().map(|_| Some(true)));
        let mut arguments: Vec<ArrayRef> = vec![Arc::new(flags.finish())];
        arguments.extend(columns.iter().cloned());
        let generate = (Operation::Generate, &self.returns);
        let mut instance = self.begin(generate, &arguments, batch.min(TABLE_ROWS_MAX), scope)?;
        let mut answers = Vec::new();
        while answers.len() < TABLE_ROWS_MAX {
            let call = StateCall {
                operation: Operation::Generate,
                columns: &arguments,
                rows: batch.min(TABLE_ROWS_MAX - answers.len()),
                returns: &self.returns,
            };
            let rows = instance.run_once(&call);
            let rows = rows.map_err(|error| Box::new((error, answers.len())))?;
            if rows.is_empty() {
                break;
            }
            answers.extend(encode(&rows));
        }
        Ok(answers)
    }

    /// Acquires an instance that is preallocated for the first `rows` rows.
    fn begin(
        &self,
        (operation, returns): (Operation, &DataType),
        columns: &[ArrayRef],
        rows: usize,
        scope: &Arc<Scope>,
    ) -> Result<StatefulInstance, Failed> {
        let columns = sliced(columns, 0, rows);
        let first = StateCall {
            operation,
            columns: &columns,
            rows,
            returns,
        };
        let begun = StatefulInstance::begin(&self.function, scope, Some(first), Accounting::Scope);
        begun.map_err(|error| Box::new((error, 0)))
    }
}

/// Calls an operation in batches, and returns the result of each.
fn run(
    instance: &mut StatefulInstance,
    (operation, returns): (Operation, &DataType),
    columns: &[ArrayRef],
    rows: usize,
    batch: usize,
) -> Result<Vec<ArrayRef>, Failed> {
    let firsts = (0..rows).step_by(batch.max(1));
    let call = |first: usize| {
        let rows = batch.min(rows - first);
        let columns = sliced(columns, first, rows);
        let call = StateCall {
            operation,
            columns: &columns,
            rows,
            returns,
        };
        instance
            .run(&call)
            .map_err(|error| Box::new((error, first)))
    };
    firsts.map(call).collect()
}

/// Returns a range of the rows of columns; one of one row stands for all.
fn sliced(columns: &[ArrayRef], first: usize, rows: usize) -> Vec<ArrayRef> {
    let slice = |column: &ArrayRef| match column.len() {
        1 => Arc::clone(column),
        _ => column.slice(first, rows),
    };
    columns.iter().map(slice).collect()
}

fn values_of(columns: &[ArrayRef]) -> Vec<Value> {
    columns.iter().flat_map(encode).collect()
}

/// Adds the fuel of a scope, or makes the failure of a call.
fn finished<T>(
    result: Result<T, Failed>,
    scope: &Scope,
    outcome: impl FnOnce(T) -> Outcome,
) -> Outcome {
    let fuel = fuel(scope);
    match result {
        Ok(result) => Outcome {
            fuel,
            ..outcome(result)
        },
        Err(failed) => {
            let (error, first) = *failed;
            Outcome {
                failure: Some(Failure::of(&error).shifted(first)),
                fuel,
                ..Outcome::default()
            }
        }
    }
}
