//! Functions that plans call, replaced by those of their names now.
//!
//! A plan holds the functions that it was planned with. Views, prepared statements and column
//! defaults are plans that are kept, and data frames may be: each execution resolves the names
//! in them again. Those that are kept have functions without code.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    AggregateUDF, Expr, ExprSchemable, LogicalPlan, TableScan, WindowFunctionDefinition,
};
use fusebox_definition::FunctionKey;

use super::aggregate::WasmAggregateUdf;
use super::lazy::{LazyFunction, gone};
use super::overload_set::OverloadSet;
use super::scalar::WasmScalarUdf;
use super::window::WasmWindowUdf;
use super::{DataFusionFunction, WasmTable, external};
use crate::scope::FunctionScope;

/// Functions of a session at one time.
#[derive(Debug)]
pub(crate) struct CurrentFunctions {
    functions: HashMap<String, DataFusionFunction>,
    /// Scope of all functions that the session has or had.
    scope: FunctionScope,
}

impl CurrentFunctions {
    /// Creates those of a session: its functions by name.
    pub(crate) fn new(
        functions: HashMap<String, DataFusionFunction>,
        scope: FunctionScope,
    ) -> Self {
        Self { functions, scope }
    }

    /// Returns the function that replaces that of a call; `None` if it is that of the
    /// session, or never was.
    fn successor(&self, call: &WasmCall<'_>) -> Result<Option<&DataFusionFunction>> {
        match self.functions.get(call.overloads.name()) {
            Some(now) if std::ptr::eq(now.overloads(), call.overloads) => Ok(None),
            Some(now) => Ok(Some(now)),
            None if call.scope.is_same(&self.scope) => Err(external(gone(call.overloads.name()))),
            None => Ok(None),
        }
    }

    /// Returns the table that replaces that of a plan, as [`successor`](Self::successor).
    fn table_successor(&self, table: &WasmTable) -> Result<Option<WasmTable>> {
        let name = &table.function().definition().name;
        match self.functions.get(name) {
            Some(DataFusionFunction::Table(_, now)) => {
                let mut overloads = now.overloads().overloads();
                match overloads.any(|o| Arc::ptr_eq(&o.function, table.function())) {
                    true => Ok(None),
                    false => table.rebind(now).map(Some),
                }
            }
            None if !table.scope().is_same(&self.scope) => Ok(None),
            Some(_) | None => Err(external(gone(name))),
        }
    }
}

impl DataFusionFunction {
    fn overloads(&self) -> &OverloadSet {
        let of_session = "the functions of a session are Wasm functions";
        match self {
            Self::Scalar(function) => {
                let inner = function.inner().downcast_ref::<WasmScalarUdf>();
                inner.expect(of_session).overloads()
            }
            Self::Aggregate(function) => {
                let inner = function.inner().downcast_ref::<WasmAggregateUdf>();
                inner.expect(of_session).overloads()
            }
            Self::Window(function) => {
                let inner = function.inner().downcast_ref::<WasmWindowUdf>();
                inner.expect(of_session).overloads()
            }
            Self::Table(_, function) => function.overloads(),
        }
    }
}

