//! Columns of equal names in a select list: `SELECT a, a`, `SELECT 1, 1`, and the same in
//! subqueries.
//!
//! DataFusion's planner refuses them, and its schemas allow them where their qualifiers differ, as
//! `t.a` and `u.a` of a join. A query that it refuses is planned again with names of their own for
//! the columns that may be equal, and a projection above it gives them their names back, with
//! qualifiers.

// Select lists of subqueries.
mod nested;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, Result as DfResult, TableReference};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{
    Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, Projection, Statement as PlanStatement,
};
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{Expr, Ident, Query, visit_expressions};

use super::inserted_values::{stated_nulls, with_nullable_values, with_stated_nulls};
use super::order_by_all::plan_order_by_all;
use super::query;
use super::select_lists::{
    Purpose, RENAMED_PREFIX, Reach, first_select, mentioned_names, name_of, query_of, rename,
    renamed_items,
};
use crate::single_values::with_single_values;
use nested::Nested;

/// Plans a statement, with columns of equal names in its select lists, and with the nulls that it
/// states for the columns of a table.
///
/// # Errors
///
/// Those of DataFusion; [`Error::Syntax`] if the result is sorted by one of several columns of a
/// name, and a refusal of a relation with two columns of a name.
pub(super) async fn plan_statement(
    statement: DfStatement,
    state: &SessionState,
) -> Result<LogicalPlan> {
    let nulls = stated_nulls(&statement);
    let plan = plan_select_lists(statement, state).await?;
    let plan = with_stated_nulls(plan, nulls).map_err(query)?;
    with_single_values(plan).map_err(query)
}

/// Plans a statement, with columns of equal names in its select lists.
async fn plan_select_lists(
    mut statement: DfStatement,
    state: &SessionState,
) -> Result<LogicalPlan> {
    if let Some((query, _)) = query_of(&mut statement) {
        plan_order_by_all(query, state).await;
    }
    let selects = query_of(&mut statement);
    let has_select =
        selects.is_some_and(|(query, _)| first_select(query).is_some() || has_subquery(query));
    let copy = has_select.then(|| statement.clone());
    let (mut refusal, statement) = match (state.statement_to_plan(statement).await, copy) {
        (Err(refusal), Some(copy)) => (refusal, copy),
        (planned, _) => return planned.and_then(with_nullable_values).map_err(query),
    };
    for reach in [Reach::Text, Reach::Expressions] {
        let is_about_names = is_about_names(&refusal);
        let renamed = Renamed::of(&statement, reach, state);
        let renamed = renamed.filter(|renamed| is_about_names || renamed.is_by_text(reach));
        let Some(renamed) = renamed else {
            continue;
        };
        match state.statement_to_plan(renamed.statement.clone()).await {
            Ok(plan) => return renamed.named(plan, refusal),
            // The error that the statement has with the names that the user knows.
            Err(error) if error.to_string().contains(RENAMED_PREFIX) => {}
            Err(error) => refusal = error,
        }
    }
    Err(query(refusal))
}

