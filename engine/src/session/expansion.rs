//! Bounds of what a short statement expands to.
//!
//! DataFusion plans a CTE and a view anew for each reference, and lists all grouping sets of a
//! CUBE: a few hundred bytes would plan for minutes and take gigabytes, in no account.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, TableReference};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, ObjectName, Query, Select, Statement, Visit, Visitor,
};
use fusebox_runtime::{Error, Result};

use super::query;

/// Tables that a statement may read, each as often as CTEs and views repeat it. A plan of as many
/// takes seconds.
const TABLES_MAX: u64 = 4_096;

/// Grouping sets that a statement may have, as DataFusion's own limit, which comes late for CUBE.
const GROUPING_SETS_MAX: u64 = 4_096;

/// Checks what a statement expands to.
///
/// # Errors
///
/// [`Error::Query`] for too many tables or grouping sets.
pub(super) async fn check_expansion(statement: &DfStatement, state: &SessionState) -> Result<()> {
    let statement = match statement {
        DfStatement::Statement(statement) => statement,
        DfStatement::Explain(explain) => match &*explain.statement {
            DfStatement::Statement(statement) => statement,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let mut names = Relations::default();
    let _ = statement.visit(&mut names);
    let mut views = HashMap::new();
    for name in names.0 {
        let tables = tables_of_view(&name, state).await?;
        views.insert(name, tables);
    }
    expansion(statement, views).check()
}

fn expansion(statement: &Statement, views: HashMap<String, u64>) -> Expansion {
    let mut expansion = Expansion {
        views,
        frames: vec![Frame::default()],
        grouping_sets: 0,
    };
    let _ = statement.visit(&mut expansion);
    expansion
}

/// Returns the number of tables that a relation stands for.
async fn tables_of_view(name: &str, state: &SessionState) -> Result<u64> {
    let Ok(schema) = state.schema_for_ref(name) else {
        return Ok(1);
    };
    let table = TableReference::from(name);
    // One that is none yet may be a file, which is not read for this.
    if !schema.table_exist(table.table()) {
        return Ok(1);
    }
    let table = schema.table(table.table()).await.map_err(query)?;
    let plan = table.as_ref().and_then(|table| table.get_logical_plan());
    Ok(plan.map_or(1, |plan| tables(&plan)))
}

/// Counts the tables of a plan, views in it included.
fn tables(plan: &LogicalPlan) -> u64 {
    let mut count = 0_u64;
    let visited = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let view = scan.source.get_logical_plan();
            count = count.saturating_add(view.map_or(1, |view| tables(&view)));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.map_or(u64::MAX, |_| count.max(1))
}

/// Names of relations.
#[derive(Default)]
struct Relations(Vec<String>);

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.to_string();
        if !self.0.contains(&name) {
            self.0.push(name);
        }
        ControlFlow::Continue(())
    }
}

/// A query that is visited.
#[derive(Default)]
struct Frame {
    /// Names of its CTEs, in order.
    names: Vec<String>,
    /// Queries directly in it that were visited: first those of its CTEs.
    queries: usize,
    /// Tables of each CTE.
    ctes: HashMap<String, u64>,
    /// Tables of the query itself.
    tables: u64,
}

/// Counts tables and grouping sets of a statement.
struct Expansion {
    views: HashMap<String, u64>,
    frames: Vec<Frame>,
    grouping_sets: u64,
}

impl Expansion {
    fn check(&self) -> Result<()> {
        let tables = self.frames.first().map_or(0, |frame| frame.tables);
        let (found, max, what, remedy) = if tables > TABLES_MAX {
            let remedy = "create a table of a part that is read often";
            (
                tables,
                TABLES_MAX,
                "tables, those of CTEs and views as often as they are read",
                remedy,
            )
        } else if self.grouping_sets > GROUPING_SETS_MAX {
            let remedy = "group by fewer expressions";
            (
                self.grouping_sets,
                GROUPING_SETS_MAX,
                "grouping sets",
                remedy,
            )
        } else {
            return Ok(());
        };
        let message = format!("expected at most {max} {what}, found {found}; {remedy}");
        let error = DataFusionError::Plan(message);
        Err(Error::Query(Box::new(error)))
    }

    /// The number of tables that a name stands for: of the CTE that it names, or else of a view.
    fn tables_of(&self, name: &str) -> u64 {
        let cte = self
            .frames
            .iter()
            .rev()
            .find_map(|frame| frame.ctes.get(name));
        let tables = cte.or_else(|| self.views.get(name));
        tables.copied().unwrap_or(1)
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
}

impl Visitor for Expansion {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.frames.push(Frame {
            names: ctes.map(|cte| cte.alias.name.to_string()).collect(),
            ..Frame::default()
        });
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        let visited = self.frames.pop().unwrap_or_default();
        if let Some(outer) = self.frames.last_mut() {
            match outer.names.get(outer.queries) {
                Some(name) => {
                    outer.ctes.insert(name.clone(), visited.tables);
                }
                None => outer.tables = outer.tables.saturating_add(visited.tables),
            }
            outer.queries += 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let tables = self.tables_of(&relation.to_string());
        if let Some(frame) = self.frames.last_mut() {
            frame.tables = frame.tables.saturating_add(tables);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let GroupByExpr::Expressions(expressions, _) = &select.group_by {
            self.group_by(expressions);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn expanded(sql: &str) -> (u64, u64) {
        let statements = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        let views = HashMap::from([("v".to_owned(), 7)]);
        let expansion = expansion(&statements[0], views);
        (expansion.frames[0].tables, expansion.grouping_sets)
    }

    #[test]
    fn tables_are_counted_as_often_as_they_are_read() {
        for (sql, tables) in [
            ("SELECT 1", 0),
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
            assert_eq!(expanded(sql).0, tables, "{sql}");
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
            assert_eq!(expanded(sql).1, sets, "{sql}");
        }
        let many: Vec<_> = (0..80).map(|n| format!("a{n}")).collect();
        let sql = format!("SELECT 1 FROM t GROUP BY CUBE ({})", many.join(", "));
        assert_eq!(expanded(&sql).1, u64::MAX);
    }
}