/// Replaces the functions of a plan by those of the session.
///
/// # Errors
///
/// [`StatementError::Gone`] for a function that the
/// session has no more, and `TypeChanged` for one of another type.
pub(crate) fn rebind(plan: LogicalPlan, current: &CurrentFunctions) -> Result<LogicalPlan> {
    let mut is_stale = false;
    plan.apply_with_subqueries(|node| {
        is_stale = is_stale || is_stale_node(node, current)?;
        Ok(match is_stale {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    if !is_stale {
        return Ok(plan);
    }
    plan.transform_up_with_subqueries(|node| rebind_node(node, current))
        .data()
}

fn is_stale_node(node: &LogicalPlan, current: &CurrentFunctions) -> Result<bool> {
    if let Some(table) = scanned(node) {
        return Ok(current.table_successor(&table)?.is_some());
    }
    let mut is_stale = false;
    node.apply_expressions(|expr| {
        expr.apply(|expr| {
            if let Some(call) = wasm_call(expr) {
                is_stale |= current.successor(&call)?.is_some();
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(is_stale)
}

fn rebind_node(node: LogicalPlan, current: &CurrentFunctions) -> Result<Transformed<LogicalPlan>> {
    if let Some(table) = scanned(&node) {
        return Ok(match (current.table_successor(&table)?, node) {
            (Some(now), LogicalPlan::TableScan(scan)) => {
                let source = provider_as_source(Arc::new(now));
                Transformed::yes(LogicalPlan::TableScan(TableScan { source, ..scan }))
            }
            (_, node) => Transformed::no(node),
        });
    }
    if !is_stale_node(&node, current)? {
        return Ok(Transformed::no(node));
    }
    let schema = merge_schema(&node.inputs());
    node.map_expressions(|expr| expr.transform_up(|expr| rebind_call(expr, &schema, current)))
}

fn rebind_call(
    mut expr: Expr,
    schema: &DFSchema,
    current: &CurrentFunctions,
) -> Result<Transformed<Expr>> {
    let Some(planned) = wasm_call(&expr) else {
        return Ok(Transformed::no(expr));
    };
    let Some(now) = current.successor(&planned)? else {
        return Ok(Transformed::no(expr));
    };
    let given = types(planned.arguments, schema)?;
    let returns = |overloads: &OverloadSet| overloads.return_type(&overloads.coerced(&given));
    let before = returns(planned.overloads)?;
    planned
        .overloads
        .check_type(&before, &returns(now.overloads())?)?;
    let other_kind = gone(planned.overloads.name());
    match replace_function(&mut expr, now) {
        true => Ok(Transformed::yes(expr)),
        false => Err(external(other_kind)),
    }
}

/// Replaces the function of a call. Returns false if it is one of another kind.
pub(super) fn replace_function(call: &mut Expr, function: &DataFusionFunction) -> bool {
    match (call, function) {
        (Expr::ScalarFunction(call), DataFusionFunction::Scalar(function)) => {
            call.func = Arc::clone(function);
        }
        (Expr::AggregateFunction(call), DataFusionFunction::Aggregate(function)) => {
            call.func = Arc::clone(function);
        }
        (Expr::WindowFunction(call), DataFusionFunction::Aggregate(function)) => {
            call.fun = WindowFunctionDefinition::AggregateUDF(Arc::clone(function));
        }
        (Expr::WindowFunction(call), DataFusionFunction::Window(function)) => {
            call.fun = WindowFunctionDefinition::WindowUDF(Arc::clone(function));
        }
        _ => return false,
    }
    true
}

/// Adds the functions that a plan calls, those of the views in it included.
pub(crate) fn called_by_plan(plan: &LogicalPlan, called: &mut HashSet<FunctionKey>) -> Result<()> {
    visit_calls(plan, &mut |call| {
        match call {
            PlanCall::Table(table) => {
                called.insert(table.function().definition().key());
            }
            PlanCall::Expr(expr, schema) => called_by_expr(expr, schema, called)?,
        }
        Ok(())
    })
}

/// Returns the functions that a plan calls, those of the views in it included. Calls that do
/// not resolve are left to the planner.
///
/// They are those that the session has now under the names of the plan. Late binding reports
/// those of a kept plan that it has no more.
pub(crate) fn functions_of_plan(
    plan: &LogicalPlan,
    current: &CurrentFunctions,
) -> Result<Vec<Arc<LazyFunction>>> {
    let mut functions = Vec::new();
    visit_calls(plan, &mut |call| match call {
        PlanCall::Table(table) => {
            let now = current.table_successor(table).ok().flatten();
            functions.push(Arc::clone(now.as_ref().unwrap_or(table).function()));
            Ok(())
        }
        PlanCall::Expr(expr, schema) => {
            expr.apply(|expr| {
                if let Some(call) = wasm_call(expr)
                    && let now = current.functions.get(call.overloads.name())
                    && let overloads = now.map_or(call.overloads, DataFusionFunction::overloads)
                    && let Ok(given) = types(call.arguments, schema)
                    && let Ok(resolved) = overloads.resolved(&overloads.coerced(&given))
                {
                    functions.push(Arc::clone(&resolved.overload.function));
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
            Ok(())
        }
    })?;
    functions.retain(|function| !function.is_of_session());
    Ok(functions)
}

/// Part of a plan that may call functions.
enum PlanCall<'a> {
    /// Result of a table function.
    Table(&'a WasmTable),
    /// Expression over columns of a schema.
    Expr(&'a Expr, &'a DFSchema),
}

/// Passes on the tables and expressions of a plan, those of the views in it included.
fn visit_calls(
    plan: &LogicalPlan,
    visit: &mut dyn FnMut(PlanCall<'_>) -> Result<()>,
) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let Some(table) = scanned(node) {
            visit(PlanCall::Table(&table))?;
        } else if let LogicalPlan::TableScan(scan) = node
            && let Some(view) = scan.source.get_logical_plan()
        {
            visit_calls(&view, visit)?;
        }
        let schema = merge_schema(&node.inputs());
        node.apply_expressions(|expr| {
            visit(PlanCall::Expr(expr, &schema))?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(())
}

/// Adds the functions that an expression over columns of `schema` calls.
pub(crate) fn called_by_expr(
    expr: &Expr,
    schema: &DFSchema,
    called: &mut HashSet<FunctionKey>,
) -> Result<()> {
    expr.apply(|expr| {
        if let Some(call) = wasm_call(expr) {
            let given = call.overloads.coerced(&types(call.arguments, schema)?);
            let resolved = call.overloads.resolved(&given)?;
            called.insert(resolved.overload.function.definition().key());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Call of a Wasm function in an expression.
pub(super) struct WasmCall<'a> {
    pub(super) overloads: &'a OverloadSet,
    pub(super) scope: &'a FunctionScope,
    pub(super) arguments: &'a [Expr],
}

/// Returns the call of a Wasm function that an expression is.
pub(super) fn wasm_call(expr: &Expr) -> Option<WasmCall<'_>> {
    fn aggregate(function: &AggregateUDF) -> Option<(&OverloadSet, &FunctionScope)> {
        let function = function.inner().downcast_ref::<WasmAggregateUdf>()?;
        Some((function.overloads(), function.scope()))
    }
    let ((overloads, scope), arguments) = match expr {
        Expr::ScalarFunction(call) => {
            let function = call.func.inner().downcast_ref::<WasmScalarUdf>()?;
            ((function.overloads(), function.scope()), &call.args)
        }
        Expr::AggregateFunction(call) => (aggregate(&call.func)?, &call.params.args),
        Expr::WindowFunction(call) => {
            let found = match &call.fun {
                WindowFunctionDefinition::AggregateUDF(function) => aggregate(function)?,
                WindowFunctionDefinition::WindowUDF(function) => {
                    let function = function.inner().downcast_ref::<WasmWindowUdf>()?;
                    (function.overloads(), function.scope())
                }
            };
            (found, &call.params.args)
        }
        _ => return None,
    };
    Some(WasmCall {
        overloads,
        scope,
        arguments,
    })
}

/// Returns true if an expression of a node calls a Wasm function.
pub(super) fn calls_functions(node: &LogicalPlan) -> Result<bool> {
    let mut has_calls = false;
    node.apply_expressions(|expr| {
        has_calls = has_calls || expr.exists(|expr| Ok(wasm_call(expr).is_some()))?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(has_calls)
}

/// Returns the types of arguments over columns of `schema`.
pub(super) fn types(arguments: &[Expr], schema: &DFSchema) -> Result<Vec<DataType>> {
    arguments.iter().map(|expr| expr.get_type(schema)).collect()
}

/// Returns the result of a Wasm table function that a node scans.
pub(super) fn scanned(node: &LogicalPlan) -> Option<WasmTable> {
    let LogicalPlan::TableScan(scan) = node else {
        return None;
    };
    let provider = source_as_provider(&scan.source).ok()?;
    provider.downcast_ref::<WasmTable>().cloned()
}
