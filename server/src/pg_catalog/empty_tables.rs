//! Queries of tables that have no rows here.

use datafusion::sql::sqlparser::ast::{Expr, Query, Select, SelectItem, SetExpr, TableFactor};

use super::columns::WITH_ROWS;
use super::expressions::last_name;
use super::tables::is_table;

/// Returns the names of the columns of a query that reads a table without rows, not as the optional
/// side of a join: it returns nothing, whatever its other clauses are.
pub(super) fn names_empty_tables(query: &Query) -> Option<Vec<String>> {
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Select(select) => return empty_columns(select),
            SetExpr::SetOperation { left, right, .. } => {
                if !reads_nothing(right) {
                    return None;
                }
                body = left.as_ref();
            }
            SetExpr::Query(query) => body = query.body.as_ref(),
            _ => return None,
        }
    }
}

fn reads_nothing(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => empty_columns(select).is_some(),
        SetExpr::Query(query) => reads_nothing(&query.body),
        SetExpr::SetOperation { left, right, .. } => reads_nothing(left) && reads_nothing(right),
        _ => false,
    }
}

fn empty_columns(select: &Select) -> Option<Vec<String>> {
    let is_empty = |factor: &TableFactor| match factor {
        TableFactor::Table { name, .. } => last_name(name).is_some_and(|name| {
            let name = name.to_lowercase();
            is_table(&name) && !WITH_ROWS.contains(&name.as_str())
        }),
        _ => false,
    };
    if !select.from.iter().any(|table| is_empty(&table.relation)) {
        return None;
    }
    let names = select.projection.iter().map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => name.value.clone(),
        _ => "column".to_owned(),
    });
    Some(names.collect())
}
