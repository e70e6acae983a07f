//! Queries of tables that have no rows here.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, JoinOperator, Query, Select, SelectItem, SetExpr, TableFactor,
    TableWithJoins, visit_expressions,
};

use super::columns::WITH_ROWS;
use super::expressions::{is_aggregate, last_name};
use super::tables::is_table;

/// Common table expressions by their names in lower case; true for those that have no rows.
type Named = HashMap<String, bool>;

/// Returns the names of the columns of a query that reads a table without rows, not as the optional
/// side of a join: it returns nothing, whatever its other clauses are.
pub(super) fn names_empty_tables(query: &Query) -> Option<Vec<String>> {
    empty_query(query, &Named::new())
}

fn empty_query(query: &Query, outer: &Named) -> Option<Vec<String>> {
    let mut named = outer.clone();
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        let has_no_rows = reads_nothing(&cte.query, &named);
        named.insert(cte.alias.name.value.to_lowercase(), has_no_rows);
    }
    empty_body(&query.body, &named)
}

fn empty_body(body: &SetExpr, named: &Named) -> Option<Vec<String>> {
    match body {
        SetExpr::Select(select) => {
            let has_no_rows = select.from.iter().any(|table| is_empty(table, named));
            has_no_rows.then(|| names(select))
        }
        SetExpr::SetOperation { left, right, .. } => {
            // Names are those of the left side.
            empty_body(right, named).and_then(|_| empty_body(left, named))
        }
        SetExpr::Query(query) => empty_query(query, named),
        _ => None,
    }
}

/// Returns true for a query within another one that returns nothing: unlike an aggregate of all
/// rows, which returns one.
fn reads_nothing(query: &Query, named: &Named) -> bool {
    empty_query(query, named).is_some() && !returns_one_row(&query.body)
}

fn returns_one_row(body: &SetExpr) -> bool {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { left, right, .. } => {
            return returns_one_row(left) || returns_one_row(right);
        }
        SetExpr::Query(query) => return returns_one_row(&query.body),
        _ => return true,
    };
    let has_groups = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
        GroupByExpr::All(_) => true,
    };
    let aggregates = visit_expressions(&select.projection, |expr| match expr {
        Expr::Function(function) if is_aggregate(function) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    !has_groups && aggregates.is_break()
}

fn is_empty(table: &TableWithJoins, named: &Named) -> bool {
    let (mut empty, mut is_kept) = (factor_is_empty(&table.relation, named), true);
    for join in &table.joins {
        match join.join_operator {
            JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => {
                empty |= factor_is_empty(&join.relation, named);
            }
            JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => {}
            // The other side may have rows that no row here matches.
            _ => is_kept = false,
        }
    }
    empty && is_kept
}

fn factor_is_empty(factor: &TableFactor, named: &Named) -> bool {
    match factor {
        TableFactor::Table { name, .. } => last_name(name).is_some_and(|last| {
            let last = last.to_lowercase();
            let cte = named.get(&last).filter(|_| name.0.len() == 1);
            let is_catalog = || is_table(&last) && !WITH_ROWS.contains(&last.as_str());
            cte.copied().unwrap_or_else(is_catalog)
        }),
        TableFactor::Derived { subquery, .. } => reads_nothing(subquery, named),
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => is_empty(table_with_joins, named),
        _ => false,
    }
}

fn names(select: &Select) -> Vec<String> {
    let names = select.projection.iter().map(|item| {
        let name = match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last(),
            _ => None,
        };
        match name {
            Some(name) if name.quote_style.is_some() => name.value.clone(),
            Some(name) => name.value.to_lowercase(),
            None => "column".to_owned(),
        }
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn empty(sql: &str) -> Option<Vec<String>> {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap();
        let Some(Statement::Query(query)) = statements.into_iter().next() else {
            unreachable!("{sql} is a query");
        };
        names_empty_tables(&query)
    }

    #[test]
    fn queries_of_tables_without_rows_return_nothing() {
        for sql in [
            "SELECT a FROM pg_index",
            "SELECT i.a FROM pg_class c JOIN pg_catalog.pg_index i ON c.oid = i.indrelid",
            "SELECT a FROM (SELECT x AS a FROM pg_class, pg_index) AS i WHERE a = 1",
            "SELECT a FROM (pg_index JOIN pg_class ON true) LEFT JOIN pg_type ON true",
            "WITH i AS (SELECT * FROM pg_index), j AS (SELECT a, max(b) FROM i GROUP BY a) \
             SELECT A FROM j UNION ALL SELECT b FROM i",
        ] {
            assert_eq!(empty(sql), Some(vec!["a".to_owned()]), "{sql}");
        }
        let sql = "SELECT n.nspname AS S, \"Q\", now() FROM pg_index n";
        let names = ["s", "Q", "column"].map(str::to_owned).to_vec();
        assert_eq!(empty(sql), Some(names));
        for sql in [
            "SELECT a FROM pg_class",
            "SELECT a FROM pg_class LEFT JOIN pg_index ON true",
            "SELECT a FROM pg_index RIGHT JOIN pg_class ON true",
            "SELECT a FROM (SELECT count(*) AS a FROM pg_index) AS i",
            "SELECT a FROM pg_index UNION SELECT a FROM pg_class",
            "WITH pg_index AS (SELECT * FROM pg_class) SELECT a FROM pg_index",
        ] {
            assert_eq!(empty(sql), None, "{sql}");
        }
    }
}
