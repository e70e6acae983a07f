//! Sink of rows that are inserted into a table in memory.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use futures::TryStreamExt;

use super::{TableKeys, in_background};

/// Checks the keys of the rows that a plan inserts into a table in memory.
///
/// # Errors
///
/// Any error of changing the plan.
pub(crate) fn enforce_keys(
    plan: Arc<dyn ExecutionPlan>,
    table: &Arc<dyn TableProvider>,
    name: &str,
) -> Result<Arc<dyn ExecutionPlan>> {
    let keys = TableKeys::new(name.to_owned(), table.constraints());
    if keys.is_empty() {
        return Ok(plan);
    }
    let changed = plan.transform_down(|plan| {
        let Some(sink) = plan.downcast_ref::<DataSinkExec>() else {
            return Ok(Transformed::no(plan));
        };
        let checked = KeyedSink {
            table: Arc::clone(table),
            schema: nullable(&table.schema()),
            keys: keys.clone(),
        };
        let plan = DataSinkExec::new(Arc::clone(sink.input()), Arc::new(checked), None);
        let plan: Arc<dyn ExecutionPlan> = Arc::new(plan);
        Ok(Transformed::new(plan, true, TreeNodeRecursion::Jump))
    });
    Ok(changed?.data)
}

/// Returns a schema whose columns may be null: a sink that checks nulls itself names the column.
pub(crate) fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter();
    let fields: Vec<Field> = fields
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Sink that appends rows to a table in memory, of which no other statement changes the rows
/// meanwhile.
#[derive(Debug)]
struct KeyedSink {
    table: Arc<dyn TableProvider>,
    schema: SchemaRef,
    keys: TableKeys,
}

impl KeyedSink {
    fn memory(&self) -> Result<&MemTable> {
        let memory = self.table.downcast_ref::<MemTable>();
        memory.ok_or_else(|| DataFusionError::Internal("the table has no rows".to_owned()))
    }
}

impl DisplayAs for KeyedSink {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partitions = self.memory().map_or(0, |memory| memory.batches.len());
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "MemoryTable (partitions={partitions})")
            }
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

#[async_trait]
impl DataSink for KeyedSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let batches: Vec<_> = data.try_collect().await?;
        let schema = self.table.schema();
        for batch in &batches {
            self.keys.check_nulls(&schema, batch)?;
        }
        let added = self.keys.of_added(&schema, &batches, context.memory_pool());
        let added = added.await?;
        let mut partitions = Vec::new();
        for partition in &self.memory()?.batches {
            partitions.push(Arc::clone(partition).write_owned().await);
        }
        // They stay locked until the rows are among them, or the statement is cancelled.
        let compared = in_background(move || {
            for batch in partitions.iter().flat_map(|batches| batches.iter()) {
                added.compare(batch)?;
            }
            Ok(partitions)
        });
        let mut partitions = compared.await?;
        let mut count = 0;
        let targets = partitions.len().max(1);
        for (index, batch) in batches.into_iter().enumerate() {
            count += batch.num_rows() as u64;
            if let Some(partition) = partitions.get_mut(index % targets) {
                partition.push(batch);
            }
        }
        Ok(count)
    }
}
