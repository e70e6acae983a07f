//! Queries of which one result is scanned several times.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session as DataFusionSession, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DataFusionError, HashMap, Result, internal_err};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning,
    PlanProperties, ReplaceChildrenOptions, collect,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

/// Prefix of the names of queries whose result is shared.
pub(super) const RESERVED_PREFIX: &str = "fusebox:cte:";

/// Analyzer rule that scans one result for all copies of a query with a reserved name.
#[derive(Debug)]
pub(super) struct SharedQueries;

impl AnalyzerRule for SharedQueries {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let mut scans = HashMap::new();
        let replaced = plan.transform_down_with_subqueries(|plan| {
            let LogicalPlan::SubqueryAlias(named) = &plan else {
                return Ok(Transformed::no(plan));
            };
            let name = named.alias.table();
            // A query that depends on the rows of another has no result of its own.
            if !name.starts_with(RESERVED_PREFIX) || !named.input.all_out_ref_exprs().is_empty() {
                return Ok(Transformed::no(plan));
            }
            let table = scans.entry(name.to_owned()).or_insert_with(|| {
                Arc::new(SharedQuery {
                    query: LogicalPlan::clone(&named.input),
                    schema: Arc::new(named.input.schema().as_arrow().clone()),
                    result: Arc::default(),
                })
            });
            let source = provider_as_source(Arc::clone(table) as Arc<dyn TableProvider>);
            let scan = LogicalPlanBuilder::scan(named.alias.clone(), source, None)?.build()?;
            // The query is analyzed where it is planned.
            Ok(Transformed::new(scan, true, TreeNodeRecursion::Jump))
        })?;
        Ok(replaced.data)
    }

    fn name(&self) -> &str {
        "shared_queries"
    }
}

/// Table of the rows of a query, which runs once for an execution.
struct SharedQuery {
    query: LogicalPlan,
    schema: SchemaRef,
    result: Arc<SharedResult>,
}

/// Results of a query, of the executions whose context is not dropped yet.
#[derive(Debug, Default)]
struct SharedResult {
    plan: OnceCell<Arc<dyn ExecutionPlan>>,
    executions: Mutex<Vec<Execution>>,
}

#[derive(Debug)]
struct Execution {
    context: Weak<TaskContext>,
    rows: Arc<OnceCell<Rows>>,
}

#[derive(Debug)]
struct Rows {
    batches: Vec<RecordBatch>,
    /// The memory of the batches.
    _reservation: MemoryReservation,
}

#[async_trait]
impl TableProvider for SharedQuery {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn DataFusionSession,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = || state.create_physical_plan(&self.query);
        let input = self.result.plan.get_or_try_init(plan).await?;
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Arc::new(SharedQueryExec {
            input: Arc::clone(input),
            result: Arc::clone(&self.result),
            projection: projection.cloned(),
            properties: Arc::new(properties),
        }))
    }
}

impl fmt::Debug for SharedQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedQuery").finish_non_exhaustive()
    }
}

impl SharedResult {
    /// Returns the rows of an execution, which are computed once they are asked for.
    fn of(&self, context: &Arc<TaskContext>) -> Arc<OnceCell<Rows>> {
        let mut executions = self
            .executions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        executions.retain(|execution| execution.context.strong_count() > 0);
        let is_same = |execution: &&Execution| execution.context.as_ptr() == Arc::as_ptr(context);
        if let Some(known) = executions.iter().find(is_same) {
            return Arc::clone(&known.rows);
        }
        let rows = Arc::default();
        executions.push(Execution {
            context: Arc::downgrade(context),
            rows: Arc::clone(&rows),
        });
        rows
    }
}

impl Rows {
    async fn collect(input: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<Self> {
        let reservation = MemoryConsumer::new("SharedQueryExec").register(context.memory_pool());
        let batches = collect(input, context).await?;
        let bytes = batches.iter().map(RecordBatch::get_array_memory_size).sum();
        reservation.try_grow(bytes)?;
        Ok(Self {
            batches,
            _reservation: reservation,
        })
    }
}

/// Node that returns the rows of a shared query.
#[derive(Debug)]
struct SharedQueryExec {
    input: Arc<dyn ExecutionPlan>,
    result: Arc<SharedResult>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for SharedQueryExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedQueryExec")
    }
}

impl ExecutionPlan for SharedQueryExec {
    fn name(&self) -> &'static str {
        "SharedQueryExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// None: no rule may change the input of one of several scans.
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.is_empty() {
            true => Ok(self),
            false => internal_err!("SharedQueryExec has no input"),
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
        _partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.result.of(&context);
        let (input, projection) = (Arc::clone(&self.input), self.projection.clone());
        let scan = async move {
            rows.get_or_try_init(|| Rows::collect(input, context))
                .await?;
            let next = move |(rows, index): (Arc<OnceCell<Rows>>, usize)| {
                let batch = rows.get().and_then(|rows| rows.batches.get(index).cloned());
                let batch = batch.map(|batch| match &projection {
                    Some(columns) => Ok(batch.project(columns)?),
                    None => Ok(batch),
                });
                std::future::ready(batch.map(|batch| (batch, (rows, index + 1))))
            };
            Ok::<_, DataFusionError>(stream::unfold((rows, 0), next))
        };
        let batches = stream::once(scan).try_flatten().boxed();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            batches,
        )))
    }
}
