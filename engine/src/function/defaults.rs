//! Values of the defaults of parameters.

use std::sync::OnceLock;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::common::{DFSchema, Result as DfResult, ScalarValue};
use datafusion::execution::context::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::ColumnarValue;
use fusebox_definition::statement::parse_constant;
use fusebox_definition::{ANY_DECIMAL, Argument, Definition, SqlType, StatementError};
use sqlparser::ast::{Expr, ExprWithAlias};

use super::checked_cast::{CastContext, checked_cast};
use super::coercion::{check_cost, coerced, loss};

/// Evaluates the defaults of all parameters of a function; `None` for those without one.
///
/// A value has the type of its literal, as if it stood in the call.
///
/// # Errors
///
/// [`StatementError::DefaultNotConstant`], and `DefaultUnfit` for a value that is none of the
/// parameter's type.
pub(crate) fn default_values(
    definition: &Definition,
) -> Result<Vec<Option<ScalarValue>>, StatementError> {
    let parameters = definition.signature.arguments.iter().enumerate();
    let value = |(index, parameter): (usize, &Argument)| {
        let Some(text) = &parameter.default else {
            return Ok(None);
        };
        let expr = parse_constant(text).ok_or_else(|| StatementError::DefaultNotConstant {
            parameter: parameter.label(index),
            found: text.clone(),
        })?;
        let value = evaluate(expr).ok().filter(|value| fits(value, parameter));
        let unfit = || StatementError::DefaultUnfit {
            parameter: parameter.label(index),
            expected: SqlType(&parameter.data_type).to_string(),
            found: text.clone(),
        };
        value.ok_or_else(unfit).map(Some)
    };
    parameters.map(value).collect()
}

/// Evaluates a constant, with the functions and settings that DataFusion has by default.
fn evaluate(expr: Expr) -> DfResult<ScalarValue> {
    static STATE: OnceLock<SessionState> = OnceLock::new();
    let state = STATE.get_or_init(|| {
        let builder = SessionStateBuilder::new().with_default_features();
        builder.build()
    });
    let none = DFSchema::empty();
    let expr = ExprWithAlias { expr, alias: None };
    let expr = state.create_logical_expr_from_sql_expr(expr, &none)?;
    let row = RecordBatch::try_new_with_options(
        Schema::empty().into(),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )?;
    match state.create_physical_expr(expr, &none)?.evaluate(&row)? {
        ColumnarValue::Scalar(value) => Ok(value),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0),
    }
}

/// Returns true if a value is one of a parameter's type; a number is not one of text.
fn fits(value: &ScalarValue, parameter: &Argument) -> bool {
    let declared = std::slice::from_ref(&parameter.data_type);
    let given = [value.data_type()];
    if loss(declared, &given).0 > 0 {
        return false;
    }
    let value = match coerced(declared, &given) {
        Some(types) => value.cast_to(&types[0]),
        None if check_cost(declared, &given).is_some() => Ok(value.clone()),
        None => return false,
    };
    let column = value.and_then(|value| value.to_array());
    let context = CastContext {
        time_zone: None,
        is_constant: true,
    };
    let is_any = parameter.data_type == ANY_DECIMAL;
    let to = &parameter.data_type;
    column.is_ok_and(|column| is_any || checked_cast(&column, to, context).is_ok())
}
