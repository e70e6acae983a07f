//! Tables, columns and grouping sets of a statement, before it is planned.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, ObjectName, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, Statement, TableAlias, TableFactor, Visit, Visitor,
};

use super::{Relation, Size};

/// Counts what a statement expands to. `relations` are those that it names, but for its CTEs.
pub(super) fn expansion(statement: &Statement, relations: HashMap<String, Relation>) -> Expansion {
    let mut expansion = Expansion {
        relations,
        frames: vec![Frame::default()],
        subquery_width: 1,
        grouping_sets: 0,
        compared: 0,
    };
    let _ = statement.visit(&mut expansion);
    expansion
}

/// A query that is visited.
#[derive(Default)]
struct Frame {
    /// Names of its CTEs, in order.
    names: Vec<String>,
    /// Queries directly in it that were visited: first those of its CTEs.
    queries: usize,
    ctes: HashMap<String, Relation>,
    size: Size,
    /// Number of its columns.
    width: u64,
    /// Names and numbers of columns of the relations of the select that is visited.
    from: Vec<(String, u64)>,
    /// Number of their columns together.
    from_width: u64,
}

/// Counts of a statement.
pub(super) struct Expansion {
    relations: HashMap<String, Relation>,
    frames: Vec<Frame>,
    /// Number of columns of the query that was visited last.
    subquery_width: u64,
    pub(super) grouping_sets: u64,
    /// Comparisons of columns of select lists: the squares of their numbers.
    pub(super) compared: u64,
}

impl Expansion {
    /// Returns the size of the whole statement.
    pub(super) fn size(&self) -> Size {
        self.frames
            .first()
            .map(|frame| frame.size)
            .unwrap_or_default()
    }

    /// Returns the CTE that a name stands for, or else the table or view.
    fn relation(&self, name: &str) -> Relation {
        let mut frames = self.frames.iter().rev();
        let cte = frames.find_map(|frame| frame.ctes.get(name));
        let found = cte.or_else(|| self.relations.get(name));
        found.copied().unwrap_or(Relation::TABLE)
    }

    fn group_by(&mut self, expressions: &[Expr]) {
        let sets = expressions.iter().map(|expression| match expression {
            Expr::Cube(sets) => 2_u64.saturating_pow(sets.len().try_into().unwrap_or(u32::MAX)),
            Expr::Rollup(sets) => sets.len() as u64 + 1,
            Expr::GroupingSets(sets) => sets.len() as u64,
            _ => 1,
        });
        let sets = sets.fold(1_u64, u64::saturating_mul);
        if sets > 1 {
            self.grouping_sets = self.grouping_sets.saturating_add(sets);
        }
    }

    /// Adds a relation of FROM: a join has the columns of those before it again.
    fn add_from(&mut self, name: String, width: u64) {
        if let Some(frame) = self.frames.last_mut() {
            frame.from.push((name, width));
            frame.from_width = frame.from_width.saturating_add(width);
            frame.size.columns = frame.size.columns.saturating_add(frame.from_width);
        }
    }
}

impl Frame {
    /// Returns the number of columns of an item of the select list.
    fn item_width(&self, item: &SelectItem) -> u64 {
        match item {
            SelectItem::Wildcard(_) => self.from_width,
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let name = last_part(name);
                let mut from = self.from.iter();
                let found = from.find(|(relation, _)| relation.eq_ignore_ascii_case(&name));
                found.map_or(self.from_width, |(_, width)| *width)
            }
            _ => 1,
        }
    }
}