/// Returns true if an expression of a query is one of a subquery.
fn has_subquery(query: &Query) -> bool {
    let visited = visit_expressions(query, |expr: &Expr| match expr {
        Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Subquery(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    visited.is_break()
}

/// Returns true for an error about columns of equal names.
fn is_about_names(error: &DataFusionError) -> bool {
    let text = error.to_string();
    ["require unique expression names", "contains duplicate "]
        .iter()
        .any(|words| text.contains(words))
}

/// Statement whose query has columns with names of their own.
struct Renamed {
    statement: DfStatement,
    purpose: Purpose,
    /// Aliases that the statement states for the renamed columns, by their new names.
    aliases: HashMap<String, Option<String>>,
    /// Renamed columns of subqueries.
    nested: Nested,
    /// Names by which the query sorts or filters its result.
    mentioned: HashSet<String>,
}

/// Column of a result.
struct ResultColumn {
    /// Name in the plan.
    planned: String,
    relation: Option<TableReference>,
    name: String,
    /// Expression without aliases.
    meaning: PlanExpr,
}

impl Renamed {
    /// Renames the columns of a query that may have the names of others; `None` if there are none.
    fn of(statement: &DfStatement, reach: Reach, state: &SessionState) -> Option<Self> {
        let folds = state.config_options().sql_parser.enable_ident_normalization;
        let mut statement = statement.clone();
        let (query, purpose) = query_of(&mut statement)?;
        let mentioned = mentioned_names(query, folds);
        let columns = first_select(query).map_or(0, |select| select.projection.len());
        let nested = Nested::rename(query, reach, folds, columns);
        if nested.has_by_name && !nested.aliases.is_empty() {
            return None;
        }
        let mut aliases = HashMap::new();
        // `VALUES` have subqueries alone.
        if let Some(select) = first_select(query) {
            for index in renamed_items(select, reach) {
                let new = format!("{RENAMED_PREFIX}{}", index + 1);
                let item = select.projection.get_mut(index)?;
                let alias = rename(item, Ident::with_quote('"', &new));
                aliases.insert(new, alias.map(|alias| name_of(&alias, folds)));
            }
        }
        let is_renamed = !aliases.is_empty() || !nested.aliases.is_empty();
        is_renamed.then_some(Self {
            statement,
            purpose,
            aliases,
            nested,
            mentioned,
        })
    }

    /// Returns true if the text of the select list tells that columns may have equal names.
    fn is_by_text(&self, reach: Reach) -> bool {
        reach == Reach::Text && !self.aliases.is_empty()
    }

    /// Gives the columns of a plan their names back. A statement that is refused all the same has
    /// the error that it has with the names that the user knows.
    fn named(self, plan: LogicalPlan, refusal: DataFusionError) -> Result<LogicalPlan> {
        let columns = self.columns(&plan);
        let (Some(columns), Some(nested)) = (columns, self.nested_names(&plan)) else {
            return Err(query(refusal));
        };
        for name in &self.mentioned {
            let named = columns.iter().filter(|column| column.name == *name);
            let named: Vec<_> = named.collect();
            if named.iter().any(|other| other.meaning != named[0].meaning) {
                return Err(Error::Syntax(format!(
                    "expected one column of the name `{name}`, by which the result is sorted or \
                     filtered, found several: rename one with AS, or sort by its number"
                )));
            }
            // The name of a renamed alias would find a column of a table instead.
            let is_renamed =
                |column: &&ResultColumn| matches!(self.aliases.get(&column.planned), Some(Some(_)));
            if !named.is_empty() && named.iter().all(is_renamed) {
                return Err(query(refusal));
            }
        }
        match self.purpose {
            Purpose::Source => with_nullable_values(plan).map_err(query),
            Purpose::Result => with_names(plan, &columns, &nested).map_err(query),
            Purpose::Relation if self.aliases.is_empty() => match nested_output(&plan, &nested) {
                Some(name) => Err(twice(name)),
                None => Ok(plan),
            },
            Purpose::Relation => Err(match first_twice(&columns) {
                Some(name) => twice(name),
                None => query(refusal),
            }),
        }
    }

    /// Returns the names that renamed columns of subqueries have without it; `None` if they are
    /// not known, or are mentioned.
    fn nested_names(&self, plan: &LogicalPlan) -> Option<HashMap<String, String>> {
        let mut names = HashMap::new();
        plan.apply(|node| {
            if let LogicalPlan::Projection(projection) = node {
                for expr in &projection.expr {
                    if let PlanExpr::Alias(alias) = expr
                        && let Some(stated) = self.nested.aliases.get(&alias.name)
                    {
                        let own = || alias.expr.qualified_name().1;
                        let name = stated.clone().unwrap_or_else(own);
                        names.insert(alias.name.clone(), name);
                    }
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .ok()?;
        let is_text = |name: &String| !name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let mut texts = names.values().filter(|name| is_text(name));
        let is_unknown = texts.any(|name| is_internal(name) || self.nested.mentions(name));
        (!is_unknown).then_some(names)
    }

    /// Returns the columns of the select list, as a plan has them; `None` if they are not found,
    /// or names of DataFusion's own are among them.
    fn columns(&self, plan: &LogicalPlan) -> Option<Vec<ResultColumn>> {
        if self.aliases.is_empty() {
            return Some(Vec::new());
        }
        let projection = self.projection(plan)?;
        let columns = projection.expr.iter().map(|expr| self.column(expr));
        let columns: Vec<_> = columns.collect();
        let has_internal = columns.iter().any(|column| is_internal(&column.name));
        (!has_internal).then_some(columns)
    }

    fn column(&self, expr: &PlanExpr) -> ResultColumn {
        let (own_relation, planned) = expr.qualified_name();
        let meaning = expr.clone().unalias_nested().data;
        let (relation, name) = match (self.aliases.get(&planned), expr) {
            (Some(Some(alias)), _) => (None, alias.clone()),
            (Some(None), PlanExpr::Alias(alias)) => alias.expr.qualified_name(),
            _ => (own_relation, planned.clone()),
        };
        ResultColumn {
            planned,
            relation,
            name,
            meaning,
        }
    }

    /// Finds the projection that has the renamed columns.
    fn projection<'a>(&self, plan: &'a LogicalPlan) -> Option<&'a Projection> {
        let is_renamed = |expr: &PlanExpr| match expr {
            PlanExpr::Alias(alias) => self.aliases.contains_key(&alias.name),
            _ => false,
        };
        let mut found = None;
        plan.apply(|node| {
            if let LogicalPlan::Projection(projection) = node
                && projection.expr.iter().any(is_renamed)
            {
                found = Some(projection);
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .ok()?;
        found
    }
}

/// Returns true for names that DataFusion's planner makes.
fn is_internal(name: &str) -> bool {
    name.starts_with("__unnest_placeholder")
}

/// Returns the first name that two columns have.
fn first_twice(columns: &[ResultColumn]) -> Option<&str> {
    let mut seen = HashSet::new();
    let mut names = columns.iter().map(|column| column.name.as_str());
    names.find(|name| !seen.insert(*name))
}

fn twice(name: &str) -> Error {
    query(DataFusionError::Plan(format!(
        "expected columns of different names, found `{name}` twice: rename one with AS"
    )))
}

/// Returns the name of the first column of a new relation or file that a subquery has twice.
fn nested_output<'a>(plan: &LogicalPlan, nested: &'a HashMap<String, String>) -> Option<&'a str> {
    let output = plan.inputs();
    let fields = output.iter().flat_map(|input| input.schema().fields());
    let mut names = fields.filter_map(|field| nested.get(field.name()));
    names.next().map(String::as_str)
}

/// Gives the columns of a query their names. Those of one name have different qualifiers.
fn with_names(
    plan: LogicalPlan,
    columns: &[ResultColumn],
    nested: &HashMap<String, String>,
) -> DfResult<LogicalPlan> {
    if let LogicalPlan::Statement(PlanStatement::Prepare(mut prepare)) = plan {
        let input = with_names(Arc::unwrap_or_clone(prepare.input), columns, nested)?;
        prepare.input = Arc::new(input);
        return Ok(LogicalPlan::Statement(PlanStatement::Prepare(prepare)));
    }
    let by_name: HashMap<&str, &ResultColumn> = columns
        .iter()
        .map(|column| (column.planned.as_str(), column))
        .collect();
    let output = plan.schema().iter();
    let output = output.map(|(relation, field)| {
        let planned = PlanExpr::Column(Column::new(relation.cloned(), field.name()));
        match by_name.get(field.name().as_str()) {
            Some(column) if column.name != column.planned => {
                (planned, column.relation.clone(), column.name.clone())
            }
            _ => {
                let name = nested.get(field.name()).unwrap_or(field.name());
                (planned, relation.cloned(), name.clone())
            }
        }
    });
    let output: Vec<_> = output.collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, _, name) in &output {
        *counts.entry(name.clone()).or_default() += 1;
    }
    let mut used = HashSet::new();
    let exprs = output.into_iter().zip(1..);
    let exprs = exprs.map(|((planned, relation, name), number)| {
        let is_shared = counts.get(&name).is_some_and(|count| *count > 1);
        // A cast of `t.a` has the name `t.a` without a qualifier.
        let is_free = used.insert(match &relation {
            Some(relation) => format!("{relation}.{name}"),
            None => name.clone(),
        });
        let relation = match is_shared && relation.is_none() || !is_free {
            true => Some(TableReference::bare(format!("column {number}"))),
            false => relation,
        };
        match planned.qualified_name() == (relation.clone(), name.clone()) {
            true => planned,
            false => planned.alias_qualified(relation, name),
        }
    });
    let exprs: Vec<_> = exprs.collect();
    LogicalPlanBuilder::from(plan).project(exprs)?.build()
}
