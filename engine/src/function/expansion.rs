//! Calls in plans, with one argument for each parameter in order.
//!
//! A plan is kept with the arguments that a call gives, so that its execution has the names
//! and defaults of then.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::functions_nested::expr_fn::make_array;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, WindowFunctionDefinition};
use datafusion::optimizer::AnalyzerRule;
use fusebox_runtime::Error;

use super::arrangement::ArgumentSource;
use super::called::{WasmCall, calls_functions, types, wasm_call};
use super::named_argument::{NamedArgumentPlanner, unnamed_expr};
use super::overload::{Candidate, Overload};
use super::{DataFusionFunction, datafusion_function, external};

/// Puts the arguments of calls of Wasm functions in the order of the parameters, with defaults
/// for those that are omitted. The result columns keep their names.
#[derive(Debug)]
struct ExpandArguments;

/// Adds the rule, and the planner of named arguments, to the state of a session.
pub(crate) fn add_expansion(builder: &mut SessionStateBuilder) {
    if let Some(analyzer) = builder.analyzer() {
        // Before arguments are coerced.
        analyzer.rules.insert(0, Arc::new(ExpandArguments));
    }
    // Before DataFusion's planner of all dictionary literals.
    let planners = builder.expr_planners().get_or_insert_default();
    planners.insert(0, Arc::new(NamedArgumentPlanner));
}

impl AnalyzerRule for ExpandArguments {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(expand_node).data()
    }

    fn name(&self) -> &'static str {
        "expand_arguments"
    }
}

fn expand_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if !calls_functions(&node)? {
        return Ok(Transformed::no(node));
    }
    let schema = merge_schema(&node.inputs());
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        let expanded = expand_expr(expr, &schema)?;
        Ok(match expanded.transformed {
            true => expanded.update_data(|expr| name.restore(expr)),
            false => expanded,
        })
    })
}

/// Expands the calls in an expression over columns of `schema`.
pub(super) fn expand_expr(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| expand_call(expr, schema))
}

fn expand_call(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Some(call) = wasm_call(&expr) else {
        return Ok(Transformed::no(expr));
    };
    let given = call.overloads.coerced(&types(call.arguments, schema)?);
    let resolved = call.overloads.resolved(&given)?;
    let Some(candidate) = &resolved.candidate else {
        return Ok(Transformed::no(expr));
    };
    let arguments = arguments(&call, resolved.overload, candidate)?;
    // Other overloads could accept the types of all arguments.
    let only = vec![Arc::clone(&resolved.overload.function)];
    let function = datafusion_function(only, call.scope.clone());
    match (&mut expr, function) {
        (Expr::ScalarFunction(call), DataFusionFunction::Scalar(function)) => {
            call.func = function;
            call.args = arguments;
        }
        (Expr::AggregateFunction(call), DataFusionFunction::Aggregate(function)) => {
            call.func = function;
            call.params.args = arguments;
        }
        (Expr::WindowFunction(call), DataFusionFunction::Aggregate(function)) => {
            call.fun = WindowFunctionDefinition::AggregateUDF(function);
            call.params.args = arguments;
        }
        (Expr::WindowFunction(call), DataFusionFunction::Window(function)) => {
            call.fun = WindowFunctionDefinition::WindowUDF(function);
            call.params.args = arguments;
        }
        (other, _) => return Err(other_kind(other)),
    }
    Ok(Transformed::yes(expr))
}

fn other_kind(expr: &Expr) -> DataFusionError {
    external(Error::Internal(format!("{expr} calls another kind")))
}

/// Returns one argument for each parameter.
fn arguments(
    call: &WasmCall<'_>,
    overload: &Overload,
    candidate: &Candidate<'_>,
) -> Result<Vec<Expr>> {
    let incomplete = || external(Error::Internal("an incomplete arrangement".to_owned()));
    let argument = |(index, source): (usize, &ArgumentSource)| match source {
        ArgumentSource::Given(given) => Ok(unnamed_expr(&call.arguments[*given]).clone()),
        ArgumentSource::Default => {
            let default = overload.default(index).ok_or_else(incomplete)?;
            Ok(Expr::Literal(default.clone(), None))
        }
        ArgumentSource::Items(indices) if indices.is_empty() => {
            let item = overload.item().ok_or_else(incomplete)?;
            let empty = ScalarValue::new_list(&[], item, true);
            Ok(Expr::Literal(ScalarValue::List(empty), None))
        }
        ArgumentSource::Items(indices) => {
            let item = |index: usize| {
                let value = call.arguments[index].clone();
                match candidate.cast_of(index) {
                    Some(to) => Expr::Cast(Cast::new(Box::new(value), to.clone())),
                    None => value,
                }
            };
            Ok(make_array(indices.clone().map(item).collect()))
        }
    };
    let sources = candidate.arrangement.sources.iter().enumerate();
    sources.map(argument).collect()
}
