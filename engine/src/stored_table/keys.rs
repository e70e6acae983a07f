//! Keys of the rows that a statement adds to a table.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::memory_pool::MemoryPool;

use super::loading::load;
use crate::catalog::TableRows;
use crate::table_keys::AddedKeys;

/// Keys of rows that are added, and the pool of their statement.
pub(super) struct KeyCheck {
    added: Arc<AddedKeys>,
    pool: Arc<dyn MemoryPool>,
}

impl KeyCheck {
    /// Creates the check of rows that are added.
    pub(super) fn new(added: AddedKeys, pool: &Arc<dyn MemoryPool>) -> Self {
        Self {
            added: Arc::new(added),
            pool: Arc::clone(pool),
        }
    }

    /// Compares the rows of a table with them, one chunk after the other.
    ///
    /// # Errors
    ///
    /// A refusal if a key of both is equal; rows that cannot be read; an exhausted pool.
    pub(super) async fn compare(&self, rows: &TableRows) -> Result<()> {
        for chunk in rows.chunks() {
            let chunk = TableRows::new(Arc::clone(rows.schema()), vec![Arc::clone(chunk)]);
            let batches = load(&chunk, &self.pool).await?;
            self.added.compare_all(batches).await?;
        }
        Ok(())
    }
}
