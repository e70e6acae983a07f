//! Table of the rows of a `COPY … FROM STDIN`, which are read once, while they arrive.

// Rows of a client as batches.
mod rows;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result as DfResult, exec_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::stream;
use tokio::sync::mpsc;

pub(crate) use rows::CopyRows;

/// Batches that wait for the statement.
const BATCHES_MAX: usize = 2;

/// Rows that arrive, as a table.
#[derive(Debug)]
pub(crate) struct CopyTable(Arc<Arriving>);

/// Rows that arrive.
struct Arriving {
    schema: SchemaRef,
    batches: Mutex<Option<mpsc::Receiver<RecordBatch>>>,
    is_complete: Arc<AtomicBool>,
}

/// Sender of the rows. Unless it is told that they are complete, their end is an error.
pub(crate) struct RowSender {
    batches: mpsc::Sender<RecordBatch>,
    is_complete: Arc<AtomicBool>,
}

impl CopyTable {
    /// Name of the table while its statement is planned.
    pub(crate) const NAME: &str = "fusebox_copy_rows";

    /// Makes a table of columns, and the sender of its rows.
    pub(crate) fn new(schema: SchemaRef) -> (Self, RowSender) {
        let (sender, batches) = mpsc::channel(BATCHES_MAX);
        let is_complete = Arc::<AtomicBool>::default();
        let arriving = Arriving {
            schema,
            batches: Mutex::new(Some(batches)),
            is_complete: Arc::clone(&is_complete),
        };
        let sender = RowSender {
            batches: sender,
            is_complete,
        };
        (Self(Arc::new(arriving)), sender)
    }
}

impl RowSender {
    /// Sends rows; returns false if nothing reads them any more.
    pub(crate) async fn send(&self, batch: RecordBatch) -> bool {
        self.batches.send(batch).await.is_ok()
    }

    /// Ends the rows.
    pub(crate) fn complete(self) {
        self.is_complete.store(true, Ordering::Release);
    }
}

#[async_trait]
impl TableProvider for CopyTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let partition: Arc<dyn PartitionStream> = Arc::clone(&self.0) as _;
        let schema = Arc::clone(&self.0.schema);
        let scan =
            StreamingTableExec::try_new(schema, vec![partition], projection, None, false, limit)?;
        Ok(Arc::new(scan))
    }
}

impl PartitionStream for Arriving {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = self
            .batches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let is_complete = Arc::clone(&self.is_complete);
        let arriving = stream::try_unfold(batches, move |batches| {
            let is_complete = Arc::clone(&is_complete);
            async move {
                let Some(mut batches) = batches else {
                    return exec_err!("expected one scan of the rows of COPY, found another");
                };
                match batches.recv().await {
                    Some(batch) => Ok(Some((batch, Some(batches)))),
                    None if is_complete.load(Ordering::Acquire) => Ok(None),
                    None => exec_err!("expected all rows of COPY, found their end before"),
                }
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            arriving,
        ))
    }
}

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arriving").finish_non_exhaustive()
    }
}
