//! Function that rounds numbers to whole ones, in their type.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, DecimalType, FieldRef, Float16Type, Float32Type, Float64Type,
};
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

/// Rounding of numbers halfway between two whole ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ties {
    AwayFromZero,
    /// Of floats; decimals have no other ties than those away from zero.
    ToEven,
}

/// Returns the rounded numbers of an expression, with its name.
pub(super) fn rounded(number: Expr, ties: Ties) -> Expr {
    let function = ScalarUDF::new_from_impl(Rounded {
        signature: Signature::any(1, Volatility::Immutable),
        ties,
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![number]))
}

/// Returns true for the numbers of [`rounded`].
pub(super) fn is_rounded(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => call.func.inner().is::<Rounded>(),
        _ => false,
    }
}

/// Function that rounds floats and decimals.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Rounded {
    signature: Signature,
    ties: Ties,
}

impl ScalarUDFImpl for Rounded {
    fn name(&self) -> &'static str {
        "rounded"
    }

    /// Columns keep the names that they have without this function.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let [number] = take_function_args(self.name(), args)?;
        Ok(number.schema_name().to_string())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [number] = take_function_args(self.name(), types)?;
        Ok(rounded_type(number))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [field] = take_function_args(self.name(), args.arg_fields)?;
        let data_type = rounded_type(field.data_type());
        Ok(Arc::new(field.as_ref().clone().with_data_type(data_type)))
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        let [number] = take_function_args(self.name(), inputs)?;
        Ok(number.sort_properties)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [numbers] = take_function_args(self.name(), args.args)?;
        Ok(match numbers {
            ColumnarValue::Array(numbers) => {
                ColumnarValue::Array(rounded_array(&numbers, self.ties)?)
            }
            ColumnarValue::Scalar(number) => {
                let number = rounded_array(&number.to_array()?, self.ties)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&number, 0)?)
            }
        })
    }
}

/// Returns the type of rounded numbers: 9.9 has two digits, and 10.0 has three.
fn rounded_type(data_type: &DataType) -> DataType {
    use arrow::datatypes::{
        DECIMAL32_MAX_PRECISION, DECIMAL64_MAX_PRECISION, DECIMAL128_MAX_PRECISION,
        DECIMAL256_MAX_PRECISION,
    };
    let digits = |precision: u8, max: u8| (precision + 1).min(max);
    match *data_type {
        DataType::Decimal32(precision, scale) => {
            DataType::Decimal32(digits(precision, DECIMAL32_MAX_PRECISION), scale)
        }
        DataType::Decimal64(precision, scale) => {
            DataType::Decimal64(digits(precision, DECIMAL64_MAX_PRECISION), scale)
        }
        DataType::Decimal128(precision, scale) => {
            DataType::Decimal128(digits(precision, DECIMAL128_MAX_PRECISION), scale)
        }
        DataType::Decimal256(precision, scale) => {
            DataType::Decimal256(digits(precision, DECIMAL256_MAX_PRECISION), scale)
        }
        _ => data_type.clone(),
    }
}

/// Rounds floats and decimals; others stay as they are.
pub(super) fn rounded_array(numbers: &ArrayRef, ties: Ties) -> Result<ArrayRef> {
    match *numbers.data_type() {
        DataType::Float16 => Ok(floats::<Float16Type>(numbers, |number| {
            let number = number.to_f32();
            <Float16Type as ArrowPrimitiveType>::Native::from_f32(match ties {
                Ties::AwayFromZero => number.round(),
                Ties::ToEven => number.round_ties_even(),
            })
        })),
        DataType::Float32 => Ok(match ties {
            Ties::AwayFromZero => floats::<Float32Type>(numbers, f32::round),
            Ties::ToEven => floats::<Float32Type>(numbers, f32::round_ties_even),
        }),
        DataType::Float64 => Ok(match ties {
            Ties::AwayFromZero => floats::<Float64Type>(numbers, f64::round),
            Ties::ToEven => floats::<Float64Type>(numbers, f64::round_ties_even),
        }),
        DataType::Decimal32(_, scale) => decimals::<Decimal32Type>(numbers, scale),
        DataType::Decimal64(_, scale) => decimals::<Decimal64Type>(numbers, scale),
        DataType::Decimal128(_, scale) => decimals::<Decimal128Type>(numbers, scale),
        DataType::Decimal256(_, scale) => decimals::<Decimal256Type>(numbers, scale),
        _ => Ok(Arc::clone(numbers)),
    }
}

fn floats<T: ArrowPrimitiveType>(
    numbers: &ArrayRef,
    round: impl Fn(T::Native) -> T::Native,
) -> ArrayRef {
    Arc::new(numbers.as_primitive::<T>().unary::<_, T>(round))
}

