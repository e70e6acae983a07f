//! Values of files that a statement casts for the table that it inserts them into.
//!
//! `COPY … FROM` and `INSERT … SELECT` read texts and cast them to the types of the table above the
//! scan, where a message would have the value and no place.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{OrderingRequirements, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan,
    InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions,
};
use futures::StreamExt;

use super::bad_cells::{file_name, is_of_value};
use super::csv_cells::{BYTES_MAX, CsvCells};
use super::text_files::TextSource;
use crate::plan_children::map_children;

/// Adds the file, line and column of a value to the errors of casts below an `INSERT`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LocateValues;

impl PhysicalOptimizerRule for LocateValues {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        located(plan, false)
    }

    fn name(&self) -> &'static str {
        "locate_values"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Replaces the projections of files. `is_inserted` is true below a sink.
fn located(plan: Arc<dyn ExecutionPlan>, is_inserted: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let is_inserted = is_inserted || plan.is::<DataSinkExec>();
    if is_inserted
        && let Some(projection) = plan.downcast_ref::<ProjectionExec>()
        && let Some(scan) = scan_of(projection.input())
        && let Some(source) = scan.file_source.downcast_ref::<TextSource>()
        && let Some(cells) = source.cells(scan, Some(projection.projection_expr()))?
    {
        let scan = Arc::new(scan.clone());
        return Ok(Arc::new(LocatedProjection {
            projection: plan,
            cells: Arc::new(cells),
            scan,
        }));
    }
    map_children(plan, |child| located(child, is_inserted))
}

/// Returns the scan of files whose rows a plan has as they are.
fn scan_of(plan: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        return scan.data_source().downcast_ref::<FileScanConfig>();
    }
    let has_all = plan.is::<RepartitionExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<CooperativeExec>();
    match has_all {
        true => scan_of(plan.children().first().copied()?),
        false => None,
    }
}

/// Projection of the rows of files. In `EXPLAIN` it is the projection.
#[derive(Debug)]
struct LocatedProjection {
    projection: Arc<dyn ExecutionPlan>,
    cells: Arc<CsvCells>,
    scan: Arc<FileScanConfig>,
}

impl LocatedProjection {
    fn with(&self, projection: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self {
            projection,
            cells: Arc::clone(&self.cells),
            scan: Arc::clone(&self.scan),
        })
    }
}

impl DisplayAs for LocatedProjection {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.projection.fmt_as(format, f)
    }
}

impl ExecutionPlan for LocatedProjection {
    fn name(&self) -> &str {
        self.projection.name()
    }

    fn downcast_delegate(&self) -> Option<&dyn ExecutionPlan> {
        Some(self.projection.as_ref())
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.projection.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.projection.children()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        self.projection.required_input_ordering()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.projection.input_distribution_requirements()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        self.projection.maintains_input_order()
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.projection.benefits_from_input_partitioning()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.projection.apply_expressions(f)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.projection.metrics()
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = Arc::clone(&self.projection).reset_state()?;
        Ok(self.with(projection))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = Arc::clone(&self.projection).replace_children(children, options)?;
        Ok(self.with(projection))
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
        let rows = self.projection.execute(partition, Arc::clone(&context))?;
        let schema = rows.schema();
        let (cells, scan) = (Arc::clone(&self.cells), Arc::clone(&self.scan));
        let located = rows.then(move |rows| {
            let (cells, scan) = (Arc::clone(&cells), Arc::clone(&scan));
            let context = Arc::clone(&context);
            async move {
                match rows {
                    Err(error) if is_of_value(&error) => {
                        Err(with_place(error, &cells, &scan, &context).await)
                    }
                    rows => rows,
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, located)))
    }
}

/// Returns the error of the first bad value of the files of a scan, and `error` if there is none.
async fn with_place(
    error: DataFusionError,
    cells: &CsvCells,
    scan: &FileScanConfig,
    context: &TaskContext,
) -> DataFusionError {
    let Ok(store) = context.runtime_env().object_store(&scan.object_store_url) else {
        return error;
    };
    let mut files: Vec<_> = scan
        .file_groups
        .iter()
        .flat_map(|group| group.files())
        .collect();
    files.sort_by(|left, right| left.object_meta.location.cmp(&right.object_meta.location));
    // Parts of a file are ranges of it.
    files.dedup_by(|left, right| left.object_meta.location == right.object_meta.location);
    let mut bytes_max = BYTES_MAX;
    for file in files {
        match cells.find(store.as_ref(), file, &mut bytes_max).await {
            Ok(Some(cell)) => {
                let store = scan.object_store_url.as_str();
                return cell.error(&file_name(store, &file.object_meta.location));
            }
            Ok(None) if bytes_max > 0 => {}
            _ => break,
        }
    }
    error
}
