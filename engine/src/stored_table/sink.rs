//! Sink of the rows that a statement inserts.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::common::{Result, not_impl_err};
use datafusion::datasource::sink::DataSink;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};

use super::keys::KeyCheck;
use super::loading::collect_rows;
use super::{StoredRows, TRIES_MAX};
use crate::catalog::TableRows;
use crate::table_keys::{TableKeys, nullable};

/// Sink that appends rows to a table, or replaces all of them.
#[derive(Debug)]
pub(super) struct RowSink {
    stored: Arc<StoredRows>,
    /// Schema whose columns may be null, as nulls are checked here.
    schema: SchemaRef,
    keys: TableKeys,
    replaces: bool,
}

impl RowSink {
    /// Creates the sink of an operation.
    pub(super) fn new(
        stored: Arc<StoredRows>,
        keys: TableKeys,
        operation: InsertOp,
    ) -> Result<Self> {
        let replaces = match operation {
            InsertOp::Append => false,
            InsertOp::Overwrite => true,
            InsertOp::Replace => return not_impl_err!("REPLACE INTO: use DELETE and INSERT"),
        };
        Ok(Self {
            schema: nullable(&stored.schema),
            stored,
            keys,
            replaces,
        })
    }
}

impl DisplayAs for RowSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CatalogTable (table={})", self.stored.name)
    }
}

#[async_trait]
impl DataSink for RowSink {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    async fn write_all(
        &self,
        data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        let (batches, _reservation) = collect_rows(data, context.memory_pool()).await?;
        let count = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        let schema = &self.stored.schema;
        for batch in &batches {
            self.keys.check_nulls(schema, batch)?;
        }
        let keys = match self.keys.is_empty() {
            true => None,
            false => {
                let pool = context.memory_pool();
                let added = self.keys.of_added(schema, &batches, pool).await?;
                Some(KeyCheck::new(added, pool))
            }
        };
        let chunks = self.stored.chunks(batches).await?;
        if !self.replaces {
            self.stored.append(chunks, keys.as_ref()).await?;
            return Ok(count);
        }
        let rows = TableRows::new(Arc::clone(&self.stored.schema), chunks);
        for _ in 0..TRIES_MAX {
            let (version, _) = self.stored.current()?;
            if self.stored.replace(version, rows.clone()).await? {
                return Ok(count);
            }
        }
        Err(self.stored.busy())
    }
}
