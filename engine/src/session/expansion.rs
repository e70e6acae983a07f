//! Bounds of what a short statement expands to.
//!
//! DataFusion copies the plan of a CTE or a view for each reference, lists all grouping sets of a
//! CUBE, compares each column of a select list with all others, and puts the expressions of
//! subqueries into filters: a few hundred bytes would plan for minutes and take gigabytes, in no
//! account.

// Counts of a statement.
mod statement;

// Counts of a plan.
mod constants;
mod plan;

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, TableReference};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Visit, Visitor};
use fusebox_runtime::{Error, Result};

use super::query;
use constants::copied_constants;
use plan::{PlanCounts, plan_size};
use statement::{expansion, written_nodes};

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

/// Nodes that expressions may have besides those that are written: DataFusion copies operands of
/// some, expressions of CTEs and views as often as they are read, and filters to each input of a
/// union. As many are planned for seconds.
const COPIED_NODES_MAX: u64 = 500_000;

/// Nodes that filters may grow by, when the columns of subqueries become their expressions. Filters
/// of as many are planned for seconds.
const FILTER_GROWTH_MAX: u64 = 1 << 18;

/// Bytes of a constant in a statement that count as a node of an expression.
const NODE_BYTES: u64 = 512;

/// Bytes of constants, and of names of columns, that a plan may have besides those that are
/// written: a column without a name has the text of its constant.
const COPIED_BYTES_MAX: u64 = 256 << 20;

/// Nodes of the default of a column that `DEFAULT` in a statement stands for, and need not be
/// counted.
const DEFAULT_NODES: u64 = 16;

/// Size of what is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    /// Tables, each as often as it is read. Rows of constants are one.
    tables: u64,
    /// Columns of all operators.
    columns: u64,
    /// Nodes of all expressions, with the bytes of constants.
    nodes: u64,
    /// Bytes of the names of columns that operators have from those below them.
    names: u64,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.tables = self.tables.saturating_add(other.tables);
        self.columns = self.columns.saturating_add(other.columns);
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.names = self.names.saturating_add(other.names);
    }
}

/// Table, view or CTE that a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Relation {
    size: Size,
    /// Number of its columns.
    width: u64,
    /// Bytes of their names.
    names: u64,
}

impl Relation {
    /// A table of which nothing is known yet.
    const TABLE: Self = Self {
        size: Size {
            tables: 1,
            columns: 1,
            nodes: 0,
            names: 0,
        },
        width: 1,
        names: 0,
    };
}

/// Factors by which DataFusion copies the operands of an expression: of the last, and of those
/// before it.
#[derive(Clone, Copy)]
struct Copies {
    others: u64,
    last: u64,
}

impl Copies {
    const NONE: Self = Self { others: 1, last: 1 };
    /// `op ALL(array)` and `op ANY(array)`: comparisons with the least and the largest item, and
    /// with those that are null.
    const QUANTIFIED: Self = Self { others: 4, last: 6 };

    /// Returns those of a function. `coalesce(a, b)` becomes `CASE WHEN a IS NOT NULL THEN a …`.
    fn of_function(name: &str) -> Self {
        let coalesces = ["coalesce", "nvl", "ifnull"];
        let is_copied = coalesces
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other));
        match is_copied {
            true => Self { others: 2, last: 1 },
            false => Self::NONE,
        }
    }

    /// Returns the nodes of an expression with operands of these nodes.
    fn nodes(self, operands: &[u64]) -> u64 {
        let Some((last, others)) = operands.split_last() else {
            return 1;
        };
        let others = others.iter().copied().fold(0, u64::saturating_add);
        let last = last.saturating_mul(self.last);
        others
            .saturating_mul(self.others)
            .saturating_add(last)
            .saturating_add(1)
    }

    /// Returns the nodes of `operand BETWEEN low AND high`: two comparisons of the operand.
    fn between(operands: &[u64]) -> u64 {
        let operand = operands.first().copied().unwrap_or_default();
        Self::NONE.nodes(operands).saturating_add(operand)
    }
}

/// Checks what a statement expands to, before it is planned.
///
/// # Errors
///
/// [`Error::Query`] for too many tables, columns or grouping sets.
pub(super) async fn check_expansion(statement: &DfStatement, state: &SessionState) -> Result<()> {
    match statement {
        DfStatement::Statement(statement) => check_visited(&**statement, state).await,
        DfStatement::Explain(explain) => Box::pin(check_expansion(&explain.statement, state)).await,
        DfStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => check_visited(&**query, state).await,
            CopyToSource::Relation(name) => {
                let relation = table_reference(name, state)?;
                check_size(relation_of(&relation, state).await?.size)
            }
        },
        _ => Ok(()),
    }
}

