//! Accumulators of sums of integers: exact in 128 bits, so that only the result may be out of range.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal128Type, Int64Type, UInt64Type};
use arrow::error::ArrowError;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{HashMap, Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// Type of totals between the parts of an aggregation.
pub(super) const TOTAL: DataType = DataType::Decimal128(38, 0);

/// Integers of 64 bits.
pub(super) trait Integer: ArrowPrimitiveType + Debug + Send + Sync {
    /// Name of the type in SQL.
    const NAME: &'static str;

    fn wide(value: Self::Native) -> i128;

    fn narrow(total: i128) -> Option<Self::Native>;
}

impl Integer for Int64Type {
    const NAME: &'static str = "BIGINT";

    fn wide(value: i64) -> i128 {
        i128::from(value)
    }

    fn narrow(total: i128) -> Option<i64> {
        i64::try_from(total).ok()
    }
}

impl Integer for UInt64Type {
    const NAME: &'static str = "BIGINT UNSIGNED";

    fn wide(value: u64) -> i128 {
        i128::from(value)
    }

    fn narrow(total: i128) -> Option<u64> {
        u64::try_from(total).ok()
    }
}

/// Returns a total as the result of a sum.
fn result<T: Integer>(total: i128) -> Result<T::Native, ArrowError> {
    T::narrow(total).ok_or_else(|| {
        ArrowError::ArithmeticOverflow(format!(
            "expected a sum within {}, found {total}; write sum(x::DECIMAL(38, 0))",
            T::NAME
        ))
    })
}

fn scalar<T: Integer>(total: Option<i128>) -> Result<ScalarValue> {
    let sum = total.map(result::<T>).transpose()?;
    ScalarValue::new_primitive::<T>(sum, &T::DATA_TYPE)
}

/// Sum of one group, or of a frame of a window.
#[derive(Debug)]
pub(super) struct Total<T> {
    total: i128,
    /// Values that were added; of merged states, those that have a value.
    count: u64,
    integer: PhantomData<fn() -> T>,
}

impl<T: Integer> Total<T> {
    pub(super) fn new() -> Self {
        Self {
            total: 0,
            count: 0,
            integer: PhantomData,
        }
    }

    fn value(&self) -> Option<i128> {
        (self.count > 0).then_some(self.total)
    }
}

fn total_of<T: Integer>(values: &PrimitiveArray<T>) -> i128 {
    match values.nulls() {
        None => values.values().iter().map(|value| T::wide(*value)).sum(),
        Some(_) => values.iter().flatten().map(T::wide).sum(),
    }
}

/// Returns the number of values that are not null.
fn count_of(values: &dyn Array) -> u64 {
    (values.len() - values.null_count()) as u64
}

impl<T: Integer> Accumulator for Total<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values[0].as_primitive::<T>();
        self.total += total_of(values);
        self.count += count_of(values);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let values = values[0].as_primitive::<T>();
        self.total -= total_of(values);
        self.count -= count_of(values);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let DataType::Decimal128(precision, scale) = TOTAL else {
            return Ok(Vec::new());
        };
        let total = ScalarValue::Decimal128(self.value(), precision, scale);
        Ok(vec![total])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states = states[0].as_primitive::<Decimal128Type>();
        self.total += states.iter().flatten().sum::<i128>();
        self.count += count_of(states);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        scalar::<T>(self.value())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Sum of the distinct values of one group, or of a frame of a window.
#[derive(Debug)]
pub(super) struct DistinctTotal<T> {
    /// Occurrences of each value.
    counts: HashMap<i128, u64>,
    total: i128,
    integer: PhantomData<fn() -> T>,
}

impl<T: Integer> DistinctTotal<T> {
    pub(super) fn new() -> Self {
        Self {
            counts: HashMap::default(),
            total: 0,
            integer: PhantomData,
        }
    }

    fn add(&mut self, values: &PrimitiveArray<T>) {
        for value in values.iter().flatten().map(T::wide) {
            let count = self.counts.entry(value).or_insert(0);
            *count += 1;
            if *count == 1 {
                self.total += value;
            }
        }
    }
}

impl<T: Integer> Accumulator for DistinctTotal<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(values[0].as_primitive::<T>());
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for value in values[0].as_primitive::<T>().iter().flatten().map(T::wide) {
            if let Some(count) = self.counts.get_mut(&value) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&value);
                    self.total -= value;
                }
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values = self.counts.keys().map(|value| T::narrow(*value));
        let values: PrimitiveArray<T> = values.collect();
        let list = SingleRowListArrayBuilder::new(Arc::new(values)).with_nullable(true);
        Ok(vec![list.build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.add(values.as_primitive::<T>());
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let total = (!self.counts.is_empty()).then_some(self.total);
        scalar::<T>(total)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.counts.capacity() * size_of::<(i128, u64)>()
    }
}

