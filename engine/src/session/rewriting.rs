//! Statements rewritten for DataFusion's planner: named arguments of calls of Wasm functions,
//! common table expressions that call volatile functions, queries without `SELECT`, `PIVOT`,
//! `SIMILAR TO`, and `ORDER BY ALL`.
//!
//! That planner resolves names before defaults are known, and knows none in calls of table
//! functions. Here `f(lat => 1)` becomes a dictionary literal as argument, which is planned as
//! an argument that has a name.

// Times in texts of intervals.
mod interval_times;

// Rows in subqueries of `INSERT`.
mod nested_values;

use std::ops::ControlFlow;

use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{
    DictionaryField, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    Query, Select, SelectFlavor, SelectItem, Statement, TableFactor, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};

use super::calls::{function_name, normalized};
use super::order_by_all::replace_order_by_all;
use super::pivot::replace_pivot;
use super::similar_to::replace_similar_to;
use super::volatile_ctes::share_volatile_ctes;
use crate::function::{
    dictionary_key, is_wasm_aggregate, is_wasm_scalar, is_wasm_table, is_wasm_window,
};
use interval_times::replace_interval_time;
use nested_values::replace_nested_values;

/// Rewrites the named arguments of a statement, its queries without `SELECT`, `PIVOT`, `SIMILAR TO`,
/// and `ORDER BY ALL`.
///
/// # Errors
///
/// [`Error::Query`](fusebox_runtime::Error::Query) for a `PIVOT` that no query says, and a
/// pattern of `SIMILAR TO` that is none.
pub(super) fn rewrite_statement(statement: &mut DfStatement, state: &SessionState) -> Result<()> {
    let mut rewriter = Rewriter {
        state,
        // A view that is named twice is two queries, each with rows of its own.
        shares: !matches!(statement, DfStatement::Statement(statement) if is_view(statement)),
        shared: 0,
    };
    let rewritten = match statement {
        DfStatement::Statement(statement) => statement.visit(&mut rewriter),
        DfStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(&mut rewriter),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::Explain(explain) => {
            return rewrite_statement(&mut explain.statement, state);
        }
        _ => ControlFlow::Continue(()),
    };
    rewritten.break_value().map_or(Ok(()), Err)
}

/// Gives a view the text of its statement before it was rewritten.
pub(super) fn with_view_text(plan: LogicalPlan, sql: Option<&str>) -> LogicalPlan {
    match (plan, sql) {
        (LogicalPlan::Ddl(DdlStatement::CreateView(mut view)), Some(sql)) => {
            view.definition = Some(sql.to_owned());
            LogicalPlan::Ddl(DdlStatement::CreateView(view))
        }
        (plan, _) => plan,
    }
}

fn is_view(statement: &Statement) -> bool {
    matches!(statement, Statement::CreateView { .. })
}

struct Rewriter<'a> {
    state: &'a SessionState,
    /// True if common table expressions that call volatile functions are shared.
    shares: bool,
    /// The number of those that are.
    shared: usize,
}

impl VisitorMut for Rewriter<'_> {
    type Break = Error;

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<Error> {
        replace_nested_values(statement);
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        replace_order_by_all(query);
        if self.shares {
            share_volatile_ctes(query, self.state, &mut self.shared);
        }
        ControlFlow::Continue(())
    }

    /// `FROM t` without `SELECT` means all columns, as in DuckDB; DataFusion returns none.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            select.flavor = SelectFlavor::FromFirst;
            let all = SelectItem::Wildcard(WildcardAdditionalOptions::default());
            select.projection.push(all);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let Err(error) = replace_similar_to(expr) {
            return ControlFlow::Break(error);
        }
        replace_interval_time(expr);
        if let Expr::Function(call) = expr
            && let Some(name) = function_name(&call.name)
            && let FunctionArguments::List(list) = &mut call.args
            && self.is_wasm(&name)
        {
            list.args.iter_mut().for_each(rewrite_argument);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        if let Err(error) = replace_pivot(factor) {
            return ControlFlow::Break(error);
        }
        let (name, arguments) = match factor {
            TableFactor::Table {
                name,
                args: Some(arguments),
                ..
            } => (name, &mut arguments.args),
            TableFactor::Function { name, args, .. } => (name, args),
            _ => return ControlFlow::Continue(()),
        };
        if self.is_wasm_table(name) {
            arguments.iter_mut().for_each(rewrite_argument);
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter<'_> {
    fn is_wasm(&self, name: &str) -> bool {
        let scalar = self.state.scalar_functions().get(name);
        let aggregate = self.state.aggregate_functions().get(name);
        let window = self.state.window_functions().get(name);
        scalar.is_some_and(|function| is_wasm_scalar(function))
            || aggregate.is_some_and(|function| is_wasm_aggregate(function))
            || window.is_some_and(|function| is_wasm_window(function))
    }

    fn is_wasm_table(&self, name: &ObjectName) -> bool {
        let name = function_name(name);
        let function = name.and_then(|name| self.state.table_functions().get(&name).cloned());
        function.is_some_and(|function| is_wasm_table(&function))
    }
}

/// Rewrites an argument that has a name.
fn rewrite_argument(argument: &mut FunctionArg) {
    let (name, value) = match argument {
        FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(value),
            ..
        }
        | FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg: FunctionArgExpr::Expr(value),
            ..
        } => (name, value),
        _ => return,
    };
    let name = normalized(name);
    let none = Expr::Dictionary(Vec::new());
    let field = DictionaryField {
        key: Ident::new(dictionary_key(&name)),
        value: Box::new(std::mem::replace(value, none)),
    };
    let literal = FunctionArgExpr::Expr(Expr::Dictionary(vec![field]));
    *argument = FunctionArg::Unnamed(literal);
}
