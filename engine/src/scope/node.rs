//! Plan node that makes the scope of each execution.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{
    Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use fusebox_runtime::{FunctionStatistics, Scope};
use futures::{Stream, StreamExt};

use super::current::{current_scope, with_scope, with_scope_in_task};
use super::function_metric::FunctionMetric;
use super::memory::PoolBroker;
use super::query_options::{CancelOnDrop, QueryScope};
use crate::settings::Settings;

/// Batches in the channel; one more may be computed ahead of the receiver.
const BATCHES_AHEAD: usize = 1;

/// Node above an operator that evaluates Wasm functions.
///
/// Each execution makes a [`Scope`]: cancelled with its query and when its stream is dropped,
/// charged to the memory pool of its task context.
#[derive(Debug)]
pub(crate) struct ScopeExec {
    input: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScopeExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Self {
            input,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for ScopeExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str("WasmScopeExec"),
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for ScopeExec {
    fn name(&self) -> &'static str {
        "WasmScopeExec"
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

    fn supports_limit_pushdown(&self) -> bool {
        self.input.supports_limit_pushdown()
    }

    fn fetch(&self) -> Option<usize> {
        self.input.fetch()
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
            (Some(input), true) => Ok(Arc::new(Self::new(input))),
            _ => datafusion::common::internal_err!("WasmScopeExec has one input"),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    /// Calls into guests, their rows, fuel and time, all and by function, for EXPLAIN ANALYZE.
    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let options = context.session_config().options();
        let query_scope = current_scope().or_else(|| QueryScope::find(options));
        let parent = query_scope.as_ref().map(|scope| scope.cancellation());
        let cancellation = parent.cloned().unwrap_or_default().child();
        let timestamp = query_scope.as_ref().map(|scope| scope.timestamp());
        let notices = query_scope.map(|scope| Arc::clone(scope.notices()));
        let memory = Arc::new(PoolBroker(Arc::clone(context.memory_pool())));
        let settings = Settings::find(options);
        let scope = Scope::new(cancellation.clone(), memory)
            .with_batch_bytes_max(settings.batch_bytes_max)
            .with_reuse(settings.reuse)
            .with_notices(notices.unwrap_or_default())
            .with_timestamp(timestamp.unwrap_or(Scope::TIMESTAMP))
            .with_time_zone(options.execution.time_zone.as_deref());
        let scope = Arc::new(scope);
        // Operators create their accumulators here.
        let input = with_scope(&scope, || self.input.execute(partition, context))?;
        let schema = self.schema();
        let counters = ScopeCounters::new(&self.metrics, partition, Arc::clone(&scope));
        Ok(Box::pin(ScopedStream {
            _cancel: CancelOnDrop(cancellation),
            schema: Arc::clone(&schema),
            stream: State::Idle(Box::new(move || start(scope, schema, input, counters))),
        }))
    }
}

/// Starts the task that polls `input` in the scope.
fn start(
    scope: Arc<Scope>,
    schema: SchemaRef,
    mut input: SendableRecordBatchStream,
    counters: ScopeCounters,
) -> SendableRecordBatchStream {
    let mut builder = RecordBatchReceiverStreamBuilder::new(schema, BATCHES_AHEAD);
    let batches = builder.tx();
    builder.spawn(async move {
        let _counters = counters;
        let mut next =
            |cx: &mut Context<'_>| with_scope_in_task(&scope, || input.poll_next_unpin(cx));
        while let Some(batch) = poll_fn(&mut next).await {
            let is_last = batch.is_err();
            // Ends if the input failed or the stream was dropped.
            if batches.send(batch).await.is_err() || is_last {
                break;
            }
        }
        // Guest state in the input is released within the scope too.
        with_scope(&scope, || drop(input));
        Ok(())
    });
    builder.build()
}

/// Counters of one execution, added when it ends or is aborted.
struct ScopeCounters {
    scope: Arc<Scope>,
    calls: Count,
    rows: Count,
    fuel: Count,
    metrics: ExecutionPlanMetricsSet,
    partition: usize,
}

impl ScopeCounters {
    fn new(metrics: &ExecutionPlanMetricsSet, partition: usize, scope: Arc<Scope>) -> Self {
        let counter = |name| MetricBuilder::new(metrics).counter(name, partition);
        Self {
            calls: counter("wasm_calls"),
            rows: counter("wasm_rows"),
            fuel: counter("wasm_fuel"),
            metrics: metrics.clone(),
            partition,
            scope,
        }
    }
}

impl Drop for ScopeCounters {
    fn drop(&mut self) {
        let functions = self.scope.statistics();
        let mut totals = FunctionStatistics::default();
        functions.values().for_each(|function| totals.add(function));
        for (name, function) in functions {
            FunctionMetric::new(function).register(&name, &self.metrics, self.partition);
        }
        self.calls.add(totals.calls as usize);
        self.rows.add(totals.rows as usize);
        self.fuel.add(totals.fuel as usize);
        // Few functions have such rows: others show no such counter.
        for (name, count) in [
            ("wasm_reused_rows", totals.reused_rows),
            ("wasm_failed_rows", totals.failed_rows),
        ] {
            if count > 0 {
                let builder = MetricBuilder::new(&self.metrics);
                builder.counter(name, self.partition).add(count as usize);
            }
        }
    }
}

/// Stream that cancels its scope when it is dropped.
struct ScopedStream {
    /// The first field, so that the guest is cancelled before its task is aborted.
    _cancel: CancelOnDrop,
    schema: SchemaRef,
    stream: State,
}

/// State of a stream. A task starts with the first poll: an operator may poll one input after
/// the other, and must not hold the instances of both.
enum State {
    Idle(Box<dyn FnOnce() -> SendableRecordBatchStream + Send>),
    Starting,
    Running(SendableRecordBatchStream),
}

impl Stream for ScopedStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::Idle(_) = self.stream
            && let State::Idle(start) = std::mem::replace(&mut self.stream, State::Starting)
        {
            self.stream = State::Running(start());
        }
        match &mut self.stream {
            State::Running(stream) => stream.poll_next_unpin(cx),
            // The start panicked.
            State::Idle(_) | State::Starting => Poll::Ready(None),
        }
    }
}

impl RecordBatchStream for ScopedStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
