//! Named arguments in expressions.
//!
//! DataFusion's functions get the types of their arguments and no names. So `f(lat => 1)` is
//! planned as a call of a function that wraps the value in a struct of one field, which has the
//! name. The argument's type tells the name then, until the
//! [expansion](super::expansion) puts the arguments in the order of the parameters.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawDictionaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Prefix of the key of a dictionary literal that stands for a named argument. No SQL text
/// has it by accident.
const KEY_PREFIX: &str = "\0=>";

/// Key of the metadata that marks the field of a named argument.
const FIELD_MARK: &str = "fusebox.named_argument";

/// Returns the key of the dictionary literal `{key: value}` that is planned as `name => value`.
pub(crate) fn dictionary_key(name: &str) -> String {
    format!("{KEY_PREFIX}{name}")
}

/// Returns the name of an argument, if its type has one, and the type of its value.
pub(super) fn split_type(data_type: &DataType) -> (Option<&str>, &DataType) {
    match data_type {
        DataType::Struct(fields) if fields.len() == 1 => match &fields[0] {
            field if field.metadata().contains_key(FIELD_MARK) => {
                (Some(field.name()), field.data_type())
            }
            _ => (None, data_type),
        },
        _ => (None, data_type),
    }
}

/// Returns the value of an argument without its name.
pub(super) fn unnamed_expr(expr: &Expr) -> &Expr {
    match expr {
        Expr::ScalarFunction(call) if call.func.inner().is::<NamedArgument>() => &call.args[0],
        other => other,
    }
}

/// Returns the value of a constant argument without its name.
pub(super) fn unnamed_value(value: &ScalarValue) -> Result<ScalarValue> {
    match (value, split_type(&value.data_type())) {
        (ScalarValue::Struct(fields), (Some(_), _)) => {
            ScalarValue::try_from_array(fields.column(0), 0)
        }
        _ => Ok(value.clone()),
    }
}

/// Function that gives its argument a name.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NamedArgument {
    name: String,
    signature: Signature,
}

impl NamedArgument {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            signature: Signature::any(1, Volatility::Immutable),
        }
    }

    fn field(&self, data_type: DataType) -> Field {
        let mark = HashMap::from([(FIELD_MARK.to_owned(), String::new())]);
        Field::new(&self.name, data_type, true).with_metadata(mark)
    }

    fn wrap(&self, value: ArrayRef) -> Result<StructArray> {
        let field = self.field(value.data_type().clone());
        Ok(StructArray::try_new(vec![field].into(), vec![value], None)?)
    }
}

impl ScalarUDFImpl for NamedArgument {
    fn name(&self) -> &str {
        "named_argument"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(vec![self.field(given[0].clone())].into()))
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("{} => {}", self.name, args[0]))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("{} => {}", self.name, args[0].schema_name()))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(match args.args.remove(0) {
            ColumnarValue::Scalar(value) => {
                let wrapped = self.wrap(value.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::Struct(Arc::new(wrapped)))
            }
            ColumnarValue::Array(values) => ColumnarValue::Array(Arc::new(self.wrap(values)?)),
        })
    }
}

/// Plans the dictionary literals that stand for named arguments.
#[derive(Debug)]
pub(crate) struct NamedArgumentPlanner;

impl ExprPlanner for NamedArgumentPlanner {
    fn plan_dictionary_literal(
        &self,
        expr: RawDictionaryExpr,
        _: &DFSchema,
    ) -> Result<PlannerResult<RawDictionaryExpr>> {
        let key = match &expr.keys[..] {
            [Expr::Literal(ScalarValue::Utf8(Some(key)), _)] => key.strip_prefix(KEY_PREFIX),
            _ => None,
        };
        let Some(name) = key else {
            return Ok(PlannerResult::Original(expr));
        };
        let function = ScalarUDF::new_from_impl(NamedArgument::new(name));
        let call = ScalarFunction::new_udf(Arc::new(function), expr.values);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(call)))
    }
}