impl Visitor for Expansion {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        let mut frame = Frame {
            names: ctes.map(|cte| cte.alias.name.to_string()).collect(),
            ..Frame::default()
        };
        if let SetExpr::Values(values) = &*query.body {
            frame.size.tables = 1;
            frame.width = values.rows.first().map_or(0, |row| row.len() as u64);
        }
        self.frames.push(frame);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        let visited = self.frames.pop().unwrap_or_default();
        let width = visited.width.max(1);
        self.subquery_width = width;
        if let Some(outer) = self.frames.last_mut() {
            let size = visited.size;
            match outer.names.get(outer.queries) {
                Some(name) => {
                    outer.ctes.insert(name.clone(), Relation { size, width });
                }
                None => {
                    outer.size.add(size);
                    outer.width = outer.width.max(width);
                }
            }
            outer.queries += 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let relation = self.relation(&relation.to_string());
        if let Some(frame) = self.frames.last_mut() {
            frame.size.add(relation.size);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let alias =
            |alias: &Option<TableAlias>| alias.as_ref().map(|alias| alias.name.value.clone());
        match factor {
            TableFactor::Table {
                name, alias: to, ..
            } => {
                let width = self.relation(&name.to_string()).width;
                self.add_from(alias(to).unwrap_or_else(|| last_part(name)), width);
            }
            TableFactor::Derived { alias: to, .. } => {
                self.add_from(alias(to).unwrap_or_default(), self.subquery_width);
            }
            TableFactor::NestedJoin { .. } => {}
            _ => self.add_from(String::new(), 1),
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let GroupByExpr::Expressions(expressions, _) = &select.group_by {
            self.group_by(expressions);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let Some(frame) = self.frames.last_mut() else {
            return ControlFlow::Continue(());
        };
        let items = select.projection.iter().map(|item| frame.item_width(item));
        let width = items.fold(0, u64::saturating_add);
        let is_constant = frame.from.is_empty();
        frame.size.add(Size {
            tables: is_constant.into(),
            columns: width,
        });
        frame.width = frame.width.max(width);
        frame.from.clear();
        frame.from_width = 0;
        self.compared = self.compared.saturating_add(width.saturating_mul(width));
        ControlFlow::Continue(())
    }
}

/// Returns the name of a relation without its schema.
fn last_part(name: &ObjectName) -> String {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.map(|last| last.value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn expanded(sql: &str) -> Expansion {
        let statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        let view = |tables, columns, width| Relation {
            size: Size { tables, columns },
            width,
        };
        let wide = ("w".to_owned(), view(1, 100, 100));
        let relations = HashMap::from([("v".to_owned(), view(7, 30, 3)), wide]);
        expansion(&statements[0], relations)
    }

    #[test]
    fn tables_are_counted_as_often_as_they_are_read() {
        for (sql, tables) in [
            ("SELECT 1", 1),
            ("SELECT (SELECT 1) FROM (VALUES (1), (2)) AS v", 2),
            (
                "WITH a AS (SELECT 1), b AS (SELECT * FROM a, a) SELECT * FROM b, b",
                4,
            ),
            ("SELECT * FROM t, t JOIN u USING (a)", 3),
            ("SELECT * FROM v, t WHERE a IN (SELECT a FROM v)", 15),
            ("WITH c AS (SELECT * FROM t, u) SELECT * FROM c, c", 4),
            (
                "WITH a AS (SELECT * FROM t), b AS (SELECT * FROM a, a), c AS (SELECT * FROM b, b)
                 SELECT * FROM c, c",
                8,
            ),
            // One that nothing reads is not planned.
            ("WITH c AS (SELECT * FROM t, u) SELECT * FROM t", 1),
            // A CTE hides a view, and one within another hides that.
            ("WITH v AS (SELECT * FROM t) SELECT * FROM v", 1),
            (
                "WITH c AS (SELECT * FROM t), d AS (WITH c AS (SELECT * FROM v) SELECT * FROM c)
                 SELECT * FROM c, d",
                8,
            ),
            (
                "WITH RECURSIVE c AS (SELECT * FROM t UNION ALL SELECT * FROM c) SELECT * FROM c",
                2,
            ),
            ("CREATE VIEW w AS SELECT * FROM v, v", 14),
        ] {
            assert_eq!(expanded(sql).size().tables, tables, "{sql}");
        }
    }

    #[test]
    fn grouping_sets_are_multiplied() {
        for (sql, sets) in [
            ("SELECT 1", 0),
            ("SELECT 1 FROM t GROUP BY a, b", 0),
            ("SELECT 1 FROM t GROUP BY CUBE (a, b, c)", 8),
            ("SELECT 1 FROM t GROUP BY CUBE (a, b), ROLLUP (c, d)", 12),
            ("SELECT 1 FROM t GROUP BY GROUPING SETS ((a), (b), ())", 3),
        ] {
            assert_eq!(expanded(sql).grouping_sets, sets, "{sql}");
        }
        let many: Vec<_> = (0..80).map(|n| format!("a{n}")).collect();
        let sql = format!("SELECT 1 FROM t GROUP BY CUBE ({})", many.join(", "));
        assert_eq!(expanded(&sql).grouping_sets, u64::MAX);
    }

    #[test]
    fn columns_are_counted_in_each_operator() {
        for (sql, columns, compared) in [
            ("SELECT 1, 2, 3", 3, 9),
            ("VALUES (1, 2), (3, 4)", 0, 0),
            // The table itself, its place in FROM, and the list.
            ("SELECT * FROM w", 300, 10_000),
            ("SELECT a FROM w", 201, 1),
            ("SELECT x.a FROM w x, v, w y", 230 + 100 + 103 + 203 + 1, 1),
            (
                "SELECT x.*, v.*, nothing.* FROM w x, v, w",
                230 + 406 + 306,
                306 * 306,
            ),
            (
                "SELECT * FROM (SELECT x.*, 1 FROM w x) y",
                200 + 101 + 101 + 101,
                2 * 101 * 101,
            ),
            (
                "WITH c AS (SELECT * FROM w, w) SELECT 1 FROM c, c",
                2 * (200 + 300 + 200) + 600 + 1,
                200 * 200 + 1,
            ),
            (
                "SELECT 1 FROM (VALUES (1, 2, 3)) a, (w b JOIN w c ON true)",
                200 + 3 + 103 + 203 + 1,
                1,
            ),
        ] {
            let found = expanded(sql);
            assert_eq!(
                (found.size().columns, found.compared),
                (columns, compared),
                "{sql}"
            );
        }
    }
}
