//! Plan node that counts rows on their way into a table.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{fmt, mem};

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

/// Counts the rows that a plan puts into a table in memory: those of the plan itself if they are
/// `collected`, and otherwise those that it inserts.
///
/// # Errors
///
/// Any error of changing the plan.
pub(crate) fn count_rows(
    plan: Arc<dyn ExecutionPlan>,
    tables: &Arc<MemoryTables>,
    name: &str,
    collected: Option<&Arc<CollectedRows>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let node = |input, step, rows: &Arc<CollectedRows>| -> Arc<dyn ExecutionPlan> {
        Arc::new(CountedRowsExec {
            input,
            step,
            tables: Arc::clone(tables),
            name: name.into(),
            collected: Arc::clone(rows),
            arrival: Mutex::default(),
        })
    };
    if let Some(collected) = collected {
        return Ok(node(plan, Step::Arrival, collected));
    }
    let changed = plan.transform_down(|plan| {
        let Some(sink) = plan.downcast_ref::<DataSinkExec>() else {
            return Ok(Transformed::no(plan));
        };
        let rows = Arc::default();
        let input = node(Arc::clone(sink.input()), Step::Arrival, &rows);
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
        let plan = Arc::clone(&plan).replace_children(vec![input], options)?;
        let plan = node(plan, Step::Insertion, &rows);
        Ok(Transformed::new(plan, true, TreeNodeRecursion::Jump))
    });
    Ok(changed?.data)
}

/// Step of rows on their way into a table.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The node returns the rows: they are counted as they arrive.
    Arrival,
    /// The node returns the number of rows that its input has inserted: they are counted in their
    /// table from then on. Their own stream ends, and is dropped, before the table has them.
    Insertion,
}

/// Node whose rows go into a table in memory.
#[derive(Debug)]
struct CountedRowsExec {
    input: Arc<dyn ExecutionPlan>,
    step: Step,
    tables: Arc<MemoryTables>,
    /// Name of the table.
    name: Arc<str>,
    /// Rows that are counted until the table has them.
    collected: Arc<CollectedRows>,
    /// The rows of all partitions, while one is executed.
    arrival: Mutex<Weak<Mutex<Arrival>>>,
}

