//! Plan node that counts rows on their way into a table.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::array::RecordBatch;
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

use super::MemoryTables;
use super::buffers::CountedBuffers;

/// Counts the rows that a plan puts into a table in memory. With `are_collected`, they are those
/// of the plan itself; otherwise those that it inserts.
///
/// # Errors
///
/// Any error of changing the plan.
pub(crate) fn count_rows(
    plan: Arc<dyn ExecutionPlan>,
    tables: &Arc<MemoryTables>,
    name: &str,
    are_collected: bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    let counted = |input| -> Arc<dyn ExecutionPlan> {
        Arc::new(CountedRowsExec {
            input,
            tables: Arc::clone(tables),
            name: name.into(),
            arrival: Mutex::default(),
        })
    };
    if are_collected {
        return Ok(counted(plan));
    }
    let changed = plan.transform_down(|plan| {
        let Some(sink) = plan.downcast_ref::<DataSinkExec>() else {
            return Ok(Transformed::no(plan));
        };
        let input = counted(Arc::clone(sink.input()));
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
        let plan = Arc::clone(&plan).replace_children(vec![input], options)?;
        Ok(Transformed::new(plan, true, TreeNodeRecursion::Jump))
    });
    Ok(changed?.data)
}

/// Node whose rows go into a table in memory.
#[derive(Debug)]
struct CountedRowsExec {
    input: Arc<dyn ExecutionPlan>,
    tables: Arc<MemoryTables>,
    /// Name of the table.
    name: Arc<str>,
    /// The rows of all partitions, while one is executed.
    arrival: Mutex<Weak<Mutex<Arrival>>>,
}

impl CountedRowsExec {
    fn arrival(&self) -> Arc<Mutex<Arrival>> {
        let mut arrival = self.arrival.lock().unwrap_or_else(PoisonError::into_inner);
        arrival.upgrade().unwrap_or_else(|| {
            // A plan may be executed again, and others meanwhile: their rows are in tables now.
            self.tables.update();
            let new = Arc::new(Mutex::new(Arrival {
                tables: Arc::clone(&self.tables),
                name: Arc::clone(&self.name),
                buffers: CountedBuffers::default(),
                bytes: 0,
            }));
            *arrival = Arc::downgrade(&new);
            new
        })
    }
}

impl DisplayAs for CountedRowsExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                f.write_str("CountedRowsExec")
            }
            DisplayFormatType::TreeRender => Ok(()),
        }
    }
}

impl ExecutionPlan for CountedRowsExec {
    fn name(&self) -> &'static str {
        "CountedRowsExec"
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
                tables: Arc::clone(&self.tables),
                name: Arc::clone(&self.name),
                arrival: Mutex::default(),
            })),
            _ => datafusion::common::internal_err!("CountedRowsExec has one input"),
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
        let schema = rows.schema();
        let arrival = self.arrival();
        let counted = rows.map(move |batch| {
            let batch = batch?;
            let mut arrival = arrival.lock().unwrap_or_else(PoisonError::into_inner);
            arrival.add(&batch)?;
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, counted)))
    }
}

/// Rows on their way into a table. Their bytes are counted until it is dropped: the table has
/// them then, or they are gone.
#[derive(Debug)]
struct Arrival {
    tables: Arc<MemoryTables>,
    name: Arc<str>,
    buffers: CountedBuffers,
    bytes: u64,
}

impl Arrival {
    /// Counts rows.
    ///
    /// # Errors
    ///
    /// A refusal above the limit.
    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let added = self.buffers.add(batch);
        self.bytes += added;
        let mut tables = self.tables.tables();
        tables.arriving += added;
        let total = tables.total();
        drop(tables);
        match total > self.tables.bytes_max {
            true => Err(self.tables.refused(&self.name, total)),
            false => Ok(()),
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.tables.tables().arriving -= self.bytes;
    }
}
