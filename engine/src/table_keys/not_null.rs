//! Nulls for columns that have none, in tables whose sink does not name the column.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::StreamExt;

use super::TableKeys;
use crate::memory_tables::with_schema;

/// Checks the nulls of the rows that a plan inserts into `table`: DataFusion's message has the
/// number of the column alone.
///
/// # Errors
///
/// Any error of changing the plan.
pub(crate) fn enforce_not_null(
    plan: Arc<dyn ExecutionPlan>,
    table: &str,
) -> Result<Arc<dyn ExecutionPlan>> {
    let checked = plan.transform_down(|node| {
        let Some(sink) = node.downcast_ref::<DataSinkExec>() else {
            return Ok(Transformed::no(node));
        };
        let schema = sink.sink().schema();
        if schema.fields().iter().all(|field| field.is_nullable()) {
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Jump));
        }
        let input: Arc<dyn ExecutionPlan> = Arc::new(NotNullExec {
            input: Arc::clone(sink.input()),
            schema: Arc::clone(schema),
            table: TableKeys::new(table.to_owned(), None),
        });
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
        let sink = Arc::clone(&node).replace_children(vec![input], options)?;
        Ok(Transformed::new(sink, true, TreeNodeRecursion::Jump))
    })?;
    Ok(checked.data)
}

/// Node that refuses nulls of columns that have none.
#[derive(Debug)]
struct NotNullExec {
    input: Arc<dyn ExecutionPlan>,
    /// Schema of the table.
    schema: SchemaRef,
    /// The table, without its keys.
    table: TableKeys,
}

impl DisplayAs for NotNullExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str(self.name()),
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for NotNullExec {
    fn name(&self) -> &'static str {
        "NotNullExec"
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
            (Some(input), true) => Ok(Arc::new(Self {
                input,
                schema: Arc::clone(&self.schema),
                table: self.table.clone(),
            })),
            _ => datafusion::common::internal_err!("NotNullExec has one input"),
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
        let rows = self.input.execute(partition, context)?;
        let (table, schema) = (self.table.clone(), Arc::clone(&self.schema));
        let output = without_nulls(&rows.schema(), &schema);
        let checked_schema = Arc::clone(&output);
        let checked = rows.map(move |batch| {
            let batch = batch?;
            table.check_nulls(&schema, &batch)?;
            // A table in memory keeps the batches, and a change of it compares their schema.
            with_schema(&batch, &checked_schema)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(output, checked)))
    }
}

/// Returns the schema of rows whose nulls were checked against a table.
fn without_nulls(rows: &SchemaRef, table: &SchemaRef) -> SchemaRef {
    let fields = rows.fields().iter().zip(table.fields());
    let fields: Vec<Field> = fields
        .map(|(field, of_table)| {
            let is_nullable = field.is_nullable() && of_table.is_nullable();
            field.as_ref().clone().with_nullable(is_nullable)
        })
        .collect();
    Arc::new(Schema::new_with_metadata(fields, rows.metadata().clone()))
}
