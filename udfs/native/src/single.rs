//! The state of one group.

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use crate::aggregate::Aggregate;
use crate::columns::Columns;
use crate::rows;

/// The state of an aggregate without groups, or over a sliding window.
#[derive(Debug, Default)]
pub(crate) struct Single<A>(A);

impl<A: Aggregate> Single<A> {
    #[inline]
    fn change(
        &mut self,
        values: &[ArrayRef],
        change: impl Fn(&mut A, A::Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let columns = A::Columns::read(values)?;
        let rows = values.first().map_or(0, |array| array.len());
        rows::visit(rows, rows::called(values, None).as_ref(), |row| {
            change(&mut self.0, columns.row(row))
        })
    }
}

impl<A: Aggregate> Accumulator for Single<A> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change(values, |state, row| state.update(row))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.change(values, |state, row| state.retract(row))
    }

    fn supports_retract_batch(&self) -> bool {
        A::CAN_RETRACT
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |array| array.len());
        let states = A::read(states)?;
        (0..rows).try_for_each(|row| self.0.merge(A::state(&states, row)))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let result = A::finish(std::slice::from_ref(&self.0))?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states = A::emit(vec![std::mem::take(&mut self.0)])?;
        states
            .iter()
            .map(|array| ScalarValue::try_from_array(array, 0))
            .collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.heap_bytes()
    }
}
