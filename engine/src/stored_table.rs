//! Tables whose rows the catalog keeps.
//!
//! A table is read as of the statement that plans the scan, and changed by one transaction of the
//! catalog. Its rows are in memory, charged to the pool of the statement, while a column of them
//! lives. Rows that are appended do not conflict with those of others. DELETE and UPDATE are not
//! for a table to plan: the session finds their rows, in `session/row_changes.rs`.

// The sink of INSERT.
mod sink;

// Keys of the rows that it adds.
mod keys;

// Rows that are read and collected, and what both are charged to.
mod loading;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Constraints, DataFusionError, Result, SchemaExt};
use datafusion::datasource::MemTable;
use datafusion::datasource::sink::DataSinkExec;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::Error;

use crate::catalog::{
    Catalog, CatalogChange, CatalogError, CatalogLimits, Relation, RowChunk, TableRows,
};
use crate::function::external;
use crate::table_keys::TableKeys;
use keys::KeyCheck;
use loading::{catalog_error, in_background, load};
pub(crate) use loading::{chunks_of, collect_rows};
use sink::RowSink;

/// Times that a change is tried, if others keep changing the catalog.
const TRIES_MAX: usize = 1_000;

/// Returns the primary and unique keys of a table. Those of a catalog that keeps its rows are not
/// among the constraints that DataFusion plans with.
pub fn declared_keys(table: &dyn TableProvider) -> Constraints {
    match table.downcast_ref::<StoredTable>() {
        Some(stored) => stored.keys.constraints(),
        None => table.constraints().cloned().unwrap_or_default(),
    }
}

/// Table of a catalog that keeps its rows. DataFusion does not know its keys: it would plan queries
/// as if they held, and a file of another version may have rows for which they do not.
#[derive(Debug)]
pub(crate) struct StoredTable {
    stored: Arc<StoredRows>,
    keys: TableKeys,
    defaults: HashMap<String, Expr>,
    /// Reason for which the defaults are unknown.
    wrong_defaults: Option<String>,
}

/// Rows of a table, and the catalog that keeps them.
#[derive(Debug)]
struct StoredRows {
    /// Qualified name.
    name: String,
    /// Statement that creates the table.
    definition: String,
    catalog: Arc<dyn Catalog>,
    limits: CatalogLimits,
    schema: SchemaRef,
    /// The rows that the session sees; `None` once the table was dropped.
    seen: RwLock<Option<TableRows>>,
}

impl StoredTable {
    /// Creates the table of rows.
    pub(crate) fn new(
        relation: &Relation,
        catalog: Arc<dyn Catalog>,
        limits: CatalogLimits,
        rows: TableRows,
    ) -> Self {
        let stored = StoredRows {
            name: relation.name.clone(),
            definition: relation.sql.clone(),
            catalog,
            limits,
            schema: Arc::clone(rows.schema()),
            seen: RwLock::new(Some(rows)),
        };
        Self {
            stored: Arc::new(stored),
            keys: TableKeys::default(),
            defaults: HashMap::new(),
            wrong_defaults: None,
        }
    }

    /// Sets the keys.
    #[must_use]
    pub(crate) fn with_keys(mut self, keys: TableKeys) -> Self {
        self.keys = keys;
        self
    }

    /// Returns the keys.
    pub(crate) fn keys(&self) -> &TableKeys {
        &self.keys
    }

    /// Sets the defaults of columns, by name.
    #[must_use]
    pub(crate) fn with_defaults(mut self, defaults: HashMap<String, Expr>) -> Self {
        self.defaults = defaults;
        self
    }

    /// Refuses to insert rows, since the defaults of columns cannot be planned.
    #[must_use]
    pub(crate) fn with_wrong_defaults(mut self, reason: Option<String>) -> Self {
        self.wrong_defaults = reason;
        self
    }

    /// Returns the reason for which the defaults are unknown.
    pub(crate) fn wrong_defaults(&self) -> Option<&str> {
        self.wrong_defaults.as_deref()
    }

    /// Sees other rows from now on; `None` if the table was dropped.
    pub(crate) fn see(&self, rows: Option<&TableRows>) {
        self.stored.see(rows.cloned());
    }

    /// Reads the rows that the catalog has now, with its version. Other scans of the statement see
    /// the same rows.
    pub(crate) async fn load_current(
        &self,
        pool: &Arc<dyn MemoryPool>,
    ) -> Result<(u64, Vec<RecordBatch>)> {
        for _ in 0..TRIES_MAX {
            let (version, rows) = self.stored.current()?;
            match load(&rows, pool).await {
                Ok(batches) => {
                    self.stored.see(Some(rows));
                    return Ok((version, batches));
                }
                Err(error @ DataFusionError::ResourcesExhausted(_)) => return Err(error),
                // They may be gone by now.
                Err(_) if self.stored.is_past(version)? => {}
                Err(error) => return Err(error),
            }
        }
        Err(self.stored.busy())
    }

