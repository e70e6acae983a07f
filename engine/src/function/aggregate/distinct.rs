//! Accumulators of distinct rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use datafusion::logical_expr::function::AccumulatorArgs;

use fusebox_runtime::{AccumulatorMemory, Error, Operation};

use super::super::external;
use super::distinct_rows::{DistinctRows, KEY_BYTES, Key};
use super::single_group::{SingleGroupAccumulator, evaluate_rows};
use super::{ResolvedAggregate, grow, rows_of_states};

fn rows(aggregate: &ResolvedAggregate, args: &AccumulatorArgs<'_>) -> Result<DistinctRows> {
    let arguments = aggregate.casts.types();
    let ordering = args.order_bys.iter();
    let ordering = ordering.map(|by| by.expr.data_type(args.schema));
    let ordering: Vec<_> = ordering.collect::<Result<_>>()?;
    let order: Vec<_> = args.order_bys.iter().map(|by| by.options).collect();
    DistinctRows::new(arguments, &ordering, &order).map_err(external)
}

/// Accumulator of the distinct rows of a group, or of a frame that grows.
///
/// The guest gets rows when a result is asked for: in the order of their sort keys, then of
/// the arguments, so that the result does not depend on partitions. A frame that grows has
/// many results. There, each adds the rows that are new since the last one.
pub(super) struct DistinctAccumulator {
    aggregate: ResolvedAggregate,
    memory: Arc<AccumulatorMemory>,
    rows: DistinctRows,
    is_ordered: bool,
    /// Rows that are part of the last result.
    evaluated: HashMap<Key, Key>,
    /// Other rows, with their sort keys.
    new: HashMap<Key, Key>,
    /// State of the rows of the last result, from the second one on.
    growing: Option<SingleGroupAccumulator>,
    /// Memory of all keys in bytes.
    bytes: usize,
}

impl DistinctAccumulator {
    pub(super) fn new(aggregate: ResolvedAggregate, args: &AccumulatorArgs<'_>) -> Result<Self> {
        Ok(Self {
            memory: aggregate.memory(),
            rows: rows(&aggregate, args)?,
            aggregate,
            is_ordered: !args.order_bys.is_empty(),
            evaluated: HashMap::new(),
            new: HashMap::new(),
            growing: None,
            bytes: 0,
        })
    }

    fn push(&mut self, columns: &[ArrayRef]) -> Result<(), Error> {
        if columns.first().is_none_or(|column| column.is_empty()) {
            return Ok(());
        }
        let (keys, order) = self.rows.keys(columns)?;
        let copied = keys.size() + order.as_ref().map_or(0, |order| order.size());
        let most = copied + (copied + keys.num_rows() * KEY_BYTES);
        grow(&self.aggregate, &self.memory, most)?;
        let mut added = 0;
        for (row, key) in keys.iter().enumerate() {
            let key: &[u8] = key.as_ref();
            let order = order.as_ref().map(|order| order.row(row));
            let order: &[u8] = order.as_ref().map_or(&[], AsRef::as_ref);
            match self.new.get_mut(key) {
                // Equal rows stand at the first of their places.
                Some(first) if order < &**first => *first = order.into(),
                Some(_) => {}
                None if self.evaluated.contains_key(key) => {}
                None => {
                    added += key.len() + order.len() + KEY_BYTES;
                    self.new.insert(key.into(), order.into());
                }
            }
        }
        self.memory.shrink(most.saturating_sub(added));
        self.bytes += added;
        Ok(())
    }

    /// Runs `work` while as much memory is in use as a sorted copy of the rows takes.
    fn with_copy<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        grow(&self.aggregate, &self.memory, self.bytes)?;
        let done = work();
        self.memory.shrink(self.bytes);
        done
    }

    fn result(&mut self) -> Result<ScalarValue, Error> {
        let is_first = self.evaluated.is_empty();
        let new = self.with_copy(|| arranged(&self.rows, &self.new))?;
        if self.is_ordered {
            return evaluate_rows(&self.aggregate, &self.memory, &new, self.new.len());
        }
        if is_first {
            let result = evaluate_rows(&self.aggregate, &self.memory, &new, self.new.len())?;
            self.evaluated = std::mem::take(&mut self.new);
            return Ok(result);
        }
        let mut growing = match self.growing.take() {
            Some(growing) => growing,
            None => {
                let rows = self.evaluated.len();
                let first = self.with_copy(|| arranged(&self.rows, &self.evaluated))?;
                let mut growing = SingleGroupAccumulator::new(self.aggregate.clone());
                growing.run(Operation::Update, &first, rows, &DataType::Null)?;
                growing
            }
        };
        if !self.new.is_empty() {
            growing.run(Operation::Update, &new, self.new.len(), &DataType::Null)?;
            self.evaluated.extend(self.new.drain());
        }
        let result = growing.value();
        self.growing = Some(growing);
        result
    }
}

/// Returns rows in the order of the guest's call.
fn arranged(rows: &DistinctRows, keys: &HashMap<Key, Key>) -> Result<Vec<ArrayRef>, Error> {
    let mut keys: Vec<(&Key, &Key)> = keys.iter().map(|(key, order)| (order, key)).collect();
    keys.sort_unstable();
    rows.arguments(keys.into_iter().map(|(_, key)| key))
}

