//! Common table expressions that call volatile functions and are named more than once.
//!
//! DataFusion replaces each name by the whole query, which would then run once for each. Here
//! such a query is wrapped in one of a reserved name, for which
//! [`SharedQueries`](super::shared_queries::SharedQueries) scans one result.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::execution::context::SessionState;
use datafusion::logical_expr::Volatility;
use sqlparser::ast::{
    Expr, ObjectName, Query, Select, SetExpr, TableFactor, TableWithJoins, Visit, Visitor,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::calls::{function_name, normalized};
use super::shared_queries::RESERVED_PREFIX;
use crate::function::is_volatile_table;

/// Wraps the expressions of a query; `count` is the number of those that are wrapped in the
/// statement.
pub(super) fn share_volatile_ctes(query: &mut Query, state: &SessionState, count: &mut usize) {
    let Some(with) = query.with.as_ref().filter(|with| !with.recursive) else {
        return;
    };
    let names: Vec<String> = with
        .cte_tables
        .iter()
        .map(|cte| normalized(&cte.alias.name))
        .collect();
    let mut volatile = BTreeSet::new();
    for (name, cte) in names.iter().zip(&with.cte_tables) {
        let mut calls = VolatileCalls {
            state,
            volatile: &volatile,
        };
        if cte.query.visit(&mut calls).is_break() {
            volatile.insert(name.clone());
        }
    }
    volatile.retain(|name| uses(query, name) > 1);
    let with = query.with.as_mut().into_iter();
    for cte in with.flat_map(|with| &mut with.cte_tables) {
        if volatile.contains(&normalized(&cte.alias.name))
            && let Some(wrapper) = wrapper(&format!("{RESERVED_PREFIX}{count}"))
        {
            let wrapped = std::mem::replace(&mut cte.query, wrapper);
            if let Some(inner) = derived(&mut cte.query) {
                *inner = wrapped;
            }
            *count += 1;
        }
    }
}

/// Returns a query of the columns of another one, which is to be filled in.
fn wrapper(name: &str) -> Option<Box<Query>> {
    let text = format!("SELECT * FROM (SELECT 1) AS \"{name}\"");
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(&text).ok()?;
    parser.parse_query().ok()
}

/// Returns the query that a wrapper selects from.
fn derived(wrapper: &mut Query) -> Option<&mut Box<Query>> {
    let SetExpr::Select(select) = wrapper.body.as_mut() else {
        return None;
    };
    let Select { from, .. } = select.as_mut();
    match from.first_mut() {
        Some(TableWithJoins {
            relation: TableFactor::Derived { subquery, .. },
            ..
        }) => Some(subquery),
        _ => None,
    }
}

/// Finds a call of a volatile function.
struct VolatileCalls<'a> {
    state: &'a SessionState,
    /// Names of expressions with such a call.
    volatile: &'a BTreeSet<String>,
}

impl Visitor for VolatileCalls<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Expr::Function(call) = expr else {
            return ControlFlow::Continue(());
        };
        found(function_name(&call.name).is_some_and(|name| {
            let scalar = self.state.scalar_functions().get(&name);
            let aggregate = self.state.aggregate_functions().get(&name);
            let window = self.state.window_functions().get(&name);
            let signatures = [
                scalar.map(|function| function.signature()),
                aggregate.map(|function| function.signature()),
                window.map(|function| function.signature()),
            ];
            let mut signatures = signatures.into_iter().flatten();
            signatures.any(|signature| signature.volatility == Volatility::Volatile)
        }))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let name = match factor {
            TableFactor::Table {
                name,
                args: Some(_),
                ..
            }
            | TableFactor::Function { name, .. } => function_name(name),
            _ => None,
        };
        let function = name.and_then(|name| self.state.table_functions().get(&name).cloned());
        found(function.is_some_and(|function| is_volatile_table(&function)))
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        found(function_name(relation).is_some_and(|name| self.volatile.contains(&name)))
    }
}

fn found(is_found: bool) -> ControlFlow<()> {
    match is_found {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Counts the places of a query that name a relation.
fn uses(query: &Query, name: &str) -> usize {
    struct Uses<'a>(&'a str, usize);
    impl Visitor for Uses<'_> {
        type Break = ();

        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            self.1 += usize::from(function_name(relation).as_deref() == Some(self.0));
            ControlFlow::Continue(())
        }
    }
    let mut uses = Uses(name, 0);
    // The visitor never breaks.
    let _ = query.visit(&mut uses);
    uses.1
}