    /// Replaces the rows that the catalog had at a version. Returns false if it is not at that
    /// version any more.
    pub(crate) async fn replace_current(
        &self,
        version: u64,
        batches: Vec<RecordBatch>,
    ) -> Result<bool> {
        let chunks = self.stored.chunks(batches).await?;
        let rows = TableRows::new(Arc::clone(&self.stored.schema), chunks);
        self.stored.replace(version, rows).await
    }
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.stored.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.defaults.get(column)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let pool = &state.runtime_env().memory_pool;
        let batches = self.stored.load_seen(pool).await?;
        let memory = MemTable::try_new(self.schema(), vec![batches])?;
        memory.scan(state, projection, filters, limit).await
    }

    async fn insert_into(
        &self,
        _state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        operation: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some(reason) = &self.wrong_defaults {
            return Err(DataFusionError::Plan(format!(
                "the defaults of the table `{}` cannot be planned: {reason}",
                self.stored.name
            )));
        }
        let schema = self.schema();
        schema.logically_equivalent_names_and_types(&input.schema())?;
        let sink = RowSink::new(Arc::clone(&self.stored), self.keys.clone(), operation)?;
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), None)))
    }
}

impl StoredRows {
    fn see(&self, rows: Option<TableRows>) {
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = rows;
    }

    /// Returns the rows that the session sees.
    fn seen(&self) -> Result<TableRows> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.clone().ok_or_else(|| self.gone())
    }

    /// Sees other rows instead of those that cannot be read, and returns the rows that are seen
    /// then: another scan of the statement may have found newer ones already.
    fn see_instead(&self, unreadable: &TableRows, now: TableRows) -> Result<TableRows> {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.as_mut().ok_or_else(|| self.gone())?;
        if seen == unreadable {
            *seen = now;
        }
        Ok(seen.clone())
    }

    /// Reads the rows that the session sees. If another process has replaced rows that no scan
    /// uses, the session sees those that there are now.
    async fn load_seen(&self, pool: &Arc<dyn MemoryPool>) -> Result<Vec<RecordBatch>> {
        let mut rows = self.seen()?;
        loop {
            match load(&rows, pool).await {
                Ok(batches) => return Ok(batches),
                // The rows are there.
                Err(error @ DataFusionError::ResourcesExhausted(_)) => return Err(error),
                Err(error) => {
                    let (_, now) = self.current()?;
                    if now == rows {
                        return Err(error);
                    }
                    rows = self.see_instead(&rows, now)?;
                }
            }
        }
    }

    /// Returns true if the catalog is not at a version any more.
    fn is_past(&self, version: u64) -> Result<bool> {
        let contents = self.catalog.contents().map_err(catalog_error)?;
        Ok(contents.version() != version)
    }

    /// Returns the rows that the catalog has now, with its version.
    fn current(&self) -> Result<(u64, TableRows)> {
        let contents = self.catalog.contents().map_err(catalog_error)?;
        let relation = contents.relation(&self.name);
        let relation = relation.filter(|relation| relation.sql == self.definition);
        let rows = relation.and_then(|relation| relation.rows.clone());
        let rows = rows.filter(|rows| *rows.schema() == self.schema);
        Ok((contents.version(), rows.ok_or_else(|| self.gone())?))
    }

    /// Replaces the rows that the catalog had at a version. Returns false if it is not at that
    /// version any more.
    async fn replace(self: &Arc<Self>, version: u64, rows: TableRows) -> Result<bool> {
        let stored = Arc::clone(self);
        in_background(move || stored.replace_now(version, rows)).await
    }

    fn replace_now(&self, version: u64, rows: TableRows) -> Result<bool> {
        let contents = self.catalog.contents().map_err(catalog_error)?;
        let relation = contents.relation(&self.name).ok_or_else(|| self.gone())?;
        let relation = relation.clone().with_rows(rows.clone());
        let changes = vec![CatalogChange::PutRelation(relation)];
        let checked = self
            .limits
            .check(&contents, &contents.with(changes.clone()));
        checked.map_err(|reason| external(Error::refused(self.subject(), reason)))?;
        match self.catalog.apply(version, changes) {
            Ok(_) => {
                self.see(Some(rows));
                Ok(true)
            }
            Err(CatalogError::Conflict) => Ok(false),
            Err(error) => Err(catalog_error(error)),
        }
    }

    /// Appends rows, whatever others append meanwhile.
    async fn append(
        self: &Arc<Self>,
        added: Vec<Arc<RowChunk>>,
        keys: Option<&KeyCheck>,
    ) -> Result<()> {
        let added = Arc::new(added);
        for _ in 0..TRIES_MAX {
            let (version, rows) = self.current()?;
            let added = Arc::clone(&added);
            let next = async {
                if let Some(keys) = keys {
                    keys.compare(&rows).await?;
                }
                in_background(move || rows.followed_by(&added).map_err(catalog_error)).await
            };
            let next = match next.await {
                Ok(next) => next,
                // The last chunk may be gone by now.
                Err(_) if self.is_past(version)? => continue,
                Err(error) => return Err(error),
            };
            if self.replace(version, next).await? {
                return Ok(());
            }
        }
        Err(self.busy())
    }

    /// Divides rows into chunks.
    async fn chunks(&self, batches: Vec<RecordBatch>) -> Result<Vec<Arc<RowChunk>>> {
        chunks_of(&self.schema, batches).await
    }

    fn subject(&self) -> Subject {
        Subject::Table(self.name.clone())
    }

    fn busy(&self) -> DataFusionError {
        let name = &self.name;
        external(Error::Catalog(format!(
            "`{name}` was not changed, because others changed the catalog {TRIES_MAX} times \
             meanwhile: try again"
        )))
    }

    fn gone(&self) -> DataFusionError {
        external(Error::refused(self.subject(), StatementError::TableGone))
    }
}
