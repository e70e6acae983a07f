//! The states of many groups.

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use crate::aggregate::Aggregate;
use crate::columns::Columns;
use crate::rows;

/// The states of all groups, contiguous.
#[derive(Debug)]
pub(crate) struct Groups<A> {
    states: Vec<A>,
    /// Heap memory of the states, in bytes.
    heap_bytes: usize,
}

impl<A> Default for Groups<A> {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            heap_bytes: 0,
        }
    }
}

impl<A: Aggregate> Groups<A> {
    fn grow(&mut self, groups: usize) {
        if groups > self.states.len() {
            self.states.resize_with(groups, A::default);
        }
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<A> {
        let states = emit_to.take_needed(&mut self.states);
        if A::HAS_HEAP {
            self.heap_bytes -= states.iter().map(A::heap_bytes).sum::<usize>();
        }
        states
    }

    /// Changes one state, and counts the growth of its heap memory, so that the
    /// total is known without visiting all states.
    #[inline]
    fn change(&mut self, group: usize, change: impl FnOnce(&mut A) -> Result<()>) -> Result<()> {
        let state = &mut self.states[group];
        if !A::HAS_HEAP {
            return change(state);
        }
        let before = state.heap_bytes();
        let outcome = change(state);
        self.heap_bytes = self.heap_bytes + state.heap_bytes() - before;
        outcome
    }
}

/// Adds the rows that are called to the states of their groups.
#[inline]
fn update<A: Aggregate>(
    groups: &mut Groups<A>,
    values: &[ArrayRef],
    filter: Option<&BooleanArray>,
    rows: usize,
    group: impl Fn(usize) -> usize,
) -> Result<()> {
    let columns = A::Columns::read(values)?;
    let called = rows::called(values, filter);
    rows::visit(rows, called.as_ref(), |row| {
        let values = columns.row(row);
        groups.change(group(row), |state| state.update(values))
    })
}

impl<A: Aggregate> GroupsAccumulator for Groups<A> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let rows = group_indices.len();
        update(self, values, opt_filter, rows, |row| group_indices[row])
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.grow(total_num_groups);
        let states = A::read(values)?;
        for (row, group) in group_indices.iter().enumerate() {
            self.change(*group, |state| state.merge(A::state(&states, row)))?;
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        A::finish(&self.take(emit_to))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        A::emit(self.take(emit_to))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |array| array.len());
        let mut groups = Self::default();
        groups.grow(rows);
        // Each row is a group of its own.
        update(&mut groups, values, opt_filter, rows, |row| row)?;
        A::emit(groups.states)
    }

    fn size(&self) -> usize {
        self.states.capacity() * size_of::<A>() + self.heap_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Arc;

    use datafusion::arrow::array::{Array, AsArray, Float64Array, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::Float64Type;
    use stats::{ApproxDistinctHll, ExactSum, Geomean, TopkStr, WeightedAvg};

    fn doubles() -> Vec<ArrayRef> {
        let values = (0..1000).map(|n| (n % 7 != 3).then_some(f64::from(n) * 0.1));
        vec![Arc::new(Float64Array::from_iter(values))]
    }

    fn thirds(rows: usize) -> Vec<usize> {
        (0..rows).map(|row| row % 3).collect()
    }

    fn filter() -> BooleanArray {
        (0..1000)
            .map(|n| (n % 5 != 2).then_some(n % 11 != 4))
            .collect()
    }

    /// Compares updating at once with merging the states of single rows and of
    /// halves.
    fn check<A: Aggregate>(values: &[ArrayRef], filter: Option<&BooleanArray>) -> ArrayRef {
        let rows = values[0].len();
        let mut once = Groups::<A>::default();
        once.update_batch(values, &thirds(rows), filter, 4).unwrap();

        let rest = Groups::<A>::default();
        let states = rest.convert_to_state(values, filter).unwrap();
        let mut merged = Groups::<A>::default();
        merged.merge_batch(&states, &thirds(rows), 4).unwrap();
        let halves = [EmitTo::First(2), EmitTo::All].map(|emit| merged.state(emit).unwrap());
        assert_eq!(merged.heap_bytes, 0);
        let mut again = Groups::<A>::default();
        again.merge_batch(&halves[0], &[0, 1], 2).unwrap();
        again.merge_batch(&halves[1], &[2, 3], 4).unwrap();

        let heap_bytes: usize = once.states.iter().map(A::heap_bytes).sum();
        assert_eq!(once.heap_bytes, heap_bytes);
        assert!(once.size() >= 4 * size_of::<A>() + heap_bytes);
        let results = once.evaluate(EmitTo::All).unwrap();
        assert_eq!(
            again.evaluate(EmitTo::First(3)).unwrap().as_ref(),
            results.slice(0, 3).as_ref()
        );
        assert_eq!(
            again.evaluate(EmitTo::All).unwrap().as_ref(),
            results.slice(3, 1).as_ref()
        );
        results
    }

    #[test]
    fn states_may_be_emitted_and_merged_in_parts() {
        let sums = check::<ExactSum>(&doubles(), None);
        let sums = sums.as_primitive::<Float64Type>();
        let expected = |third: usize| {
            let values = doubles();
            let values = values[0].as_primitive::<Float64Type>().iter();
            let mut sum = ExactSum::default();
            values
                .skip(third)
                .step_by(3)
                .flatten()
                .for_each(|value| sum.update(value));
            sum.finish()
        };
        assert_eq!(
            sums.iter().collect::<Vec<_>>(),
            [expected(0), expected(1), expected(2), None]
        );

        let texts = (0..1000).map(|n| (n % 13 != 0).then(|| (n % 40).to_string()));
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter(texts));
        let k: ArrayRef = Arc::new(Int64Array::from(vec![3; 1000]));
        check::<ApproxDistinctHll>(&[Arc::clone(&texts)], None);
        check::<TopkStr>(&[texts, k], Some(&filter()));
        check::<ExactSum>(&doubles(), Some(&filter()));
        check::<Geomean>(&doubles(), Some(&filter()));
        check::<WeightedAvg>(&[doubles(), doubles()].concat(), Some(&filter()));
    }

    #[test]
    fn rows_that_are_filtered_out_have_empty_states() {
        let groups = Groups::<Geomean>::default();
        let states = groups
            .convert_to_state(&doubles(), Some(&filter()))
            .unwrap();
        let mut merged = Groups::<Geomean>::default();
        merged.merge_batch(&states, &thirds(1000), 3).unwrap();
        let mut updated = Groups::<Geomean>::default();
        updated
            .update_batch(&doubles(), &thirds(1000), Some(&filter()), 3)
            .unwrap();
        assert_eq!(merged.states, updated.states);
    }
}
