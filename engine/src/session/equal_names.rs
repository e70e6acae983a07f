//! Columns of equal names in a select list: `SELECT a, a`, `SELECT 1, 1`.
//!
//! DataFusion's planner refuses them, and its schemas allow them where their qualifiers differ, as
//! `t.a` and `u.a` of a join. A query that it refuses is planned again with names of their own for
//! the columns that may be equal, and a projection above it gives them their names back, with
//! qualifiers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, Result as DfResult, TableReference};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{
    Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder, Projection, Statement as PlanStatement,
};
use datafusion::sql::parser::Statement as DfStatement;
use fusebox_runtime::{Error, Result};
use sqlparser::ast::Ident;

use super::inserted_values::with_nullable_values;
use super::query;
use super::select_lists::{
    Purpose, first_select, mentioned_names, name_of, query_of, rename, renamed_items,
};

/// Begin of the names of renamed columns, before their numbers.
const PREFIX: &str = "__fusebox_column_";

/// Plans a statement, with columns of equal names in its select list.
///
/// # Errors
///
/// Those of DataFusion; [`Error::Syntax`] if the result is sorted by one of several columns of a
/// name, and a refusal of a relation with two columns of a name.
pub(super) async fn plan_statement(
    mut statement: DfStatement,
    state: &SessionState,
) -> Result<LogicalPlan> {
    let renamed = Renamed::of(&mut statement, state);
    let planned = state.statement_to_plan(statement).await;
    match (planned, renamed) {
        (Err(refusal), Some(renamed)) => renamed.plan(refusal, state).await,
        (planned, _) => planned.and_then(with_nullable_values).map_err(query),
    }
}

/// Statement whose query has columns with names of their own.
struct Renamed {
    statement: DfStatement,
    purpose: Purpose,
    /// Aliases that the statement states for the renamed columns, by their new names.
    aliases: HashMap<String, Option<String>>,
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
    fn of(statement: &mut DfStatement, state: &SessionState) -> Option<Self> {
        let folds = state.config_options().sql_parser.enable_ident_normalization;
        let (query, _) = query_of(statement)?;
        let renamed = renamed_items(first_select(query)?);
        if renamed.is_empty() {
            return None;
        }
        let mut statement = statement.clone();
        let (query, purpose) = query_of(&mut statement)?;
        let mentioned = mentioned_names(query, folds);
        let select = first_select(query)?;
        let mut aliases = HashMap::new();
        for index in renamed {
            let new = format!("{PREFIX}{}", index + 1);
            let item = select.projection.get_mut(index)?;
            let alias = rename(item, Ident::with_quote('"', &new));
            aliases.insert(new, alias.map(|alias| name_of(&alias, folds)));
        }
        Some(Self {
            statement,
            purpose,
            aliases,
            mentioned,
        })
    }

    /// Plans the statement, and gives the columns their names back. A statement that is refused
    /// all the same has the error that it has with the names that the user knows.
    async fn plan(self, refusal: DataFusionError, state: &SessionState) -> Result<LogicalPlan> {
        let plan = match state.statement_to_plan(self.statement.clone()).await {
            Ok(plan) => plan,
            Err(error) if error.to_string().contains(PREFIX) => return Err(query(refusal)),
            Err(error) => return Err(query(error)),
        };
        let Some(columns) = self.columns(&plan) else {
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
            Purpose::Source => Ok(plan),
            Purpose::Result => with_names(plan, &columns).map_err(query),
            Purpose::Relation => Err(match twice(&columns) {
                Some(name) => query(DataFusionError::Plan(format!(
                    "expected columns of different names, found `{name}` twice: rename one with AS"
                ))),
                None => query(refusal),
            }),
        }
    }

    /// Returns the columns of the select list, as a plan has them; `None` if they are not found,
    /// or names of DataFusion's own are among them.
    fn columns(&self, plan: &LogicalPlan) -> Option<Vec<ResultColumn>> {
        let projection = self.projection(plan)?;
        let columns = projection.expr.iter().map(|expr| self.column(expr));
        let columns: Vec<_> = columns.collect();
        let is_internal = |column: &ResultColumn| column.name.starts_with("__unnest_placeholder");
        (!columns.iter().any(is_internal)).then_some(columns)
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

/// Returns the first name that two columns have.
fn twice(columns: &[ResultColumn]) -> Option<&str> {
    let mut seen = HashSet::new();
    let mut names = columns.iter().map(|column| column.name.as_str());
    names.find(|name| !seen.insert(*name))
}

/// Gives the columns of a query their names. Those of one name have different qualifiers.
fn with_names(plan: LogicalPlan, columns: &[ResultColumn]) -> DfResult<LogicalPlan> {
    if let LogicalPlan::Statement(PlanStatement::Prepare(mut prepare)) = plan {
        let input = with_names(Arc::unwrap_or_clone(prepare.input), columns)?;
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
            _ => (planned, relation.cloned(), field.name().clone()),
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
