//! Rows that are read from a catalog and collected for it, charged to a memory pool.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use fusebox_runtime::Error;
use futures::TryStreamExt;

use crate::catalog::{CatalogError, Charged, RowChunk, TableRows};
use crate::function::external;

/// Name of rows in the errors of memory pools.
const CONSUMER: &str = "rows of a table";

/// Reads rows, charged to a memory pool as long as a column of them lives.
pub(super) async fn load(rows: &TableRows, pool: &Arc<dyn MemoryPool>) -> Result<Vec<RecordBatch>> {
    let (rows, pool) = (rows.clone(), Arc::clone(pool));
    in_background(move || {
        let charge = |bytes| charge(&pool, bytes);
        rows.load_charged(&charge).map_err(catalog_error)
    })
    .await
}

/// Charges rows in memory to a pool.
fn charge(pool: &Arc<dyn MemoryPool>, bytes: u64) -> Result<Charged, CatalogError> {
    let reservation = MemoryConsumer::new(CONSUMER).register(pool);
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    match reservation.try_grow(bytes) {
        Ok(()) => Ok(Box::new(reservation)),
        Err(DataFusionError::ResourcesExhausted(reason)) => {
            Err(CatalogError::MemoryExhausted(reason))
        }
        Err(error) => Err(CatalogError::MemoryExhausted(error.to_string())),
    }
}

/// Collects rows, charged to a memory pool as long as the reservation lives.
pub(crate) async fn collect_rows(
    mut stream: SendableRecordBatchStream,
    pool: &Arc<dyn MemoryPool>,
) -> Result<(Vec<RecordBatch>, MemoryReservation)> {
    let reservation = MemoryConsumer::new(CONSUMER).register(pool);
    // Batches are slices of larger ones, and the columns of a stored chunk share its bytes.
    let mut counter = RecordBatchMemoryCounter::new();
    let mut batches = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        reservation.try_grow(counter.count_batch(&batch))?;
        batches.push(batch);
    }
    Ok((batches, reservation))
}

/// Divides rows of a schema into chunks.
pub(crate) async fn chunks_of(
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
) -> Result<Vec<Arc<RowChunk>>> {
    let schema = Arc::clone(schema);
    in_background(move || RowChunk::of_batches(&schema, &batches).map_err(catalog_error)).await
}

pub(super) fn catalog_error(error: CatalogError) -> DataFusionError {
    match error {
        CatalogError::MemoryExhausted(reason) => DataFusionError::ResourcesExhausted(reason),
        error => external(Error::Catalog(error.to_string())),
    }
}

/// Runs work that blocks on a thread of its own.
pub(super) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = SpawnedTask::spawn_blocking(work).join_unwind().await;
    done.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?
}