/// Sums of many groups, by DataFusion's accumulator of sums of the type [`TOTAL`].
pub(super) struct GroupTotals<T> {
    totals: Box<dyn GroupsAccumulator>,
    integer: PhantomData<fn() -> T>,
}

impl<T: Integer> GroupTotals<T> {
    pub(super) fn new(totals: Box<dyn GroupsAccumulator>) -> Self {
        Self {
            totals,
            integer: PhantomData,
        }
    }

    fn wide(values: &[ArrayRef]) -> [ArrayRef; 1] {
        let values = values[0].as_primitive::<T>();
        let wide = values.unary::<_, Decimal128Type>(T::wide);
        [Arc::new(wide.with_data_type(TOTAL))]
    }
}

impl<T: Integer> GroupsAccumulator for GroupTotals<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        let values = Self::wide(values);
        self.totals
            .update_batch(&values, group_indices, opt_filter, total_num_groups)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.totals
            .merge_batch(values, group_indices, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.totals
            .convert_to_state(&Self::wide(values), opt_filter)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.totals.state(emit_to)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let totals = self.totals.evaluate(emit_to)?;
        let totals = totals.as_primitive::<Decimal128Type>();
        let sums: PrimitiveArray<T> = totals.try_unary(result::<T>)?;
        Ok(Arc::new(sums))
    }

    fn size(&self) -> usize {
        self.totals.size()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    fn array(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    #[test]
    fn only_the_result_has_to_be_in_range() {
        let mut total = Total::<Int64Type>::new();
        assert_eq!(total.evaluate().unwrap(), ScalarValue::Int64(None));
        total
            .update_batch(&[array(&[Some(i64::MAX), None, Some(1)])])
            .unwrap();
        let error = total.evaluate().unwrap_err().to_string();
        assert!(
            error.contains("found 9223372036854775808; write"),
            "{error}"
        );
        total.update_batch(&[array(&[Some(-1)])]).unwrap();
        let max = ScalarValue::Int64(Some(i64::MAX));
        assert_eq!(total.evaluate().unwrap(), max);

        let mut other = Total::<Int64Type>::new();
        other.update_batch(&[array(&[Some(2)])]).unwrap();
        let states = [total.state().unwrap(), other.state().unwrap()].concat();
        let states = ScalarValue::iter_to_array(states).unwrap();
        let mut merged = Total::<Int64Type>::new();
        merged.merge_batch(&[states]).unwrap();
        assert!(merged.evaluate().is_err());
        merged.retract_batch(&[array(&[Some(2)])]).unwrap();
        assert_eq!(merged.evaluate().unwrap(), max);
    }

    #[test]
    fn unsigned_sums_have_a_range_of_their_own() {
        let mut total = Total::<UInt64Type>::new();
        let values: PrimitiveArray<UInt64Type> = vec![u64::MAX, 0].into();
        total.update_batch(&[Arc::new(values)]).unwrap();
        let max = ScalarValue::UInt64(Some(u64::MAX));
        assert_eq!(total.evaluate().unwrap(), max);
        let values: PrimitiveArray<UInt64Type> = vec![1_u64].into();
        total.update_batch(&[Arc::new(values)]).unwrap();
        assert!(total.evaluate().is_err());
    }

    proptest! {
        #[test]
        fn frames_have_the_sums_of_their_values(
            values in proptest::collection::vec(proptest::option::of(-3_i64..3), 0..20),
            left in 0_usize..20,
        ) {
            let left = left.min(values.len());
            let (gone, kept) = values.split_at(left);
            let some: Vec<i64> = kept.iter().flatten().copied().collect();
            let expected = (!some.is_empty()).then(|| some.iter().sum());
            let mut total = Total::<Int64Type>::new();
            total.update_batch(&[array(&values)]).unwrap();
            total.retract_batch(&[array(gone)]).unwrap();
            prop_assert_eq!(total.evaluate().unwrap(), ScalarValue::Int64(expected));

            let mut distinct = some.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let expected = (!some.is_empty()).then(|| distinct.iter().sum());
            let mut total = DistinctTotal::<Int64Type>::new();
            total.update_batch(&[array(&values)]).unwrap();
            total.retract_batch(&[array(gone)]).unwrap();
            prop_assert_eq!(total.evaluate().unwrap(), ScalarValue::Int64(expected));
            let state = total.state().unwrap().remove(0).to_array().unwrap();
            let mut merged = DistinctTotal::<Int64Type>::new();
            merged.merge_batch(&[Arc::clone(&state)]).unwrap();
            merged.merge_batch(&[state]).unwrap();
            prop_assert_eq!(merged.evaluate().unwrap(), ScalarValue::Int64(expected));
        }
    }
}
