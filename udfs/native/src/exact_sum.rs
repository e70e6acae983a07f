//! The exact sum, whose chunks are a list.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, UInt32Type};
use datafusion::common::{Result, exec_err};
use stats::ExactSum;

use crate::aggregate::Aggregate;
use crate::columns::{Doubles, numbers};
use crate::lists::{Lists, list_of, lists};

/// The columns of states.
pub(crate) struct ExactSumColumns<'a> {
    chunks: Lists<'a, Int64Type>,
    lowest: &'a [u32],
    pending: &'a [u32],
    count: &'a [i64],
    negative_zeros: &'a [i64],
    infinities: &'a [i64],
    negative_infinities: &'a [i64],
    nans: &'a [i64],
}

impl Aggregate for ExactSum {
    const NAME: &'static str = "native_exact_sum";
    const CAN_RETRACT: bool = true;
    const HAS_HEAP: bool = true;

    type Row<'a> = (f64,);
    type Columns<'a> = (Doubles<'a>,);
    type States<'a> = ExactSumColumns<'a>;

    fn returns() -> DataType {
        DataType::Float64
    }

    fn state_fields() -> Vec<Field> {
        let field = |name, ty| Field::new(name, ty, false);
        vec![
            field("chunks", list_of(DataType::Int64)),
            field("lowest", DataType::UInt32),
            field("pending", DataType::UInt32),
            field("count", DataType::Int64),
            field("negative_zeros", DataType::Int64),
            field("infinities", DataType::Int64),
            field("negative_infinities", DataType::Int64),
            field("nans", DataType::Int64),
        ]
    }

    #[inline]
    fn update(&mut self, (value,): (f64,)) -> Result<()> {
        self.update(value);
        Ok(())
    }

    #[inline]
    fn retract(&mut self, (value,): (f64,)) -> Result<()> {
        self.retract(value);
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        self.merge(other);
        Ok(())
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<i64>()
    }

    fn emit(states: Vec<Self>) -> Result<Vec<ArrayRef>> {
        let integers = |field: fn(&Self) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(states.iter().map(field)))
        };
        let small = |field: fn(&Self) -> u32| -> ArrayRef {
            Arc::new(UInt32Array::from_iter_values(states.iter().map(field)))
        };
        Ok(vec![
            lists::<Int64Type>(states.iter().map(|state| state.chunks.as_slice())),
            small(|state| state.lowest),
            small(|state| state.pending),
            integers(|state| state.count),
            integers(|state| state.negative_zeros),
            integers(|state| state.infinities),
            integers(|state| state.negative_infinities),
            integers(|state| state.nans),
        ])
    }

    fn read(arrays: &[ArrayRef]) -> Result<ExactSumColumns<'_>> {
        let [chunks, lowest, pending, counts @ ..] = arrays else {
            return exec_err!("a state of too few columns");
        };
        let [count, negative_zeros, infinities, negative_infinities, nans] = counts else {
            return exec_err!("a state of too few columns");
        };
        Ok(ExactSumColumns {
            chunks: Lists::read(chunks)?,
            lowest: numbers::<UInt32Type>(lowest)?,
            pending: numbers::<UInt32Type>(pending)?,
            count: numbers::<Int64Type>(count)?,
            negative_zeros: numbers::<Int64Type>(negative_zeros)?,
            infinities: numbers::<Int64Type>(infinities)?,
            negative_infinities: numbers::<Int64Type>(negative_infinities)?,
            nans: numbers::<Int64Type>(nans)?,
        })
    }

    fn state(states: &ExactSumColumns<'_>, row: usize) -> Self {
        Self {
            chunks: states.chunks.list(row).to_vec(),
            lowest: states.lowest[row],
            pending: states.pending[row],
            count: states.count[row],
            negative_zeros: states.negative_zeros[row],
            infinities: states.infinities[row],
            negative_infinities: states.negative_infinities[row],
            nans: states.nans[row],
        }
    }

    fn finish(states: &[Self]) -> Result<ArrayRef> {
        let sums = states.iter().map(Self::finish);
        Ok(Arc::new(Float64Array::from_iter(sums)))
    }
}
