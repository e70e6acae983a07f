//! Joins that let other tasks run between their batches, so that they can be cancelled.
//!
//! One batch of an input can be joined to billions of rows. DataFusion lets the inputs of a plan
//! yield, and an aggregate above a join polls it until its input asks for more.

use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{OrderingRequirements, PhysicalExpr};
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PiecewiseMergeJoinExec, SortMergeJoinExec,
    SymmetricHashJoinExec,
};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
};
use futures::{StreamExt, stream};

use crate::plan_children::map_children;

/// Batches that a join returns until it yields: some milliseconds, and the cost of a yield is below
/// a microsecond.
const BATCHES_MAX: u32 = 16;

/// Replaces each join by one that yields.
///
/// # Errors
///
/// Any error of an operator with changed inputs.
pub(crate) fn yield_in_joins(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = map_children(plan, yield_in_joins)?;
    Ok(match is_join(plan.as_ref()) {
        true => Arc::new(YieldingJoin { join: plan }),
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

/// Join that yields after some of its batches. In `EXPLAIN` it is the join.
///
/// It counts the batches itself. The budget of a task, by which DataFusion's `CooperativeExec`
/// yields, is held by each of several nodes above each other while the lowest is polled: those of 128
/// nested joins leave none, and the task would yield forever.
#[derive(Debug)]
struct YieldingJoin {
    join: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for YieldingJoin {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.join.fmt_as(format, f)
    }
}

impl ExecutionPlan for YieldingJoin {
    fn name(&self) -> &str {
        self.join.name()
    }

    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.join.as_ref())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.join.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.join.children()
    }

    fn dynamic_expressions_produced(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        self.join.dynamic_expressions_produced()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.join.required_input_ordering()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.join.input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.join.maintains_input_order()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.join.benefits_from_input_partitioning()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.join.apply_expressions(f)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.join.metrics()
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let join = Arc::clone(&self.join).reset_state()?;
        Ok(Arc::new(Self { join }))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let join = Arc::clone(&self.join).replace_children(children, options)?;
        Ok(Arc::new(Self { join }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut rows = self.join.execute(partition, context)?;
        let schema = rows.schema();
        let mut batches = 0;
        let yielding = stream::poll_fn(move |cx| {
            if batches == BATCHES_MAX {
                batches = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let polled = rows.poll_next_unpin(cx);
            match &polled {
                Poll::Ready(Some(_)) => batches += 1,
                _ => batches = 0,
            }
            polled
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, yielding)))
    }
}
