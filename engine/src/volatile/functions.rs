//! Functions that evaluate their arguments once, in the place of expressions that do not.

use std::sync::Arc;

use arrow::array::{Array, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and_kleene, is_not_null};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::utils::take_function_args;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply_cmp;

/// Signature of a function whose arguments were coerced before.
fn coerced(arguments: usize) -> Signature {
    Signature::any(arguments, Volatility::Immutable)
}

/// `value BETWEEN low AND high`. DataFusion evaluates `value` for each bound.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Between {
    signature: Signature,
}

impl Between {
    pub(super) fn new() -> Self {
        Self {
            signature: coerced(3),
        }
    }
}

impl ScalarUDFImpl for Between {
    fn name(&self) -> &'static str {
        "between"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        let field = Field::new(self.name(), DataType::Boolean, is_nullable);
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let [value, low, high] = take_function_args(self.name(), args.args)?;
        let from = apply_cmp(Operator::GtEq, &value, &low)?.into_array(rows)?;
        let to = apply_cmp(Operator::LtEq, &value, &high)?.into_array(rows)?;
        let between = and_kleene(as_boolean_array(&from)?, as_boolean_array(&to)?)?;
        Ok(ColumnarValue::Array(Arc::new(between)))
    }
}

/// `coalesce` or `nvl`, which DataFusion replaces by a CASE that has each argument twice.
///
/// Evaluates all arguments for all rows.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Coalesce {
    replaced: Arc<ScalarUDF>,
    signature: Signature,
}

impl Coalesce {
    pub(super) fn new(replaced: Arc<ScalarUDF>) -> Self {
        Self {
            replaced,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Coalesce {
    fn name(&self) -> &str {
        self.replaced.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.replaced.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.replaced.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut found = new_null_array(args.return_field.data_type(), args.number_rows);
        for value in args.args.into_iter().rev() {
            let value = value.into_array(args.number_rows)?;
            if value.data_type() != found.data_type() {
                return internal_err!("arguments of {} of several types", self.name());
            }
            found = zip(&is_not_null(&value)?, &value, &found)?;
        }
        Ok(ColumnarValue::Array(found))
    }
}

/// Identity that equals no other expression, and that DataFusion does not look into. So it
/// does not derive from `f(x) = 1` a range of `x`, which names `x` twice, and not that `f(x)`
/// is 1 where it is called again.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Opaque {
    signature: Signature,
    /// Number among those of the plan.
    number: usize,
}

impl Opaque {
    pub(super) const NAME: &'static str = "once";

    pub(super) fn new(number: usize) -> Self {
        Self {
            signature: coerced(1),
            number,
        }
    }
}

impl ScalarUDFImpl for Opaque {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [returns] = take_function_args(self.name(), types)?;
        Ok(returns.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let [field] = take_function_args(self.name(), args.arg_fields)?;
        Ok(Arc::clone(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = take_function_args(self.name(), args.args)?;
        Ok(value)
    }
}
