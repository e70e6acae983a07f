//! Plan node of DELETE, UPDATE and TRUNCATE.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and, filter_record_batch, not, prep_null_mask_filter};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::stream;

use super::{StoredRows, load};
use crate::catalog::TableRows;

/// Change of the rows for which all filters are true.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) filters: Vec<Arc<dyn PhysicalExpr>>,
    /// New values by the index of the column. Without any, the rows are deleted.
    pub(super) assignments: Vec<(usize, Arc<dyn PhysicalExpr>)>,
}

/// Node that changes the rows of a table when it runs, and returns their number.
#[derive(Debug)]
pub(super) struct ChangeExec {
    stored: Arc<StoredRows>,
    change: Change,
    properties: Arc<PlanProperties>,
}

impl ChangeExec {
    /// Creates the node of a change.
    pub(super) fn new(stored: Arc<StoredRows>, change: Change) -> Self {
        let count = Field::new("count", DataType::UInt64, false);
        let schema: SchemaRef = Arc::new(Schema::new(vec![count]));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            stored,
            change,
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for ChangeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.change.assignments.is_empty() {
            true => "DeleteRowsExec",
            false => "UpdateRowsExec",
        };
        write!(f, "{name}: table={}", self.stored.name)?;
        for (index, filter) in self.change.filters.iter().enumerate() {
            let separator = if index == 0 { ", filter=" } else { " AND " };
            write!(f, "{separator}{filter}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ChangeExec {
    fn name(&self) -> &'static str {
        "ChangeRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let assigned = self.change.assignments.iter().map(|(_, value)| value);
        for expr in self.change.filters.iter().chain(assigned) {
            if visit(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        _partition: usize,
        _context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (stored, change) = (Arc::clone(&self.stored), self.change.clone());
        let schema = self.schema();
        let counts = Arc::clone(&schema);
        let changed = stream::once(async move {
            let count = change.apply(&stored).await?;
            let counts_of = UInt64Array::from(vec![count]);
            Ok(RecordBatch::try_new(counts, vec![Arc::new(counts_of)])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, changed)))
    }
}

impl Change {
    /// Changes the rows of a table, and returns the number of those that are changed. If others
    /// change the table meanwhile, its new rows are looked at.
    async fn apply(&self, stored: &Arc<StoredRows>) -> Result<u64> {
        loop {
            let (version, rows) = stored.current()?;
            let batches = match load(&rows).await {
                Ok(batches) => batches,
                // They may be gone by now.
                Err(_) if stored.is_past(version)? => continue,
                Err(error) => return Err(error),
            };
            let mut count = 0;
            let mut changed = Vec::with_capacity(batches.len());
            for batch in &batches {
                changed.push(self.of_batch(batch, &mut count)?);
                // Other tasks of the runtime run between batches.
                tokio::task::yield_now().await;
            }
            if count == 0 {
                return Ok(0);
            }
            let chunks = stored.chunks(changed).await?;
            let rows = TableRows::new(Arc::clone(&stored.schema), chunks);
            if stored.replace(version, rows).await? {
                return Ok(count);
            }
        }
    }

    /// Changes a batch, and counts the rows that are changed.
    fn of_batch(&self, batch: &RecordBatch, count: &mut u64) -> Result<RecordBatch> {
        let chosen = self.chosen(batch)?;
        *count += chosen.true_count() as u64;
        if chosen.true_count() == 0 {
            return Ok(batch.clone());
        }
        if self.assignments.is_empty() {
            return Ok(filter_record_batch(batch, &not(&chosen)?)?);
        }
        let mut columns = batch.columns().to_vec();
        for (column, value) in &self.assignments {
            // Only the chosen rows are evaluated: others might fail.
            let value = value.evaluate_selection(batch, &chosen)?;
            let value = value.into_array(batch.num_rows())?;
            let before: &ArrayRef = batch.column(*column);
            columns[*column] = zip(&chosen, &value, before)?;
        }
        Ok(RecordBatch::try_new(batch.schema(), columns)?)
    }

    /// Returns the rows for which all filters are true, rather than false or null.
    fn chosen(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let rows = batch.num_rows();
        let mut chosen = BooleanArray::from(vec![true; rows]);
        for filter in &self.filters {
            // The rows that an earlier filter excluded are not evaluated: they might fail.
            let passes = filter
                .evaluate_selection(batch, &chosen)?
                .into_array(rows)?;
            let passes = as_boolean_array(&passes)?;
            // Null is not true.
            chosen = match passes.null_count() {
                0 => and(&chosen, passes)?,
                _ => and(&chosen, &prep_null_mask_filter(passes))?,
            };
        }
        Ok(chosen)
    }
}
