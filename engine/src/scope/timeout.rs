//! Plan node that ends a statement at its deadline.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use fusebox_runtime::Error;
use futures::future::{Either, select};
use futures::{FutureExt, Stream, StreamExt};
use futures_timer::Delay;

use crate::settings::Timeout;

/// Deadline of a statement, which counts from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    /// Creates the deadline of a statement that starts now.
    pub(crate) fn after(timeout: Duration) -> Self {
        let at = Instant::now() + timeout;
        Self { at, timeout }
    }

    /// Returns the time of the deadline.
    pub(crate) fn at(self) -> Instant {
        self.at
    }

    /// Returns the future that ends at the deadline. It is woken by a thread of its own: the
    /// timers of a runtime whose threads are all occupied do not elapse.
    pub(crate) fn elapsed(self) -> Delay {
        Delay::new(self.at.saturating_duration_since(Instant::now()))
    }

    /// Returns the result of `work`, or `None` if the deadline is earlier.
    pub(crate) async fn limit<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let work = std::pin::pin!(work);
        match select(work, self.elapsed()).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }

    /// Returns the error of the statement.
    pub(crate) fn error(self) -> Error {
        Error::StatementTimeout {
            timeout: Timeout(self.timeout).to_string(),
        }
    }

    /// Returns true if `error` says that a call was cancelled by the deadline.
    pub(crate) fn caused(self, error: &(dyn std::error::Error + 'static)) -> bool {
        matches!(Error::find_in(error), Some(Error::Cancelled)) && Instant::now() >= self.at
    }
}

/// Node above all others of a statement with a deadline.
///
/// A task polls the input until the deadline and then drops it, also while the receiver
/// polls nothing. The receiver gets the error at the deadline, also while an operator of the
/// input blocks the task.
#[derive(Debug)]
pub(crate) struct TimeoutExec {
    input: Arc<dyn ExecutionPlan>,
    deadline: Deadline,
}

impl TimeoutExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, deadline: Deadline) -> Self {
        Self { input, deadline }
    }
}

impl DisplayAs for TimeoutExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timeout = Timeout(self.deadline.timeout);
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "StatementTimeoutExec: {timeout}")
            }
            DisplayFormatType::TreeRender => write!(f, "{timeout}"),
        }
    }
}

impl ExecutionPlan for TimeoutExec {
    fn name(&self) -> &'static str {
        "StatementTimeoutExec"
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
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.deadline))),
            _ => datafusion::common::internal_err!("StatementTimeoutExec has one input"),
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
        let input = self.input.execute(partition, context)?;
        Ok(Box::pin(TimeoutStream {
            schema: self.schema(),
            deadline: self.deadline,
            state: State::Idle(input),
        }))
    }
}

/// Stream that ends with an error at the deadline.
struct TimeoutStream {
    schema: SchemaRef,
    deadline: Deadline,
    state: State,
}

/// State of a stream. The task starts with the first poll.
enum State {
    Idle(SendableRecordBatchStream),
    Running(SendableRecordBatchStream, Delay),
    Ended,
}

/// Starts the task that polls `input` until the deadline.
fn start(
    schema: SchemaRef,
    mut input: SendableRecordBatchStream,
    deadline: Deadline,
) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStreamBuilder::new(schema, 1);
    let batches = builder.tx();
    builder.spawn(async move {
        let sender = batches.clone();
        let forward = async move {
            while let Some(batch) = input.next().await {
                let is_last = batch.is_err();
                if sender.send(batch).await.is_err() || is_last {
                    break;
                }
            }
        };
        // The input is dropped at the deadline, before the receiver takes the error.
        if deadline.limit(forward).await.is_none() {
            let error = DataFusionError::External(Box::new(deadline.error()));
            // The receiver may have been dropped.
            let _ = batches.send(Err(error)).await;
        }
        Ok(())
    });
    builder.build()
}

impl Stream for TimeoutStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let deadline = self.deadline;
        if let State::Idle(_) = self.state
            && let State::Idle(input) = std::mem::replace(&mut self.state, State::Ended)
        {
            let schema = Arc::clone(&self.schema);
            let batches = start(schema, input, deadline);
            self.state = State::Running(batches, deadline.elapsed());
        }
        let State::Running(batches, elapsed) = &mut self.state else {
            return Poll::Ready(None);
        };
        let timeout = || DataFusionError::External(Box::new(deadline.error()));
        if elapsed.poll_unpin(cx).is_ready() {
            self.state = State::Ended;
            return Poll::Ready(Some(Err(timeout())));
        }
        let batch = std::task::ready!(batches.poll_next_unpin(cx));
        Poll::Ready(match batch {
            Some(Ok(batch)) => Some(Ok(batch)),
            Some(Err(error)) => {
                self.state = State::Ended;
                let is_late = deadline.caused(&error);
                Some(Err(if is_late { timeout() } else { error }))
            }
            None => {
                self.state = State::Ended;
                None
            }
        })
    }
}

impl RecordBatchStream for TimeoutStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
