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
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PiecewiseMergeJoinExec, SortMergeJoinExec,
    SymmetricHashJoinExec,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, stream};

use crate::plan_children::map_children;

/// Batches that a join returns until it yields: some milliseconds, and the cost of a yield is below
/// a microsecond.
const BATCHES_MAX: u32 = 16;

/// Puts a node that yields above each join.
///
/// # Errors
///
/// Any error of an operator with changed inputs.
pub(crate) fn yield_in_joins(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let input = map_children(plan, yield_in_joins)?;
    Ok(match is_join(input.as_ref()) {
        true => Arc::new(YieldingExec { input }),
        false => input,
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

/// Node that yields after some batches of its input.
///
/// It counts them itself. The budget of a task, by which DataFusion's `CooperativeExec` yields, is
/// held by each of several nodes above each other while the lowest is polled: those of 128 nested
/// joins leave none, and the task would yield forever.
#[derive(Debug)]
struct YieldingExec {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for YieldingExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str("YieldingExec"),
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for YieldingExec {
    fn name(&self) -> &'static str {
        "YieldingExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { input })),
            _ => datafusion::common::internal_err!("YieldingExec has one input"),
        }
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
        let mut rows = self.input.execute(partition, context)?;
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
