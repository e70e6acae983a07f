//! Optimizer rule that puts a scope node above operators that evaluate Wasm functions.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{AggregateUDF, WindowUDF};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::window::{
    PlainAggregateWindowExpr, SlidingAggregateWindowExpr, StandardWindowExpr, WindowExpr,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, WindowUDFExpr};

use crate::function::{is_wasm_aggregate, is_wasm_scalar, is_wasm_window};
use crate::plan_children::map_children;
use crate::scope::ScopeExec;

/// Puts a [`ScopeExec`] above each operator that evaluates Wasm functions, unless one further up
/// polls the operator in the same task.
///
/// It runs last: the node changes neither schema nor partitions nor order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ScopeRule;

impl ScopeRule {
    /// Name of the rule.
    pub(crate) const NAME: &'static str = "wasm_scope";
}

impl PhysicalOptimizerRule for ScopeRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        insert_scopes(plan, false)
    }

    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Inserts nodes into a plan. `is_scoped` is true if a node above polls this one.
fn insert_scopes(plan: Arc<dyn ExecutionPlan>, is_scoped: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let is_node = plan.is::<ScopeExec>();
    // The keys of a repartitioning are evaluated in tasks of its own.
    let is_excluded = is_node || is_scoped || plan.is::<RepartitionExec>();
    let needs_scope = !is_excluded && evaluates_wasm(plan.as_ref())?;
    let polls_input = is_node || polls_input_in_its_task(plan.as_ref());
    let is_input_scoped = (is_scoped || needs_scope || is_node) && polls_input;
    let plan = map_children(plan, |child| insert_scopes(child, is_input_scoped))?;
    Ok(match needs_scope {
        true => Arc::new(ScopeExec::new(plan)),
        false => plan,
    })
}

/// Returns true if an operator is known to poll its input in the task that polls it.
fn polls_input_in_its_task(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<ProjectionExec>()
        || plan.is::<FilterExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<AggregateExec>()
        || plan.is::<WindowAggExec>()
        || plan.is::<BoundedWindowAggExec>()
}

/// Returns true if an operator evaluates a Wasm function itself.
fn evaluates_wasm(plan: &dyn ExecutionPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_expressions(&mut |expr| {
        expr.apply(|expr| {
            let call = expr.downcast_ref::<ScalarFunctionExpr>();
            found |= call.is_some_and(|call| is_wasm_scalar(call.fun()));
            Ok(match found {
                true => TreeNodeRecursion::Stop,
                false => TreeNodeRecursion::Continue,
            })
        })
    })?;
    let windows = || -> &[Arc<dyn WindowExpr>] {
        if let Some(window) = plan.downcast_ref::<WindowAggExec>() {
            window.window_expr()
        } else if let Some(window) = plan.downcast_ref::<BoundedWindowAggExec>() {
            window.window_expr()
        } else {
            &[]
        }
    };
    let aggregates = plan.downcast_ref::<AggregateExec>();
    let mut aggregates = aggregates.into_iter().flat_map(|plan| plan.aggr_expr());
    Ok(found
        || aggregates.any(|aggregate| is_wasm_aggregate(aggregate.fun()))
        || windows()
            .iter()
            .any(|window| is_wasm_window_expr(window.as_ref())))
}

fn is_wasm_window_expr(window: &dyn WindowExpr) -> bool {
    let window = window.as_any();
    let aggregate: Option<&AggregateUDF> =
        if let Some(plain) = window.downcast_ref::<PlainAggregateWindowExpr>() {
            Some(plain.get_aggregate_expr().fun())
        } else if let Some(sliding) = window.downcast_ref::<SlidingAggregateWindowExpr>() {
            Some(sliding.get_aggregate_expr().fun())
        } else {
            None
        };
    let standard = window.downcast_ref::<StandardWindowExpr>();
    let standard: Option<&Arc<WindowUDF>> = standard.and_then(|standard| {
        let function = standard.get_standard_func_expr().as_any();
        Some(function.downcast_ref::<WindowUDFExpr>()?.fun())
    });
    aggregate.is_some_and(is_wasm_aggregate) || standard.is_some_and(|udf| is_wasm_window(udf))
}
