//! Descriptions of statements that are not executed: types of parameters and of the result.

use std::collections::HashMap;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use fusebox_runtime::{Error, Result};

use super::{Session, query};
use crate::statement_list::Statement;

/// Types of a statement's parameters and of its result.
#[derive(Clone, Debug)]
pub struct Description {
    /// Type of each parameter `$1`, `$2` and so on, if it follows from its place.
    pub parameters: Vec<Option<DataType>>,
    /// Columns of the result.
    pub columns: SchemaRef,
}

impl Session {
    /// Plans a query, an `INSERT`, an `UPDATE` or a `DELETE` without effect, and describes it.
    /// The columns of the latter three are those of their plan, and not the count that they
    /// return. Parameters that are not [bound](Statement::bind) have the types of the columns and
    /// functions that they are compared with or passed to.
    ///
    /// # Errors
    ///
    /// Any error of planning, and [`Error::Syntax`] for statements that DataFusion does not plan.
    pub async fn describe(&self, statement: Statement) -> Result<Description> {
        let count = statement.parameters();
        let explain = statement.into_explain().ok_or_else(|| {
            Error::Syntax("expected a query or a change of rows, found another statement".into())
        })?;
        let explained = self.execute(explain).await?;
        let LogicalPlan::Explain(explain) = explained.logical_plan() else {
            let message = "expected the plan of EXPLAIN, found another";
            return Err(Error::Internal(message.to_owned()));
        };
        let plan = explain.plan.as_ref();
        let mut types = plan.get_parameter_types().map_err(query)?;
        let cast = types_of_casts(plan).map_err(query)?;
        let arguments = types_of_arguments(plan).map_err(query)?;
        for (id, data_type) in cast.into_iter().chain(arguments) {
            types.entry(id).or_default().get_or_insert(data_type);
        }
        let parameter = |number: usize| types.remove(&format!("${number}")).flatten();
        Ok(Description {
            parameters: (1..=count).map(parameter).collect(),
            columns: plan.schema().inner().clone(),
        })
    }
}

/// Returns the types of parameters that are cast.
fn types_of_casts(plan: &LogicalPlan) -> DfResult<HashMap<String, DataType>> {
    let mut types = HashMap::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                let cast = match expr {
                    Expr::Cast(cast) => Some((&cast.expr, &cast.field)),
                    Expr::TryCast(cast) => Some((&cast.expr, &cast.field)),
                    _ => None,
                };
                if let Some((expr, field)) = cast
                    && let Some(id) = untyped(expr)
                {
                    let data_type = || field.data_type().clone();
                    types.entry(id.to_owned()).or_insert_with(data_type);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(types)
}

/// Returns the types of parameters that are arguments of functions, which coerce them.
fn types_of_arguments(plan: &LogicalPlan) -> DfResult<HashMap<String, DataType>> {
    let mut types = HashMap::new();
    plan.apply_with_subqueries(|node| {
        if let Some(input) = node.inputs().first() {
            let schema = input.schema();
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    types.extend(typed_arguments(expr, schema));
                    Ok(TreeNodeRecursion::Continue)
                })
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(types)
}

/// Returns the types to which a call coerces parameters without types; nothing if the function
/// cannot be chosen without them.
fn typed_arguments(call: &Expr, schema: &DFSchema) -> Vec<(String, DataType)> {
    let arguments = match call {
        Expr::ScalarFunction(call) => &call.args,
        Expr::AggregateFunction(call) => &call.params.args,
        _ => return Vec::new(),
    };
    if !arguments.iter().any(|argument| untyped(argument).is_some()) {
        return Vec::new();
    }
    let given = arguments
        .iter()
        .map(|argument| argument.to_field(schema).map(|(_, field)| field));
    let Ok(given) = given.collect::<DfResult<Vec<_>>>() else {
        return Vec::new();
    };
    let coerced = match call {
        Expr::ScalarFunction(call) => fields_with_udf(&given, call.func.as_ref()),
        Expr::AggregateFunction(call) => fields_with_udf(&given, call.func.as_ref()),
        _ => return Vec::new(),
    };
    let typed = arguments.iter().zip(coerced.unwrap_or_default());
    let typed = typed.filter_map(|(argument, field)| {
        let data_type = field.data_type().clone();
        Some((untyped(argument)?.to_owned(), data_type)).filter(|(_, known)| !known.is_null())
    });
    typed.collect()
}

/// Returns the name of a parameter whose type is unknown.
fn untyped(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => Some(id),
        _ => None,
    }
}
