//! Table that a statement replaces.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};

/// Table that `CREATE OR REPLACE TABLE` replaces. DataFusion drops it before the query of the new
/// one runs: it is there again if the query fails or is cancelled.
pub(super) struct ReplacedTable {
    context: SessionContext,
    name: TableReference,
    /// `None` once the statement has succeeded.
    table: Option<Arc<dyn TableProvider>>,
}

impl ReplacedTable {
    /// Returns the table that a plan replaces.
    pub(super) async fn of(plan: &LogicalPlan, context: &SessionContext) -> Option<Self> {
        let name = match plan {
            LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) if create.or_replace => {
                &create.name
            }
            LogicalPlan::Ddl(DdlStatement::CreateExternalTable(create)) if create.or_replace => {
                &create.name
            }
            _ => return None,
        };
        let table = context.table_provider(name.clone()).await.ok()?;
        Some(Self {
            context: context.clone(),
            name: name.clone(),
            table: Some(table),
        })
    }

    /// Leaves the new table in its place.
    pub(super) fn forget(mut self) {
        self.table = None;
    }
}

impl Drop for ReplacedTable {
    fn drop(&mut self) {
        let Some(table) = self.table.take() else {
            return;
        };
        let is_there = self.context.table_exist(self.name.clone());
        if !is_there.unwrap_or(true) {
            // The schema is that from which it was taken, so that it takes the table back.
            let _ = self.context.register_table(self.name.clone(), table);
        }
    }
}
