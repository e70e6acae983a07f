//! `sum` that fails where the sum of integers is out of range.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, UInt64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator,
    ReversedUDAF, SetMonotonicity, Signature, StatisticsArgs, WindowFunctionDefinition,
};

use super::totals::{DistinctTotal, GroupTotals, TOTAL, Total};

/// DataFusion's `sum`, with accumulators of its own for integers.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct CheckedSum {
    sum: Sum,
}

/// Returns true for calls of DataFusion's `sum`, over windows too.
pub(super) fn is_sum(expr: &Expr) -> bool {
    let function = match expr {
        Expr::AggregateFunction(call) => &call.func,
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(function) => function,
            WindowFunctionDefinition::WindowUDF(_) => return false,
        },
        _ => return false,
    };
    function.inner().is::<Sum>()
}

/// Replaces the function of a call for which [`is_sum`] returns true.
pub(super) fn checked_sum(mut expr: Expr) -> Expr {
    let sum = || Arc::new(AggregateUDF::new_from_impl(CheckedSum::default()));
    match &mut expr {
        Expr::AggregateFunction(call) => call.func = sum(),
        Expr::WindowFunction(call) => call.fun = WindowFunctionDefinition::AggregateUDF(sum()),
        _ => {}
    }
    expr
}

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &str {
        self.sum.name()
    }

    fn signature(&self) -> &Signature {
        self.sum.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.sum.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let accumulator: Box<dyn Accumulator> =
            match (args.return_field.data_type(), args.is_distinct) {
                (DataType::Int64, false) => Box::new(Total::<Int64Type>::new()),
                (DataType::UInt64, false) => Box::new(Total::<UInt64Type>::new()),
                (DataType::Int64, true) => Box::new(DistinctTotal::<Int64Type>::new()),
                (DataType::UInt64, true) => Box::new(DistinctTotal::<UInt64Type>::new()),
                _ => return self.sum.accumulator(args),
            };
        Ok(accumulator)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match (args.return_field.data_type(), args.is_distinct) {
            (DataType::Int64, _) | (DataType::UInt64, false) => self.accumulator(args),
            // DataFusion refuses the distinct values of a moving frame of other types.
            _ => self.sum.create_sliding_accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        match args.return_type() {
            DataType::Int64 | DataType::UInt64 if !args.is_distinct => {
                let name = format_state_name(args.name, "sum");
                Ok(vec![Arc::new(Field::new(name, TOTAL, true))])
            }
            _ => self.sum.state_fields(args),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.sum.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let data_type = args.return_field.data_type().clone();
        if !matches!(data_type, DataType::Int64 | DataType::UInt64) {
            return self.sum.create_groups_accumulator(args);
        }
        let totals = self.sum.create_groups_accumulator(AccumulatorArgs {
            return_field: Arc::new(Field::new(self.name(), TOTAL, true)),
            ..args
        })?;
        match data_type {
            DataType::Int64 => Ok(Box::new(GroupTotals::<Int64Type>::new(totals))),
            _ => Ok(Box::new(GroupTotals::<UInt64Type>::new(totals))),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.sum.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.sum.order_sensitivity()
    }

    fn value_from_stats(&self, args: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.sum.value_from_stats(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.sum.documentation()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.sum.set_monotonicity(data_type)
    }
}