impl std::fmt::Debug for DistinctAccumulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.aggregate.function.fmt(f)
    }
}

impl Accumulator for DistinctAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = self.aggregate.arguments(values, None);
        values
            .and_then(|values| self.push(&values))
            .map_err(external)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        rows_of_states(states, |columns| self.push(columns)).map_err(external)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let rows = self.evaluated.iter().chain(&self.new);
        let state = self.with_copy(|| self.rows.state(rows));
        Ok(vec![state.map_err(external)?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.result().map_err(external)
    }

    fn size(&self) -> usize {
        self.memory.settle(self.bytes);
        let growing = self.growing.as_ref().map_or(0, Accumulator::size);
        size_of::<Self>() + self.rows.size() + self.bytes + growing
    }
}

/// Accumulator of the distinct rows of a moving frame.
pub(super) struct DistinctFrameAccumulator {
    aggregate: ResolvedAggregate,
    memory: Arc<AccumulatorMemory>,
    rows: DistinctRows,
    /// Rows of the frame, each with the number of times it is there.
    counts: BTreeMap<Key, usize>,
    /// State of the rows, of a function with `retract`.
    retracting: Option<SingleGroupAccumulator>,
    /// Memory of all keys in bytes.
    bytes: usize,
}

impl DistinctFrameAccumulator {
    pub(super) fn new(aggregate: ResolvedAggregate, args: &AccumulatorArgs<'_>) -> Result<Self> {
        let retracts = aggregate.function.has_operation(Operation::Retract);
        Ok(Self {
            memory: aggregate.memory(),
            retracting: retracts.then(|| SingleGroupAccumulator::new(aggregate.clone())),
            rows: rows(&aggregate, args)?,
            aggregate,
            counts: BTreeMap::new(),
            bytes: 0,
        })
    }

    /// Adds rows to the frame, or removes them.
    fn change(&mut self, operation: Operation, columns: &[ArrayRef]) -> Result<(), Error> {
        if columns.first().is_none_or(|column| column.is_empty()) {
            return Ok(());
        }
        let (keys, _) = self.rows.keys(columns)?;
        let most = keys.size() + keys.num_rows() * KEY_BYTES;
        grow(&self.aggregate, &self.memory, most)?;
        let before = self.bytes;
        let mut changed: Vec<Key> = Vec::new();
        for key in &keys {
            let key: &[u8] = key.as_ref();
            let is_changed = match operation {
                Operation::Retract => self.remove(key),
                _ => self.add(key),
            };
            if is_changed {
                changed.push(key.into());
            }
        }
        let released = (before + most).saturating_sub(self.bytes);
        self.memory.shrink(released);
        let Some(state) = self.retracting.as_mut().filter(|_| !changed.is_empty()) else {
            return Ok(());
        };
        let rows = self.rows.arguments(changed.iter())?;
        state.run(operation, &rows, changed.len(), &DataType::Null)?;
        Ok(())
    }

    fn change_arguments(&mut self, operation: Operation, values: &[ArrayRef]) -> Result<()> {
        let values = self.aggregate.arguments(values, None);
        let changed = values.and_then(|values| self.change(operation, &values));
        changed.map_err(external)
    }

    /// Adds a row; returns true if it is the first of its kind.
    fn add(&mut self, key: &[u8]) -> bool {
        if let Some(count) = self.counts.get_mut(key) {
            *count += 1;
            return false;
        }
        self.bytes += key.len() + KEY_BYTES;
        self.counts.insert(key.into(), 1);
        true
    }

    /// Removes a row; returns true if it was the last of its kind.
    fn remove(&mut self, key: &[u8]) -> bool {
        match self.counts.get_mut(key) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            Some(_) => {
                self.bytes -= key.len() + KEY_BYTES;
                self.counts.remove(key);
                true
            }
            None => false,
        }
    }

    fn result(&mut self) -> Result<ScalarValue, Error> {
        if let Some(state) = &mut self.retracting {
            return state.value();
        }
        grow(&self.aggregate, &self.memory, self.bytes)?;
        let rows = self.rows.arguments(self.counts.keys());
        let result = rows.and_then(|rows| {
            evaluate_rows(&self.aggregate, &self.memory, &rows, self.counts.len())
        });
        self.memory.shrink(self.bytes);
        result
    }
}

impl std::fmt::Debug for DistinctFrameAccumulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.aggregate.function.fmt(f)
    }
}

impl Accumulator for DistinctFrameAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change_arguments(Operation::Update, values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change_arguments(Operation::Retract, values)
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        rows_of_states(states, |columns| self.change(Operation::Update, columns)).map_err(external)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let none = Key::default();
        let keys = self.counts.keys().map(|key| (key, &none));
        Ok(vec![self.rows.state(keys).map_err(external)?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.result().map_err(external)
    }

    fn size(&self) -> usize {
        self.memory.settle(self.bytes);
        let state = self.retracting.as_ref().map_or(0, Accumulator::size);
        size_of::<Self>() + self.rows.size() + self.bytes + state
    }
}
