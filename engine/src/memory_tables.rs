//! Limits of the rows of tables that no catalog keeps, and of plans that are kept.
//!
//! DataFusion collects the rows of `CREATE TABLE … AS` and of `INSERT` outside of every memory
//! pool, and keeps them as long as the table. Here they are counted as they arrive, and refused
//! above a limit of the session.

// The node that counts rows.
mod node;

// Bytes of batches that share buffers.
mod buffers;

// Plans that are kept.
mod plans;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::Error;
use futures::StreamExt;

use buffers::CountedBuffers;
pub(crate) use node::{CollectedRows, count_rows};
pub(crate) use plans::{KeptPlans, ReservedPlan, plan_bytes, relation_bytes};

/// Makes a table in memory of rows that a query returned, which may be null by their type in columns
/// that have no null.
///
/// # Errors
///
/// An error of the schema, if the rows are of another.
pub(crate) fn table_of_rows(schema: SchemaRef, rows: Vec<RecordBatch>) -> Result<MemTable> {
    let rows = rows.iter().map(|batch| with_schema(batch, &schema));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    MemTable::try_new(schema, vec![rows])
}

/// Gives the columns of a batch another schema, which may have fewer nulls by its type.
///
/// # Errors
///
/// An error of the schema, if the columns are of other types or have nulls that it has not.
pub(crate) fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    // A batch without columns has rows too.
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().to_vec();
    let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)?;
    Ok(batch)
}

/// Bytes of the tables in memory of a session, and of its plans.
#[derive(Debug)]
pub(crate) struct MemoryTables {
    bytes_max: u64,
    plans: KeptPlans,
    tables: Mutex<Tables>,
    creations: Arc<AtomicU64>,
}

/// A table, view or schema that is being created, which counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Creation(Arc<AtomicU64>);

impl Drop for Creation {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
struct Tables {
    counted: Vec<CountedTable>,
    /// Bytes of rows that are not in their table yet.
    arriving: u64,
}

impl MemoryTables {
    pub(crate) fn new(row_bytes_max: u64, plan_bytes_max: u64) -> Self {
        Self {
            bytes_max: row_bytes_max,
            plans: KeptPlans::new(plan_bytes_max),
            tables: Mutex::default(),
            creations: Arc::default(),
        }
    }

    /// Counts one more creation. Returns the number of all that have begun, with this one.
    pub(crate) fn begin_creation(&self) -> (Creation, u64) {
        let others = self.creations.fetch_add(1, Ordering::SeqCst);
        (Creation(Arc::clone(&self.creations)), others + 1)
    }

    /// Returns the plans that the session keeps.
    pub(crate) fn plans(&self) -> &KeptPlans {
        &self.plans
    }

    /// Counts the rows of a table too, from now on.
    pub(crate) fn watch(&self, table: &Arc<dyn TableProvider>) {
        self.tables().watch(table);
    }

    /// Counts the rows of a table that was created, in place of those that were collected for it.
    /// There is no table if it is gone again.
    pub(crate) fn watch_created(
        &self,
        table: Option<&Arc<dyn TableProvider>>,
        collected: Option<&CollectedRows>,
    ) {
        let bytes = collected.map_or(0, CollectedRows::take);
        let mut tables = self.tables();
        if let Some(table) = table {
            tables.watch(table);
        }
        tables.arrive(bytes);
    }

    /// Counts the rows that have come into tables, and forgets tables that are gone.
    pub(crate) fn update(&self) {
        self.tables().update();
    }

    /// Counts the rows of a table anew, which were replaced.
    pub(crate) fn recount(&self, table: &Arc<dyn TableProvider>) {
        let table = Arc::downgrade(table);
        let mut tables = self.tables();
        tables.counted.retain(|one| !one.table.ptr_eq(&table));
        tables.counted.push(CountedTable::new(table));
        tables.update();
    }