/// Checks a statement or a query.
async fn check_visited(statement: &impl Visit, state: &SessionState) -> Result<()> {
    let is_normalized = state.config_options().sql_parser.enable_ident_normalization;
    let mut names = Names {
        is_normalized,
        found: HashMap::new(),
    };
    let _ = statement.visit(&mut names);
    let mut relations = HashMap::new();
    for (name, reference) in names.found {
        let relation = relation_of(&reference, state).await?;
        relations.insert(name, relation);
    }
    let expansion = expansion(statement, relations, is_normalized);
    check_size(expansion.size())?;
    check_count(
        expansion.grouping_sets,
        GROUPING_SETS_MAX,
        "grouping sets",
        "group by fewer expressions",
    )?;
    check_copied(expansion.copied_nodes())?;
    check_count(
        expansion.compared.isqrt(),
        LIST_MAX,
        "columns in a select list, or in the root of the sum of squares of several",
        "select those that are needed",
    )
}

/// Checks what a plan expands to, before it is optimized.
///
/// # Errors
///
/// [`Error::Query`] for too many tables or columns, and filters that would grow too much.
pub(super) fn check_planned(plan: &LogicalPlan) -> Result<()> {
    check_constants(plan)?;
    let counts = PlanCounts::of(plan).map_err(query)?;
    check_size(counts.size)?;
    check_copied(counts.copied_nodes)?;
    check_count(
        counts.filter_growth,
        FILTER_GROWTH_MAX,
        "columns of subqueries in filters, counted through the expressions of all subqueries",
        "create a table of the innermost",
    )
}

/// Checks the constants of a plan, before it is optimized: of a prepared one, those of its
/// parameters.
///
/// # Errors
///
/// [`Error::Query`] for constants that the optimizer would copy too often.
pub(super) fn check_constants(plan: &LogicalPlan) -> Result<()> {
    check_count(
        copied_constants(plan).map_err(query)?,
        COPIED_BYTES_MAX,
        "bytes of constants that are copied: for columns that stand for them, and operands of \
         coalesce and BETWEEN",
        "create a table of the large ones",
    )
}

/// Checks the defaults that `DEFAULT` stands for in a statement, each as often as it does.
///
/// # Errors
///
/// [`Error::Query`] for too many nodes of expressions.
pub(super) fn check_defaults<'a>(defaults: impl Iterator<Item = &'a Expr>) -> Result<()> {
    let nodes = defaults.map(|default| written_nodes(default).saturating_sub(DEFAULT_NODES));
    check_count(
        nodes.fold(0, u64::saturating_add),
        COPIED_NODES_MAX,
        "nodes of expressions for DEFAULT, 512 bytes of a constant being one",
        "insert fewer rows at a time",
    )
}

fn check_copied(nodes: u64) -> Result<()> {
    check_count(
        nodes,
        COPIED_NODES_MAX,
        "nodes of expressions that are copied: operands of coalesce, BETWEEN and ALL, and what CTEs \
         and views repeat",
        "create a table of a part that is read often, and of constants, of which 512 bytes are a \
         node",
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
    )?;
    check_count(
        size.names,
        COPIED_BYTES_MAX,
        "bytes of names of columns in all joins and subqueries together",
        "name large constants with AS",
    )
}

fn check_count(found: u64, max: u64, what: &str, remedy: &str) -> Result<()> {
    if found <= max {
        return Ok(());
    }
    let message = format!("expected at most {max} {what}, found {found}; {remedy}");
    Err(Error::Query(Box::new(DataFusionError::Plan(message))))
}

/// Returns what a name refers to, as DataFusion understands it.
fn table_reference(name: &ObjectName, state: &SessionState) -> Result<TableReference> {
    let is_normalized = state.config_options().sql_parser.enable_ident_normalization;
    object_name_to_table_reference(name.clone(), is_normalized).map_err(query)
}

/// Returns the relation of a name.
async fn relation_of(name: &TableReference, state: &SessionState) -> Result<Relation> {
    let Ok(schema) = state.schema_for_ref(name.clone()) else {
        return Ok(Relation::TABLE);
    };
    // One that is none yet may be a file, which is not read for this.
    if !schema.table_exist(name.table()) {
        return Ok(Relation::TABLE);
    }
    // The planner reports one that cannot be opened, unless the name is that of a CTE.
    let Ok(Some(table)) = schema.table(name.table()).await else {
        return Ok(Relation::TABLE);
    };
    let schema = table.schema();
    let width = schema.fields().len() as u64;
    let names = schema
        .fields()
        .iter()
        .map(|field| field.name().len() as u64);
    let names = names.fold(0, u64::saturating_add);
    let size = match table.get_logical_plan() {
        Some(plan) => plan_size(&plan).map_err(query)?,
        None => Size {
            tables: 1,
            columns: width,
            nodes: 0,
            names: 0,
        },
    };
    Ok(Relation { size, width, names })
}

/// Relations that a statement names, by the texts with which DataFusion compares them.
struct Names {
    is_normalized: bool,
    found: HashMap<String, TableReference>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        // The planner refuses a name that cannot be one.
        if let Ok(name) = object_name_to_table_reference(relation.clone(), self.is_normalized) {
            self.found.insert(name.to_string(), name);
        }
        ControlFlow::Continue(())
    }
}
