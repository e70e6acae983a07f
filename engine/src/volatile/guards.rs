//! Guards around DataFusion's rules that copy or move volatile expressions.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, ExpressionPlacement, Filter, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, remove_unnecessary_projections};

use super::{is_volatile_node, is_volatile_plan};

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// Puts a guard around a rule that needs one.
pub(super) fn guarded(rule: Rule) -> Rule {
    match rule.name() {
        // They merge `s['a']` into the projection that computes `s`, beside it.
        "extract_leaf_expressions" | "push_down_leaf_projections" => Arc::new(Guarded {
            rule,
            keeps: is_volatile_plan_with_leaves,
        }),
        // It adds `key IS NOT NULL`, a copy of the key.
        "filter_null_join_keys" => Arc::new(Guarded {
            rule,
            keeps: is_volatile_join,
        }),
        "push_down_filter" => Arc::new(GuardedFilterPushdown(rule)),
        _ => rule,
    }
}

/// Rule that is not applied to the plans that `keeps` names.
#[derive(Debug)]
struct Guarded {
    rule: Rule,
    keeps: fn(&LogicalPlan, Option<ApplyOrder>) -> Result<bool>,
}

impl OptimizerRule for Guarded {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match (self.keeps)(&plan, self.apply_order())? {
            true => Ok(Transformed::no(plan)),
            false => self.rule.rewrite(plan, config),
        }
    }
}

/// Returns true for a plan with volatile functions from which a rule may extract leaf
/// expressions.
fn is_volatile_plan_with_leaves(plan: &LogicalPlan, order: Option<ApplyOrder>) -> Result<bool> {
    // A rule that is called for each node finds what it extracts in few of them.
    let may_extract = order.is_none() || has_leaf(plan)? || any_input_has_leaf(plan)?;
    Ok(may_extract && is_volatile_plan(plan)?)
}

/// Returns true for a join with a volatile condition.
fn is_volatile_join(plan: &LogicalPlan, _: Option<ApplyOrder>) -> Result<bool> {
    Ok(matches!(plan, LogicalPlan::Join(_)) && is_volatile_node(plan)?)
}

fn any_input_has_leaf(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    for input in plan.inputs() {
        found |= has_leaf(input)?;
    }
    Ok(found)
}

/// Returns true if an expression of a node is one that DataFusion moves towards leaves.
fn has_leaf(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        let is_leaf = |e: &Expr| Ok(e.placement() == ExpressionPlacement::MoveTowardsLeafNodes);
        found |= expr.exists(is_leaf)?;
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

/// Filter pushdown that leaves volatile predicates where they are.
///
/// DataFusion moves them below joins, aggregates, windows and DISTINCT, where they are
/// evaluated for other rows, and derives further ones from them.
#[derive(Debug)]
struct GuardedFilterPushdown(Rule);

impl OptimizerRule for GuardedFilterPushdown {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let filter = match plan {
            LogicalPlan::Filter(filter) => filter,
            LogicalPlan::Join(_) if is_volatile_node(&plan)? => return Ok(Transformed::no(plan)),
            other => return self.0.rewrite(other, config),
        };
        if filter.predicate.is_volatile() {
            return divide(filter);
        }
        let input = filter.input.as_ref();
        let is_merged = matches!(input, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
        let is_kept = is_merged && is_volatile_node(input)?;
        match (is_kept, LogicalPlan::Filter(filter)) {
            (true, plan) => Ok(Transformed::no(plan)),
            (false, plan) => self.0.rewrite(plan, config),
        }
    }
}

/// Divides a filter whose predicate is volatile in part, so that the other part is pushed.
fn divide(filter: Filter) -> Result<Transformed<LogicalPlan>> {
    let predicates = split_conjunction_owned(filter.predicate.clone());
    let (volatile, others): (Vec<_>, Vec<_>) = predicates.into_iter().partition(Expr::is_volatile);
    let (Some(volatile), Some(others)) = (conjunction(volatile), conjunction(others)) else {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    };
    let others = LogicalPlan::Filter(Filter::try_new(others, filter.input)?);
    let divided = Filter::try_new(volatile, Arc::new(others))?;
    Ok(Transformed::yes(LogicalPlan::Filter(divided)))
}

/// Projection pushdown that leaves volatile projections where they are: DataFusion moves them
/// below filters, sorts and limits.
#[derive(Debug)]
pub(super) struct GuardedProjectionPushdown(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl GuardedProjectionPushdown {
    /// Name of DataFusion's rule.
    pub(super) const NAME: &'static str = "ProjectionPushdown";

    pub(super) fn new(rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self(rule)
    }
}

impl PhysicalOptimizerRule for GuardedProjectionPushdown {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut is_kept = false;
        plan.apply(|node| {
            is_kept |= is_volatile_projection(node.as_ref());
            Ok(match is_kept {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })?;
        if !is_kept {
            return self.0.optimize(plan, config);
        }
        plan.transform_down(|node| match is_above_volatile_projection(&node) {
            true => Ok(Transformed::no(node)),
            false => remove_unnecessary_projections(node),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn is_volatile_projection(node: &dyn ExecutionPlan) -> bool {
    let projection = node.downcast_ref::<ProjectionExec>();
    projection.is_some_and(|projection| {
        let mut exprs = projection.expr().iter();
        exprs.any(|projected| is_volatile(&projected.expr))
    })
}

/// Returns true for a chain of projections, which would become one, with a volatile one.
fn is_above_volatile_projection(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut node = plan;
    while let Some(projection) = node.downcast_ref::<ProjectionExec>() {
        if is_volatile_projection(node.as_ref()) {
            return true;
        }
        node = projection.input();
    }
    false
}