fn decimals<T: DecimalType>(numbers: &ArrayRef, scale: i8) -> Result<ArrayRef> {
    // Those without a fraction have no scale, or a negative one.
    let digits = u32::try_from(scale).unwrap_or(0);
    let one = T::Native::usize_as(10).pow_checked(digits)?;
    let half = one.div_wrapping(T::Native::usize_as(2));
    let round = |number: T::Native| {
        let half = match number.is_lt(T::Native::ZERO) {
            true => half.neg_wrapping(),
            false => half,
        };
        // A half more than the greatest decimal is within the range of its integers.
        let whole = number.add_wrapping(half).div_wrapping(one);
        whole.mul_wrapping(one)
    };
    let rounded: PrimitiveArray<T> = numbers.as_primitive::<T>().unary(round);
    let data_type = rounded_type(numbers.data_type());
    Ok(Arc::new(rounded.with_data_type(data_type)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Float64Array};
    use arrow::compute::cast;
    use arrow::datatypes::i256;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn floats_are_rounded_with_their_ties() {
        let numbers = [
            Some(2.5),
            Some(3.5),
            Some(-2.5),
            Some(2.7),
            Some(-0.4),
            None,
            Some(f64::INFINITY),
        ];
        let expected = [
            (Ties::ToEven, [2.0, 4.0, -2.0, 3.0, -0.0]),
            (Ties::AwayFromZero, [3.0, 4.0, -3.0, 3.0, -0.0]),
        ];
        for data_type in [DataType::Float16, DataType::Float32, DataType::Float64] {
            for (ties, expected) in expected {
                let numbers: ArrayRef = Arc::new(Float64Array::from(numbers.to_vec()));
                let numbers = cast(&numbers, &data_type).unwrap();
                let rounded = rounded_array(&numbers, ties).unwrap();
                assert_eq!(rounded.data_type(), &data_type);
                let rounded = cast(&rounded, &DataType::Float64).unwrap();
                let rounded = rounded.as_primitive::<Float64Type>();
                assert_eq!(&rounded.values()[..5], &expected);
                assert!(rounded.is_null(5));
                assert_eq!(rounded.value(6), f64::INFINITY);
            }
        }
    }

    #[test]
    fn decimals_are_rounded_away_from_zero() {
        let numbers = vec![
            Some(250),
            Some(249),
            Some(-250),
            Some(-249),
            Some(999),
            None,
        ];
        let numbers = Decimal128Array::from(numbers);
        let numbers = numbers.with_precision_and_scale(3, 2).unwrap();
        let expected = [
            Some(300),
            Some(200),
            Some(-300),
            Some(-200),
            Some(1000),
            None,
        ];
        let types = [
            DataType::Decimal32(3, 2),
            DataType::Decimal64(3, 2),
            DataType::Decimal128(3, 2),
            DataType::Decimal256(3, 2),
        ];
        for data_type in types {
            let numbers = cast(&numbers, &data_type).unwrap();
            let rounded = rounded_array(&numbers, Ties::ToEven).unwrap();
            assert_eq!(rounded.data_type(), &rounded_type(&data_type));
            let rounded = cast(&rounded, &DataType::Decimal128(4, 2)).unwrap();
            let rounded: Vec<_> = rounded.as_primitive::<Decimal128Type>().iter().collect();
            assert_eq!(rounded, expected, "{data_type}");
        }
    }

    #[test]
    fn decimals_of_all_digits_are_rounded() {
        let max = 10_i128.pow(38) - 1;
        let numbers = Decimal128Array::from(vec![max, -max]);
        let numbers: ArrayRef = Arc::new(numbers.with_precision_and_scale(38, 38).unwrap());
        let rounded = rounded_array(&numbers, Ties::AwayFromZero).unwrap();
        let rounded = rounded.as_primitive::<Decimal128Type>();
        assert_eq!(rounded.values()[..], [max + 1, -max - 1]);

        let max = i256::from_string(&"9".repeat(76)).unwrap();
        let numbers: PrimitiveArray<Decimal256Type> = vec![max].into();
        let numbers: ArrayRef = Arc::new(numbers.with_precision_and_scale(76, 1).unwrap());
        let rounded = rounded_array(&numbers, Ties::AwayFromZero).unwrap();
        let rounded = rounded.as_primitive::<Decimal256Type>();
        assert_eq!(rounded.value(0), max.wrapping_add(i256::ONE));
    }

    proptest! {
        #[test]
        fn rounded_decimals_are_the_nearest_whole_ones(number in -99_999_i128..=99_999) {
            let numbers = Decimal128Array::from(vec![number]);
            let numbers: ArrayRef = Arc::new(numbers.with_precision_and_scale(5, 2).unwrap());
            let rounded = rounded_array(&numbers, Ties::AwayFromZero).unwrap();
            let rounded = rounded.as_primitive::<Decimal128Type>().value(0);
            prop_assert_eq!(rounded % 100, 0);
            prop_assert!((rounded - number).abs() <= 50);
            // Of two that are as near, the one further from zero.
            let is_tie = (rounded - number).abs() == 50;
            prop_assert!(!is_tie || rounded.abs() > number.abs());
        }
    }
}
