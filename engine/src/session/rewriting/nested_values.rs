//! `VALUES` within the query of an `INSERT`, as queries of their rows.
//!
//! DataFusion's planner gives all `VALUES` of an `INSERT` the columns of the table, also those of a
//! subquery, which has columns of its own.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Ident, Query, Select, SelectItem, SetExpr, SetOperator, SetQuantifier, Statement, VisitMut,
    VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// Rows of `VALUES` that are replaced: many queries take long to plan.
const ROWS_MAX: usize = 1_000;

/// Replaces `VALUES` in subqueries of a statement that inserts.
pub(super) fn replace_nested_values(statement: &mut Statement) {
    if let Statement::Insert(insert) = statement
        && let Some(query) = &mut insert.source
        && !matches!(*query.body, SetExpr::Values(_))
    {
        let _ = query.visit(&mut NestedValues { is_nested: false });
    }
}

struct NestedValues {
    is_nested: bool,
}

impl VisitorMut for NestedValues {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if std::mem::replace(&mut self.is_nested, true) {
            replace_values(&mut query.body);
        }
        ControlFlow::Continue(())
    }
}

fn replace_values(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            replace_values(left);
            replace_values(right);
        }
        SetExpr::Values(values) if (1..=ROWS_MAX).contains(&values.rows.len()) => {
            if let Some(select) = template() {
                let rows = std::mem::take(&mut values.rows).into_iter();
                let rows = rows.map(|row| {
                    let mut select = select.clone();
                    let columns = row.content.into_iter().zip(1..);
                    let columns = columns.map(|(expr, number)| SelectItem::ExprWithAlias {
                        expr,
                        alias: Ident::new(format!("column{number}")),
                    });
                    select.projection = columns.collect();
                    SetExpr::Select(select)
                });
                *body = union(rows.collect());
            }
        }
        _ => {}
    }
}

/// Returns a query of one row, whose columns are replaced.
fn template() -> Option<Box<Select>> {
    let parser = Parser::new(&GenericDialect {}).try_with_sql("SELECT 1");
    let query = parser.ok()?.parse_query().ok()?;
    match *query.body {
        SetExpr::Select(select) => Some(select),
        _ => None,
    }
}

/// Returns the union of at least one query, which is as flat as can be.
fn union(mut queries: Vec<SetExpr>) -> SetExpr {
    let right = queries.split_off(queries.len().div_ceil(2));
    match right.is_empty() {
        true => queries.swap_remove(0),
        false => SetExpr::SetOperation {
            op: SetOperator::Union,
            set_quantifier: SetQuantifier::All,
            left: Box::new(union(queries)),
            right: Box::new(union(right)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(sql: &str) -> String {
        let mut statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        replace_nested_values(&mut statements[0]);
        statements[0].to_string()
    }

    #[test]
    fn values_of_subqueries_are_queries() {
        for (sql, expected) in [
            (
                "INSERT INTO t SELECT a FROM (VALUES (1, 2), (3, 4), (5, 6)) AS v (a, b)",
                "INSERT INTO t SELECT a FROM (SELECT 1 AS column1, 2 AS column2 UNION ALL \
                 SELECT 3 AS column1, 4 AS column2 UNION ALL SELECT 5 AS column1, 6 AS column2) \
                 AS v (a, b)",
            ),
            (
                "INSERT INTO t WITH v AS (VALUES (1)) SELECT * FROM v",
                "INSERT INTO t WITH v AS (SELECT 1 AS column1) SELECT * FROM v",
            ),
        ] {
            assert_eq!(replaced(sql), expected);
        }
        for sql in [
            "INSERT INTO t VALUES (1, 2)",
            "INSERT INTO t SELECT 1 UNION ALL VALUES (2)",
            "SELECT * FROM (VALUES (1)) AS v",
        ] {
            assert_eq!(replaced(sql), sql);
        }
    }
}
