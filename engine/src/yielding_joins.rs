//! Joins that let other tasks run between their batches, so that they can be cancelled.
//!
//! One batch of an input can be joined to billions of rows. DataFusion lets the inputs of a plan
//! yield, and an aggregate above a join polls it until its input asks for more.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PiecewiseMergeJoinExec, SortMergeJoinExec,
    SymmetricHashJoinExec,
};

use crate::plan_children::map_children;

/// Puts a node that yields above each join.
///
/// # Errors
///
/// Any error of an operator with changed inputs.
pub(crate) fn yield_in_joins(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let is_cooperative = plan.is::<CooperativeExec>();
    let plan = map_children(plan, |child| match is_cooperative {
        true => map_children(child, yield_in_joins),
        false => yield_in_joins(child),
    })?;
    Ok(match is_join(plan.as_ref()) {
        true => Arc::new(CooperativeExec::new(plan)),
        false => plan,
    })
}

fn is_join(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<HashJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<CrossJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<PiecewiseMergeJoinExec>()
        || plan.is::<SymmetricHashJoinExec>()
}