impl CountedRowsExec {
    fn arrival(&self) -> Arc<Mutex<Arrival>> {
        let mut arrival = self.arrival.lock().unwrap_or_else(PoisonError::into_inner);
        arrival.upgrade().unwrap_or_else(|| {
            // Tables that are gone by now make room.
            self.tables.update();
            let new = Arc::new(Mutex::new(Arrival {
                tables: Arc::clone(&self.tables),
                name: Arc::clone(&self.name),
                buffers: CountedBuffers::default(),
                bytes: 0,
            }));
            self.collected.arrivals().push(Arc::clone(&new));
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
                step: self.step,
                tables: Arc::clone(&self.tables),
                name: Arc::clone(&self.name),
                collected: Arc::clone(&self.collected),
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
        Ok(match self.step {
            Step::Arrival => {
                let arrival = self.arrival();
                let counted = rows.map(move |batch| {
                    let batch = batch?;
                    let mut arrival = arrival.lock().unwrap_or_else(PoisonError::into_inner);
                    arrival.add(&batch)?;
                    Ok(batch)
                });
                Box::pin(RecordBatchStreamAdapter::new(schema, counted))
            }
            Step::Insertion => {
                let insertion = Insertion {
                    tables: Arc::clone(&self.tables),
                    rows: Arc::clone(&self.collected),
                };
                let counts = rows.inspect(move |_| {
                    // It lives as long as the stream.
                    let _ = &insertion;
                });
                Box::pin(RecordBatchStreamAdapter::new(schema, counts))
            }
        })
    }
}

/// Rows that are inserted. When it is dropped, their table has them, or they are gone.
struct Insertion {
    tables: Arc<MemoryTables>,
    rows: Arc<CollectedRows>,
}

impl Drop for Insertion {
    fn drop(&mut self) {
        self.tables.watch_created(None, Some(&self.rows));
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
        self.tables.tables().arrive(self.bytes);
    }
}

/// Rows that were collected for a table that does not have them yet. Those of a statement that fails
/// are gone when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct CollectedRows(Mutex<Vec<Arc<Mutex<Arrival>>>>);

impl CollectedRows {
    /// Returns their bytes, which still count as arriving, and forgets them.
    pub(super) fn take(&self) -> u64 {
        let arrivals = mem::take(&mut *self.arrivals());
        let bytes = arrivals.iter().map(|arrival| {
            let mut arrival = arrival.lock().unwrap_or_else(PoisonError::into_inner);
            mem::take(&mut arrival.bytes)
        });
        bytes.sum()
    }

    fn arrivals(&self) -> MutexGuard<'_, Vec<Arc<Mutex<Arrival>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use datafusion::catalog::TableProvider;
    use datafusion::datasource::MemTable;
    use datafusion::logical_expr::dml::InsertOp;
    use datafusion::physical_plan::collect;
    use datafusion::prelude::SessionContext;

    use super::*;

    const BYTES_MAX: u64 = 20_000;

    fn batch() -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
        RecordBatch::try_from_iter([("n", numbers)]).unwrap()
    }

    fn table(batches: Vec<RecordBatch>) -> Arc<dyn TableProvider> {
        Arc::new(MemTable::try_new(batch().schema(), vec![batches]).unwrap())
    }

    /// Returns a plan of rows that no other plan has.
    async fn rows() -> Arc<dyn ExecutionPlan> {
        let state = SessionContext::new().state();
        let rows = table(vec![batch()]).scan(&state, None, &[], None).await;
        rows.unwrap()
    }

    fn total(tables: &MemoryTables) -> u64 {
        tables.tables().total()
    }

    #[tokio::test]
    async fn rows_are_counted_until_their_table_is() {
        let tables = Arc::new(MemoryTables::new(BYTES_MAX, 0));
        let collected = Arc::default();
        let plan = count_rows(rows().await, &tables, "t", Some(&collected)).unwrap();
        let batches = collect(Arc::clone(&plan), Arc::default()).await.unwrap();
        drop(plan);
        let bytes = total(&tables);
        assert!((8_000..10_000).contains(&bytes), "{bytes}");
        let created = table(batches);
        tables.update();
        assert_eq!(total(&tables), bytes);
        tables.watch_created(Some(&created), Some(&collected));
        assert_eq!(total(&tables), bytes);
        drop(collected);
        assert_eq!(total(&tables), bytes);
        drop(created);
        tables.update();
        assert_eq!(total(&tables), 0);
    }

    #[tokio::test]
    async fn rows_of_a_table_that_is_not_created_are_gone() {
        let tables = Arc::new(MemoryTables::new(BYTES_MAX, 0));
        for is_created in [true, false] {
            let collected = Arc::default();
            let plan = count_rows(rows().await, &tables, "t", Some(&collected)).unwrap();
            collect(plan, Arc::default()).await.unwrap();
            assert!(total(&tables) > 8_000);
            if is_created {
                // And dropped before it was counted.
                tables.watch_created(None, Some(&collected));
                assert_eq!(total(&tables), 0);
            }
            drop(collected);
            assert_eq!(total(&tables), 0);
        }
    }

    #[tokio::test]
    async fn rows_that_were_inserted_are_counted_at_once() {
        let tables = Arc::new(MemoryTables::new(BYTES_MAX, 0));
        let target = table(Vec::new());
        tables.watch(&target);
        let state = SessionContext::new().state();
        for n in 1..=3 {
            let insert = target.insert_into(&state, rows().await, InsertOp::Append);
            let plan = count_rows(insert.await.unwrap(), &tables, "t", None).unwrap();
            let inserted = collect(plan, Arc::default()).await;
            assert_eq!(inserted.is_ok(), n <= 2);
            assert!(total(&tables) > n.min(2) * 8_000);
        }
        assert!(total(&tables) < BYTES_MAX);
    }
}
