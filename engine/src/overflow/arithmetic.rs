//! Function that is an operator over integers, and fails where the result is out of range.

use std::sync::Arc;

use arrow::array::{ArrayRef, Datum};
use arrow::compute::kernels::numeric::{add, mul, neg, sub};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::error::ArrowError;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_common::datum::apply;

/// Operator over integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Negate,
}

/// Operator over integers of one type, as a function.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedArithmetic {
    operation: Operation,
    data_type: DataType,
    signature: Signature,
}

/// Returns true for the operators of two operands whose results DataFusion wraps.
pub(super) fn is_binary(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryExpr(BinaryExpr { op, .. }) => operation(*op).is_some(),
        _ => false,
    }
}

/// Returns true for these operators, and for the negation of anything but a constant, which is
/// checked.
pub(super) fn is_arithmetic(expr: &Expr) -> bool {
    match expr {
        Expr::Negative(value) => !matches!(value.as_ref(), Expr::Literal(..)),
        other => is_binary(other),
    }
}

fn operation(operator: Operator) -> Option<Operation> {
    match operator {
        Operator::Plus => Some(Operation::Add),
        Operator::Minus => Some(Operation::Subtract),
        Operator::Multiply => Some(Operation::Multiply),
        _ => None,
    }
}

/// Returns an operator over integers as a function, and other expressions as they are.
///
/// The types of operands are given by `type_of`, which returns `None` where none is known.
pub(super) fn checked(
    expr: Expr,
    type_of: impl Fn(&Expr) -> Option<DataType>,
) -> Transformed<Expr> {
    let Some((operation, data_type)) = integer_operation(&expr, type_of) else {
        return Transformed::no(expr);
    };
    let operands = match expr {
        Expr::BinaryExpr(BinaryExpr { left, right, .. }) => vec![*left, *right],
        Expr::Negative(value) => vec![*value],
        other => return Transformed::no(other),
    };
    let function = ScalarUDF::new_from_impl(CheckedArithmetic {
        signature: Signature::any(operands.len(), Volatility::Immutable),
        operation,
        data_type,
    });
    let call = ScalarFunction::new_udf(Arc::new(function), operands);
    Transformed::yes(Expr::ScalarFunction(call))
}

/// Returns the operator of an expression, and the type of its operands if they are integers.
fn integer_operation(
    expr: &Expr,
    type_of: impl Fn(&Expr) -> Option<DataType>,
) -> Option<(Operation, DataType)> {
    let type_of = |operand: &Expr| match arithmetic(operand) {
        // The types of long sums are not computed again for each of their parts.
        Some(function) => Some(function.data_type.clone()),
        None => type_of(operand),
    };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let operation = operation(*op)?;
            let data_type = type_of(left.as_ref())?;
            let is_integer = data_type.is_integer() && type_of(right.as_ref())? == data_type;
            is_integer.then_some((operation, data_type))
        }
        Expr::Negative(value) => {
            let data_type = type_of(value.as_ref())?;
            let is_integer = data_type.is_signed_integer();
            is_integer.then_some((Operation::Negate, data_type))
        }
        _ => None,
    }
}

/// Returns the function that an expression calls, if it is one of these.
fn arithmetic(expr: &Expr) -> Option<&CheckedArithmetic> {
    match expr {
        Expr::ScalarFunction(call) => call.func.inner().downcast_ref(),
        _ => None,
    }
}

/// Returns true for a call of such a function.
pub(super) fn is_checked(expr: &Expr) -> bool {
    arithmetic(expr).is_some()
}

/// Returns the operator of a call of such a function, and other expressions as they are.
pub(super) fn unchecked(expr: Expr) -> Result<Transformed<Expr>> {
    let Some(operation) = arithmetic(&expr).map(|function| function.operation) else {
        return Ok(Transformed::no(expr));
    };
    match expr {
        Expr::ScalarFunction(call) => operation.of(call.args).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    }
}

/// Returns the operator of two operands that a call in a plan that is executed stands for.
pub(super) fn physical_operator(expr: &Arc<dyn PhysicalExpr>) -> Option<Operator> {
    physical(expr)?.operation.operator()
}