    /// Refuses rows that replace those of a table, if there are more of them and too many.
    ///
    /// # Errors
    ///
    /// A refusal above the limit.
    pub(crate) fn check_replaced(
        &self,
        name: &str,
        table: &Arc<dyn TableProvider>,
        batches: &[RecordBatch],
    ) -> Result<()> {
        self.watch(table);
        self.update();
        let mut buffers = CountedBuffers::default();
        let bytes: u64 = batches.iter().map(|batch| buffers.add(batch)).sum();
        let table = Arc::downgrade(table);
        let tables = self.tables();
        let mut found = tables.counted.iter();
        let found = found.find(|one| one.table.ptr_eq(&table));
        let before = found.map_or(0, |one| one.bytes);
        let total = (tables.total() - before).saturating_add(bytes);
        match total > self.bytes_max && bytes > before {
            true => Err(self.refused(name, total)),
            false => Ok(()),
        }
    }

    /// Refuses new values of the rows of a table while they are computed, and their last column has
    /// numbers of rows: above twice the rows before and the limit, since the capacity of buffers
    /// may be twice their contents. [`check_replaced`](Self::check_replaced) has the exact limit.
    pub(crate) fn bound_replacement(
        self: &Arc<Self>,
        name: String,
        before: &[RecordBatch],
        rows: SendableRecordBatchStream,
    ) -> SendableRecordBatchStream {
        let mut buffers = CountedBuffers::default();
        let before: u64 = before.iter().map(|batch| buffers.add(batch)).sum();
        let bytes_max = before.max(self.bytes_max).saturating_mul(2);
        let (tables, schema) = (Arc::clone(self), rows.schema());
        let (mut bytes, mut buffers) = (0, CountedBuffers::default());
        let bounded = rows.map(move |batch| {
            let batch = batch?;
            let values = &batch.columns()[..batch.num_columns().saturating_sub(1)];
            bytes += buffers.add_columns(values);
            match bytes > bytes_max {
                true => Err(tables.refused(&name, bytes)),
                false => Ok(batch),
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, bounded))
    }

    fn refused(&self, name: &str, bytes: u64) -> DataFusionError {
        let reason = StatementError::CatalogFull {
            contents: format!("rows of {bytes} bytes"),
            limit: "row_bytes_max",
            max: self.bytes_max.to_string(),
        };
        let subject = Subject::Table(name.to_owned());
        DataFusionError::External(Box::new(Error::refused(subject, reason)))
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn watch(&mut self, table: &Arc<dyn TableProvider>) {
        let table = Arc::downgrade(table);
        if !self.counted.iter().any(|one| one.table.ptr_eq(&table)) {
            self.counted.push(CountedTable::new(table));
        }
    }

    fn update(&mut self) {
        self.counted.retain_mut(CountedTable::update);
    }

    /// Counts rows in their table, of which `bytes` were arriving.
    fn arrive(&mut self, bytes: u64) {
        self.update();
        self.arriving -= bytes;
    }

    fn total(&self) -> u64 {
        let counted = self.counted.iter().map(|table| table.bytes);
        counted.sum::<u64>() + self.arriving
    }
}

/// Table, and its batches that were counted.
#[derive(Debug)]
struct CountedTable {
    table: Weak<dyn TableProvider>,
    bytes: u64,
    /// Batches of each partition that were counted.
    batches: Vec<usize>,
    buffers: CountedBuffers,
}

impl CountedTable {
    fn new(table: Weak<dyn TableProvider>) -> Self {
        Self {
            table,
            bytes: 0,
            batches: Vec::new(),
            buffers: CountedBuffers::default(),
        }
    }

    /// Counts batches that were appended since. Returns false if the table is gone.
    fn update(&mut self) -> bool {
        let Some(table) = self.table.upgrade() else {
            return false;
        };
        let Some(memory) = table.downcast_ref::<MemTable>() else {
            return false;
        };
        self.batches.resize(memory.batches.len(), 0);
        for (counted, partition) in self.batches.iter_mut().zip(&memory.batches) {
            // Of a partition that is written, the rows are arriving.
            let Ok(batches) = partition.try_read() else {
                continue;
            };
            for batch in batches.iter().skip(*counted) {
                self.bytes += self.buffers.add(batch);
            }
            *counted = batches.len();
        }
        true
    }
}
