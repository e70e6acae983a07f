//! Operators that fail, in place of the functions, in plans that are executed.
//!
//! DataFusion knows more of an operator than of a function, such as the order of its results, and
//! `EXPLAIN ANALYZE` shows it as it was written.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::utils::take_function_args;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, PhysicalGroupBy};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    NestedLoopJoinExec, NestedLoopJoinExecBuilder, SortMergeJoinExec,
};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;

use super::arithmetic::physical_operator;

/// Puts operators back in the nodes that have most of the arithmetic. In others the functions
/// stay, with the same results.
///
/// It runs first: the nodes are those that the planner made, without a state.
#[derive(Debug)]
pub(super) struct CheckedOperators;

impl PhysicalOptimizerRule for CheckedOperators {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match with_operators(node.as_ref())? {
                Some(changed) => Transformed::yes(changed),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "checked_operators"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Returns a node with operators; `None` for one that has no function, or stays as it is.
fn with_operators(node: &dyn ExecutionPlan) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if !has_functions(node)? {
        return Ok(None);
    }
    if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
        let exprs = projection.expr().iter().map(|projected| {
            let expr = operators(&projected.expr)?;
            Ok(ProjectionExpr::new(expr, projected.alias.clone()))
        });
        let exprs = exprs.collect::<Result<Vec<_>>>()?;
        let (input, schema) = (Arc::clone(projection.input()), projection.schema());
        let changed = ProjectionExec::try_new_with_schema_metadata(exprs, input, &schema)?;
        return Ok(Some(Arc::new(changed)));
    }
    if let Some(filter) = node.downcast_ref::<FilterExec>() {
        let predicate = operators(filter.predicate())?;
        let builder = FilterExecBuilder::from(filter).with_predicate(predicate);
        return Ok(Some(Arc::new(builder.build()?)));
    }
    if let Some(sort) = node.downcast_ref::<SortExec>() {
        return sorted(sort);
    }
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>()
        && let Some(filter) = join.filter()
    {
        let filter = filter_with_operators(filter)?;
        let builder = NestedLoopJoinExecBuilder::from(join).with_filter(Some(filter));
        return Ok(Some(Arc::new(builder.build()?)));
    }
    if let Some(join) = node.downcast_ref::<SortMergeJoinExec>()
        && let Some(filter) = join.filter()
    {
        let filter = filter_with_operators(filter)?;
        let changed = SortMergeJoinExec::try_new(
            Arc::clone(join.left()),
            Arc::clone(join.right()),
            join.on().to_vec(),
            Some(filter),
            join.join_type(),
            join.sort_options().to_vec(),
            join.null_equality(),
        )?;
        return Ok(Some(Arc::new(changed)));
    }
    match node.downcast_ref::<AggregateExec>() {
        Some(aggregate) => grouped(aggregate),
        None => Ok(None),
    }
}

fn filter_with_operators(filter: &JoinFilter) -> Result<JoinFilter> {
    let expr = operators(filter.expression())?;
    let (columns, schema) = (
        filter.column_indices().to_vec(),
        Arc::clone(filter.schema()),
    );
    Ok(JoinFilter::new(expr, columns, schema))
}

fn sorted(sort: &SortExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let keys = sort.expr().iter().map(|key| {
        let expr = operators(&key.expr)?;
        Ok(PhysicalSortExpr::new(expr, key.options))
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    let Some(ordering) = LexOrdering::new(keys) else {
        return Ok(None);
    };
    let changed = SortExec::new(ordering, Arc::clone(sort.input()))
        .with_fetch(sort.fetch())
        .with_preserve_partitioning(sort.preserve_partitioning());
    Ok(Some(Arc::new(changed)))
}

/// Returns an aggregation whose keys have operators. One with an order of its arguments stays:
/// DataFusion may have reversed it.
fn grouped(aggregate: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let keys = aggregate.group_expr();
    let mut functions = aggregate.aggr_expr().iter();
    let is_ordered = functions.any(|function| !function.order_bys().is_empty());
    let mut has_function = false;
    for (key, _) in keys.expr() {
        has_function |= calls_function(key)?;
    }
    if is_ordered || !has_function {
        return Ok(None);
    }
    let exprs = keys.expr().iter();
    let exprs = exprs.map(|(expr, name)| Ok((operators(expr)?, name.clone())));
    let keys = PhysicalGroupBy::new(
        exprs.collect::<Result<_>>()?,
        keys.null_expr().to_vec(),
        keys.groups().to_vec(),
        keys.has_grouping_set(),
    );
    let changed = AggregateExec::try_new(
        *aggregate.mode(),
        keys,
        aggregate.aggr_expr().to_vec(),
        aggregate.filter_expr().to_vec(),
        Arc::clone(aggregate.input()),
        aggregate.input_schema(),
    )?;
    let changed = changed.with_limit_options(aggregate.limit_options());
    Ok(Some(Arc::new(changed)))
}

/// Returns true if an expression of a node calls one of the functions.
fn has_functions(node: &dyn ExecutionPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(&mut |expr| {
        found = found || calls_function(expr)?;
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

fn calls_function(expr: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    expr.exists(|expr| Ok(physical_operator(expr).is_some()))
}

/// Returns an expression with operators that fail in place of the functions.
fn operators(expr: &Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    Arc::clone(expr)
        .transform_up(|expr| {
            let Some(operator) = physical_operator(&expr) else {
                return Ok(Transformed::no(expr));
            };
            let operands = expr.children().into_iter().cloned();
            let [left, right] = take_function_args("operator", operands)?;
            let binary = BinaryExpr::new(left, operator, right).with_fail_on_overflow(true);
            Ok(Transformed::yes(Arc::new(binary) as _))
        })
        .data()
}