/// Returns true for a call of such a function in a plan that is executed.
pub(super) fn is_physical(expr: &Arc<dyn PhysicalExpr>) -> bool {
    physical(expr).is_some()
}

fn physical(expr: &Arc<dyn PhysicalExpr>) -> Option<&CheckedArithmetic> {
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    call.fun().inner().downcast_ref()
}

impl Operation {
    /// Returns the operator of two operands; `None` for a negation.
    fn operator(self) -> Option<Operator> {
        match self {
            Self::Add => Some(Operator::Plus),
            Self::Subtract => Some(Operator::Minus),
            Self::Multiply => Some(Operator::Multiply),
            Self::Negate => None,
        }
    }

    /// Returns the operator over operands.
    fn of(self, operands: Vec<Expr>) -> Result<Expr> {
        let Some(operator) = self.operator() else {
            let [value] = take_function_args("negation", operands)?;
            return Ok(Expr::Negative(Box::new(value)));
        };
        let [left, right] = take_function_args("operator", operands)?;
        let binary = BinaryExpr::new(Box::new(left), operator, Box::new(right));
        Ok(Expr::BinaryExpr(binary))
    }
}

impl ScalarUDFImpl for CheckedArithmetic {
    fn name(&self) -> &'static str {
        match self.operation {
            Operation::Add => "add",
            Operation::Subtract => "subtract",
            Operation::Multiply => "multiply",
            Operation::Negate => "negate",
        }
    }

    /// Columns keep the names that they have with the operator. It is put back in all of a long
    /// sum, whose names would else be made one within the other.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let operands = args.iter().cloned();
        let operands = operands.map(|operand| operand.transform_up(unchecked).data());
        let expr = self.operation.of(operands.collect::<Result<_>>()?)?;
        Ok(expr.schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        if let [value] = args.arg_fields {
            return Ok(Arc::clone(value));
        }
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        let field = Field::new(self.name(), self.data_type.clone(), is_nullable);
        Ok(Arc::new(field))
    }

    fn is_strict(&self) -> bool {
        true
    }

    /// Simplifies as DataFusion does with the operator.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let is_null = |arg: &Expr| matches!(arg, Expr::Literal(value, _) if value.is_null());
        if args.iter().any(is_null) {
            let null = ScalarValue::try_from(&self.data_type)?;
            return Ok(ExprSimplifyResult::Simplified(Expr::Literal(null, None)));
        }
        if self.operation != Operation::Multiply {
            return Ok(ExprSimplifyResult::Original(args));
        }
        let [left, right] = take_function_args(self.name(), args)?;
        let is_zero = |expr: &Expr, other: &Expr| -> Result<bool> {
            Ok(is_number(expr, 0) && !info.nullable(other)?)
        };
        Ok(if is_number(&right, 1) || is_zero(&left, &right)? {
            ExprSimplifyResult::Simplified(left)
        } else if is_number(&left, 1) || is_zero(&right, &left)? {
            ExprSimplifyResult::Simplified(right)
        } else {
            ExprSimplifyResult::Original(vec![left, right])
        })
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        Ok(match inputs {
            [value] => -value.sort_properties,
            _ => SortProperties::Unordered,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let kernel: fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError> =
            match self.operation {
                Operation::Add => add,
                Operation::Subtract => sub,
                Operation::Multiply => mul,
                Operation::Negate => {
                    let [value] = take_function_args(self.name(), args.args)?;
                    return negated(&value);
                }
            };
        let [left, right] = take_function_args(self.name(), args.args)?;
        apply(&left, &right, kernel)
    }
}

fn negated(value: &ColumnarValue) -> Result<ColumnarValue> {
    Ok(match value {
        ColumnarValue::Array(values) => ColumnarValue::Array(neg(values.as_ref())?),
        ColumnarValue::Scalar(value) => ColumnarValue::Scalar(value.arithmetic_negate()?),
    })
}

