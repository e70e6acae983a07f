//! Functions of plans that are kept.
//!
//! Views, prepared statements, defaults of columns and orders of files are plans for later
//! statements, which resolve the names in them again. So these plans need the types of functions,
//! and no code: they would keep the modules of functions that were replaced or dropped since.

use std::mem;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{DdlStatement, Expr, LogicalPlan, TableScan};
use fusebox_definition::FunctionKey;

use super::called::{calls_functions, replace_function, scanned, wasm_call};
use super::lazy::{FindFunction, LazyFunction};
use crate::scope::FunctionScope;

/// Functions of the plans that a session keeps.
pub(crate) struct KeptFunctions {
    /// Scope of the session's functions. Others are not resolved again: they stay as they are.
    scope: FunctionScope,
    find: Arc<FindFunction>,
}

impl KeptFunctions {
    /// Creates those of a session, whose functions `find` finds.
    pub(crate) fn new(
        scope: FunctionScope,
        find: impl Fn(&FunctionKey) -> Option<Arc<LazyFunction>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            scope,
            find: Arc::new(find),
        }
    }

    /// Replaces the functions of a plan.
    pub(crate) fn in_plan(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| self.in_node(node))
            .data()
    }

    /// Replaces the functions of an expression.
    pub(crate) fn in_expr(&self, expr: Expr) -> Result<Expr> {
        expr.transform_up(|expr| Ok(self.in_call(expr))).data()
    }

    /// Replaces the functions of what a statement keeps: of a view, or of the defaults and the
    /// order of a table.
    pub(crate) fn in_definition(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let LogicalPlan::Ddl(mut statement) = plan else {
            return Ok(plan);
        };
        match &mut statement {
            DdlStatement::CreateView(view) => {
                let input = Arc::unwrap_or_clone(mem::take(&mut view.input));
                view.input = Arc::new(self.in_plan(input)?);
            }
            DdlStatement::CreateMemoryTable(table) => {
                for (_, default) in &mut table.column_defaults {
                    *default = self.in_expr(mem::take(default))?;
                }
            }
            DdlStatement::CreateExternalTable(table) => {
                let defaults = table.column_defaults.values_mut();
                let keys = table.order_exprs.iter_mut().flatten();
                for expr in defaults.chain(keys.map(|key| &mut key.expr)) {
                    *expr = self.in_expr(mem::take(expr))?;
                }
            }
            _ => {}
        }
        Ok(LogicalPlan::Ddl(statement))
    }

    fn in_node(&self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let table = scanned(&node).filter(|table| {
            table.scope().is_same(&self.scope) && !table.function().is_of_session()
        });
        match (table, node) {
            (Some(table), LogicalPlan::TableScan(scan)) => {
                let source = provider_as_source(Arc::new(table.kept(&self.find)));
                let scan = TableScan { source, ..scan };
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            (_, node) => match calls_functions(&node)? {
                true => {
                    node.map_expressions(|expr| expr.transform_up(|expr| Ok(self.in_call(expr))))
                }
                false => Ok(Transformed::no(node)),
            },
        }
    }

    fn in_call(&self, mut expr: Expr) -> Transformed<Expr> {
        let call = wasm_call(&expr).filter(|call| call.scope.is_same(&self.scope));
        let Some(call) = call.filter(|call| !call.overloads.is_kept()) else {
            return Transformed::no(expr);
        };
        let kept = call.overloads.kept(&self.scope, &self.find).clone();
        let is_replaced = replace_function(&mut expr, &kept);
        Transformed::new_transformed(expr, is_replaced)
    }
}
