//! Bounds of what a short statement expands to.
//!
//! DataFusion plans a CTE and a view anew for each reference, lists all grouping sets of a CUBE,
//! compares each column of a select list with all others, and puts the expressions of subqueries
//! into filters: a few hundred bytes would plan for minutes and take gigabytes, in no account.

// Counts of a statement.
mod statement;

// Counts of a plan.
mod plan;

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, TableReference};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{ObjectName, Visit, Visitor};
use fusebox_runtime::{Error, Result};

use super::query;
use plan::PlanCounts;
use statement::expansion;

/// Tables that a statement may read, each as often as CTEs and views repeat it. A plan of as many
/// takes seconds.
const TABLES_MAX: u64 = 4_096;

/// Grouping sets that a statement may have, as DataFusion's own limit, which comes late for CUBE.
const GROUPING_SETS_MAX: u64 = 4_096;

/// Columns of all operators of a plan: a join has those of both sides again. A plan of as many
/// takes seconds and some 200 MB.
const COLUMNS_MAX: u64 = 1_000_000;

/// Columns of a select list. DataFusion compares each with all before it, which takes seconds.
const LIST_MAX: u64 = 10_000;

/// Nodes that filters may grow by, when the columns of subqueries become their expressions. Filters
/// of as many are planned for seconds.
const FILTER_GROWTH_MAX: u64 = 1 << 16;

/// Size of what is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    /// Tables, each as often as it is read. Rows of constants are one.
    tables: u64,
    /// Columns of all operators.
    columns: u64,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.tables = self.tables.saturating_add(other.tables);
        self.columns = self.columns.saturating_add(other.columns);
    }
}

/// Table, view or CTE that a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Relation {
    size: Size,
    /// Number of its columns.
    width: u64,
}

impl Relation {
    /// A table of which nothing is known yet.
    const TABLE: Self = Self {
        size: Size {
            tables: 1,
            columns: 1,
        },
        width: 1,
    };
}

/// Checks what a statement expands to, before it is planned.
///
/// # Errors
///
/// [`Error::Query`] for too many tables, columns or grouping sets.
pub(super) async fn check_expansion(statement: &DfStatement, state: &SessionState) -> Result<()> {
    let statement = match statement {
        DfStatement::Statement(statement) => statement,
        DfStatement::Explain(explain) => match &*explain.statement {
            DfStatement::Statement(statement) => statement,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let mut names = Names::default();
    let _ = statement.visit(&mut names);
    let mut relations = HashMap::new();
    for name in names.0 {
        let relation = relation(&name, state).await?;
        relations.insert(name, relation);
    }
    let expansion = expansion(statement, relations);
    check_size(expansion.size())?;
    check_count(
        expansion.grouping_sets,
        GROUPING_SETS_MAX,
        "grouping sets",
        "group by fewer expressions",
    )?;
    check_count(
        expansion.compared.isqrt(),
        LIST_MAX,
        "columns in a select list, or fewer in each of several",
        "select those that are needed",
    )
}

/// Checks what a plan expands to, before it is optimized.
///
/// # Errors
///
/// [`Error::Query`] for too many tables or columns, and filters that would grow too much.
pub(super) fn check_planned(plan: &LogicalPlan) -> Result<()> {
    let counts = PlanCounts::of(plan).map_err(query)?;
    check_size(counts.size)?;
    check_count(
        counts.filter_growth,
        FILTER_GROWTH_MAX,
        "columns of subqueries in filters, counted through the expressions of all subqueries",
        "create a table of the innermost",
    )
}

fn check_size(size: Size) -> Result<()> {
    check_count(
        size.tables,
        TABLES_MAX,
        "tables, those of CTEs and views as often as they are read",
        "create a table of a part that is read often",
    )?;
    check_count(
        size.columns,
        COLUMNS_MAX,
        "columns in all joins and subqueries together",
        "select those that are needed before joining",
    )
}

fn check_count(found: u64, max: u64, what: &str, remedy: &str) -> Result<()> {
    if found <= max {
        return Ok(());
    }
    let message = format!("expected at most {max} {what}, found {found}; {remedy}");
    Err(Error::Query(Box::new(DataFusionError::Plan(message))))
}

/// Returns the relation of a name.
async fn relation(name: &str, state: &SessionState) -> Result<Relation> {
    let Ok(schema) = state.schema_for_ref(name) else {
        return Ok(Relation::TABLE);
    };
    let table = TableReference::from(name);
    // One that is none yet may be a file, which is not read for this.
    if !schema.table_exist(table.table()) {
        return Ok(Relation::TABLE);
    }
    let Some(table) = schema.table(table.table()).await.map_err(query)? else {
        return Ok(Relation::TABLE);
    };
    let width = table.schema().fields().len() as u64;
    let size = match table.get_logical_plan() {
        Some(plan) => PlanCounts::of(&plan).map_err(query)?.size,
        None => Size {
            tables: 1,
            columns: width,
        },
    };
    Ok(Relation { size, width })
}

/// Names of relations.
#[derive(Default)]
struct Names(Vec<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let name = relation.to_string();
        if !self.0.contains(&name) {
            self.0.push(name);
        }
        ControlFlow::Continue(())
    }
}
