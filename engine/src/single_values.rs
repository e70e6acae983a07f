//! Analyzer rule for subqueries that are values and name columns of the outer query, as in
//! `SELECT (SELECT v FROM u WHERE u.id = o.id) FROM o`. DataFusion plans those that aggregate, as a
//! join with the groups; others are refused, though they have one row.
//!
//! The rows of a group become a list, of which the outer query takes the only item. So groups that
//! no row of the outer query has may have several.

// The function that takes the only item.
mod function;

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::functions_aggregate::array_agg::array_agg;
use datafusion::logical_expr::{
    Aggregate, DdlStatement, Expr, JoinType, LogicalPlan, Projection, ScalarUDF, Subquery,
};
use datafusion::optimizer::AnalyzerRule;

use function::SingleValue;

/// Name of the values of a subquery.
const VALUE: &str = "__value";

/// Name of the list of a group.
const LIST: &str = "__values";

/// Adds the rule to the state of a session, before the one that computes the types anew.
pub(crate) fn add_rule(builder: &mut SessionStateBuilder) {
    if let Some(analyzer) = builder.analyzer() {
        analyzer.rules.insert(0, Arc::new(SingleValues));
    }
}

/// Aggregates correlated subqueries that are values.
#[derive(Debug)]
struct SingleValues;

impl AnalyzerRule for SingleValues {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        aggregate_values(plan)
    }

    fn name(&self) -> &'static str {
        "single_values"
    }
}

/// Aggregates the subqueries of a view, which DataFusion checks without the rules of a session when
/// it is created.
///
/// # Errors
///
/// Any error of the changed plan.
pub(crate) fn with_single_values(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateView(mut view)) => {
            view.input = Arc::new(aggregate_values(Arc::unwrap_or_clone(view.input))?);
            Ok(LogicalPlan::Ddl(DdlStatement::CreateView(view)))
        }
        other => Ok(other),
    }
}

fn aggregate_values(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match &node {
        // DataFusion has no joins for the subqueries of others.
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) => aggregate_subqueries(node),
        _ => Ok(Transformed::no(node)),
    })
    .data()
}

fn aggregate_subqueries(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut has_subquery = false;
    node.apply_expressions(|expr| {
        has_subquery |= expr.exists(|expr| Ok(values_of(expr).is_some()))?;
        Ok(match has_subquery {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    if !has_subquery {
        return Ok(Transformed::no(node));
    }
    node.map_expressions(|expr| {
        expr.transform_up(|expr| match values_of(&expr) {
            Some((subquery, values)) => single_value(subquery, values).map(Transformed::yes),
            None => Ok(Transformed::no(expr)),
        })
    })
}

/// Returns the correlated subquery that is an expression, with the projection of its values, if it
/// has one and aggregates nothing.
fn values_of(expr: &Expr) -> Option<(&Subquery, &Projection)> {
    let Expr::ScalarSubquery(subquery) = expr else {
        return None;
    };
    let LogicalPlan::Projection(values) = subquery.subquery.as_ref() else {
        return None;
    };
    let [value] = values.expr.as_slice() else {
        return None;
    };
    let is_correlated = !subquery.outer_ref_columns.is_empty();
    let has_one_row = subquery.subquery.max_rows().is_some_and(|rows| rows <= 1);
    let is_value = is_correlated && !has_one_row && !value.contains_outer();
    let is_value = is_value && !has_subquery(&subquery.subquery);
    (is_value && is_plain(&values.input)).then_some((subquery, values))
}

/// Returns true if an expression of a plan has a subquery: with one within the other, DataFusion's
/// join would lose rows.
fn has_subquery(plan: &LogicalPlan) -> bool {
    let is_subquery = |expr: &Expr| {
        matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
        )
    };
    let mut found = false;
    let visited = plan.apply(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(is_subquery(expr)))?;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    found || visited.is_err()
}

/// Returns true for a plan of which DataFusion takes the conditions with outer columns to a join,
/// without a change of its groups, order or number of rows.
fn is_plain(plan: &LogicalPlan) -> bool {
    if plan.all_out_ref_exprs().is_empty() {
        return !matches!(plan, LogicalPlan::Aggregate(_));
    }
    match plan {
        LogicalPlan::Filter(filter) => is_plain(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => is_plain(&alias.input),
        LogicalPlan::Projection(projection) => is_plain(&projection.input),
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => {
            is_plain(&join.left) && is_plain(&join.right)
        }
        _ => false,
    }
}

/// Returns the only value of a subquery.
///
/// The columns have names of their own: DataFusion adds those of the conditions to them.
fn single_value(subquery: &Subquery, values: &Projection) -> Result<Expr> {
    let column = values.schema.field(0).name();
    let value = values.expr.first().cloned().unwrap_or_default();
    let value = value.unalias().alias(VALUE);
    let values = Projection::try_new(vec![value], Arc::clone(&values.input))?;
    let values = Arc::new(LogicalPlan::Projection(values));
    let list = array_agg(Expr::Column(Column::new_unqualified(VALUE))).alias(LIST);
    let lists = LogicalPlan::Aggregate(Aggregate::try_new(values, Vec::new(), vec![list])?);
    let lists = Expr::ScalarSubquery(subquery.with_plan(Arc::new(lists)));
    Ok(ScalarUDF::new_from_impl(SingleValue::new(column)).call(vec![lists]))
}