fn is_number(expr: &Expr, number: i64) -> bool {
    let Expr::Literal(value, _) = expr else {
        return false;
    };
    let value = value.cast_to(&DataType::Int64);
    value.is_ok_and(|value| value == ScalarValue::Int64(Some(number)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int16Array};
    use arrow::datatypes::Int16Type;
    use datafusion::common::config::ConfigOptions;
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn small(_: &Expr) -> Option<DataType> {
        Some(DataType::Int16)
    }

    fn invoke(expr: &Expr, args: Vec<ColumnarValue>) -> Result<ColumnarValue> {
        let field: FieldRef = Arc::new(Field::new("a", DataType::Int16, true));
        let arguments = ScalarFunctionArgs {
            arg_fields: vec![Arc::clone(&field); args.len()],
            number_rows: 2,
            args,
            return_field: field,
            config_options: Arc::new(ConfigOptions::new()),
        };
        arithmetic(expr).unwrap().invoke_with_args(arguments)
    }

    fn numbers(values: [Option<i16>; 2]) -> ColumnarValue {
        ColumnarValue::Array(Arc::new(Int16Array::from(values.to_vec())))
    }

    fn number(value: i16) -> ColumnarValue {
        ColumnarValue::Scalar(ScalarValue::Int16(Some(value)))
    }

    #[test]
    fn functions_have_the_names_of_their_operators_and_become_them_again() {
        for expr in [
            col("a") + col("b"),
            col("a") - lit(1_i16),
            lit(2_i16) * col("b"),
            -col("a"),
        ] {
            let checked = checked(expr.clone(), small).data;
            assert_eq!(
                checked.schema_name().to_string(),
                expr.schema_name().to_string()
            );
            assert!(is_checked(&checked));
            assert_eq!(unchecked(checked).unwrap().data, expr);
        }
    }

    #[test]
    fn long_sums_have_the_names_of_their_operators() {
        let sum = (0..500).fold(col("a"), |sum, _| sum + lit(1_i16));
        let checked = sum.clone().transform_up(|e| Ok(checked(e, small))).unwrap();
        let name = checked.data.schema_name().to_string();
        assert_eq!(name, sum.schema_name().to_string());
    }

    #[test]
    fn other_types_and_operators_stay() {
        let of_type = |data_type: DataType| move |_: &Expr| Some(data_type.clone());
        let sum = col("a") + col("b");
        for data_type in [
            DataType::Float64,
            DataType::Decimal128(10, 2),
            DataType::Date32,
        ] {
            assert!(!checked(sum.clone(), of_type(data_type)).transformed);
        }
        assert!(!checked(sum, |_| None).transformed);
        assert!(!checked(col("a") / col("b"), small).transformed);
        assert!(!checked(-col("a"), of_type(DataType::UInt8)).transformed);
        assert!(!checked(col("a"), small).transformed);
        assert!(!is_arithmetic(&(col("a") / col("b"))));
        assert!(!is_arithmetic(&Expr::Negative(Box::new(lit(1)))));
    }

    #[test]
    fn results_out_of_range_fail() {
        let sum = checked(col("a") + col("b"), small).data;
        let values = numbers([Some(i16::MAX), None]);
        let ColumnarValue::Array(sums) = invoke(&sum, vec![values.clone(), number(0)]).unwrap()
        else {
            panic!("expected an array");
        };
        let expected = Int16Array::from(vec![Some(i16::MAX), None]);
        assert_eq!(sums.as_primitive::<Int16Type>(), &expected);
        let error = invoke(&sum, vec![values, number(1)]).unwrap_err();
        assert!(error.to_string().contains("32767 + 1"), "{error}");

        let product = checked(col("a") * col("b"), small).data;
        let error = invoke(&product, vec![number(207), number(207)]).unwrap_err();
        assert!(error.to_string().contains("207 * 207"), "{error}");

        let negation = checked(-col("a"), small).data;
        for value in [number(i16::MIN), numbers([Some(i16::MIN), Some(1)])] {
            let error = invoke(&negation, vec![value]).unwrap_err();
            assert!(error.to_string().contains("-32768"), "{error}");
        }
    }
}
