//! Clauses of calls, which DataFusion drops silently where they mean nothing.

use std::ops::ControlFlow;

use datafusion::execution::context::SessionState;
use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use fusebox_definition::{Kind, StatementError, Subject};
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArgumentClause, FunctionArguments, Ident,
    ObjectName, Statement, TableFactor, TableSampleKind, TableSampleQuantity, TableSampleUnit,
    Visit, Visitor, visit_expressions,
};

use super::contents::{Contents, unreadable_error};
use crate::function::{is_wasm_scalar, is_wasm_window};

/// Refuses calls of Wasm functions with a clause that functions of their kind do not take.
pub(super) fn check_calls(statement: &DfStatement, state: &SessionState) -> Result<()> {
    let check = |expr: &Expr| match expr {
        Expr::Function(call) => match check_call(call, state) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        },
        _ => ControlFlow::Continue(()),
    };
    match visit_statement(statement, check) {
        ControlFlow::Continue(()) => check_samples(statement),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Refuses samples of tables, of which DataFusion returns all rows.
fn check_samples(statement: &DfStatement) -> Result<()> {
    let visited = match statement {
        DfStatement::Statement(statement) => statement.visit(&mut Samples),
        DfStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => query.visit(&mut Samples),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::Explain(explain) => return check_samples(&explain.statement),
        _ => ControlFlow::Continue(()),
    };
    visited.break_value().map_or(Ok(()), Err)
}

/// Finds samples of tables.
struct Samples;

impl Visitor for Samples {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table {
                sample: Some(sample),
                ..
            }
            | TableFactor::Derived {
                sample: Some(sample),
                ..
            } => ControlFlow::Break(Error::Syntax(format!(
                "expected a table with all of its rows, found TABLESAMPLE: {} instead",
                instead_of_sample(sample)
            ))),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Returns what gives a part of the rows.
fn instead_of_sample(sample: &TableSampleKind) -> String {
    let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) =
        sample;
    let quantity = sample.quantity.as_ref();
    match quantity {
        Some(TableSampleQuantity {
            value,
            unit: Some(TableSampleUnit::Rows),
            ..
        }) => format!("write ORDER BY random() LIMIT {value}"),
        _ => {
            let percent = quantity.map(|quantity| quantity.value.to_string().parse::<f64>());
            let percent = percent.and_then(Result::ok).unwrap_or(1.0);
            format!("filter by random() < {}", percent / 100.0)
        }
    }
}

/// Visits the expressions of a statement.
fn visit_statement(
    statement: &DfStatement,
    check: impl FnMut(&Expr) -> ControlFlow<Error>,
) -> ControlFlow<Error> {
    match statement {
        DfStatement::Statement(statement) => visit_expressions(statement.as_ref(), check),
        DfStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => visit_expressions(query.as_ref(), check),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        DfStatement::Explain(explain) => visit_statement(&explain.statement, check),
        _ => ControlFlow::Continue(()),
    }
}

/// Returns the first that `find` finds of the functions that a query calls, by their names; `None`
/// for another statement.
pub(super) fn find_called<T>(
    statement: &DfStatement,
    find: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let DfStatement::Statement(statement) = statement else {
        return None;
    };
    let Statement::Query(query) = statement.as_ref() else {
        return None;
    };
    let found = visit_expressions(query.as_ref(), |expr: &Expr| {
        let name = match expr {
            Expr::Function(call) => function_name(&call.name),
            _ => None,
        };
        match name.and_then(|name| find(&name)) {
            Some(found) => ControlFlow::Break(found),
            None => ControlFlow::Continue(()),
        }
    });
    found.break_value()
}

/// Refuses calls of functions that the catalog holds and cannot read: DataFusion knows none of the
/// name, or a built-in one that they hide.
pub(super) fn check_readable(statement: &DfStatement, contents: &Contents) -> Result<()> {
    let unreadable = contents.shared.unreadable();
    let unreadable: Vec<_> = unreadable
        .filter(|function| contents.functions_named(&function.name).is_empty())
        .collect();
    if unreadable.is_empty() {
        return Ok(());
    }
    let find = |name: &ObjectName| {
        let name = function_name(name)?;
        let found = unreadable.iter().find(|function| function.name == name)?;
        Some(unreadable_error(found))
    };
    let check = |expr: &Expr| match expr {
        Expr::Function(call) => {
            find(&call.name).map_or(ControlFlow::Continue(()), ControlFlow::Break)
        }
        _ => ControlFlow::Continue(()),
    };
    match visit_statement(statement, check) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

fn check_call(call: &Function, state: &SessionState) -> Result<()> {
    let Some(name) = function_name(&call.name) else {
        return Ok(());
    };
    let scalar = state.scalar_functions().get(&name);
    let window = state.window_functions().get(&name);
    let (kind, clause) = if scalar.is_some_and(|function| is_wasm_scalar(function)) {
        let over = call.over.as_ref().map(|_| "OVER");
        (Kind::Scalar, over.or_else(|| null_treatment(call)))
    } else if window.is_some_and(|function| is_wasm_window(function)) {
        (Kind::Window, None)
    } else {
        return Ok(());
    };
    match clause.or_else(|| aggregate_clause(call)) {
        None => Ok(()),
        Some(clause) => {
            let kind = kind.name();
            let reason = StatementError::CallClause { kind, clause };
            Err(Error::refused(Subject::Function(name), reason))
        }
    }
}

/// Returns the name with which DataFusion looks for the function.
pub(super) fn function_name(name: &ObjectName) -> Option<String> {
    match &name.0[..] {
        [part] => part.as_ident().map(normalized),
        _ => None,
    }
}

/// Returns a name in the case in which it is looked up.
pub(super) fn normalized(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_ascii_lowercase(),
    }
}

/// Returns the treatment of nulls that a call states.
fn null_treatment(call: &Function) -> Option<&'static str> {
    let is_treatment = |clause: &FunctionArgumentClause| {
        matches!(clause, FunctionArgumentClause::IgnoreOrRespectNulls(_))
    };
    let states_it =
        call.null_treatment.is_some() || argument_clauses(call).iter().any(is_treatment);
    states_it.then_some("IGNORE NULLS or RESPECT NULLS")
}

/// Returns a clause that only aggregate functions take.
fn aggregate_clause(call: &Function) -> Option<&'static str> {
    if let FunctionArguments::List(list) = &call.args
        && list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
    {
        return Some("DISTINCT");
    }
    if call.filter.is_some() {
        return Some("FILTER");
    }
    if !call.within_group.is_empty() {
        return Some("WITHIN GROUP");
    }
    argument_clauses(call)
        .iter()
        .find_map(|clause| match clause {
            FunctionArgumentClause::IgnoreOrRespectNulls(_) => None,
            FunctionArgumentClause::OrderBy(_) => Some("ORDER BY among its arguments"),
            FunctionArgumentClause::Limit(_) => Some("LIMIT among its arguments"),
            _ => Some("a clause among its arguments"),
        })
}

fn argument_clauses(call: &Function) -> &[FunctionArgumentClause] {
    match &call.args {
        FunctionArguments::List(list) => &list.clauses,
        _ => &[],
    }
}
