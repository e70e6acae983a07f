//! Keys of a table, below its columns.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Constraint;
use datafusion::common::utils::quote_identifier;
use fusebox::declared_keys;

use super::Prompt;
use crate::failure::Failure;
use crate::format::Format;

impl Prompt<'_> {
    /// Prints the keys of a table, where results are for reading.
    pub(super) fn print_keys(&mut self, table: &str) -> Result<(), Failure> {
        if self.runner.display.format != Format::Table {
            return Ok(());
        }
        let session = Arc::clone(self.runner.session());
        let table = table.to_owned();
        let keys = async move {
            let table = session.context().table_provider(&*table).await;
            table.map_or_else(|_| Vec::new(), |table| keys(table.as_ref()))
        };
        let keys = self.runner.wait(keys)?;
        self.print(&keys)
    }
}

/// Returns the clauses of the keys of a table.
fn keys(table: &dyn TableProvider) -> Vec<String> {
    let schema = table.schema();
    let keys = declared_keys(table);
    let clauses = keys.iter().map(|key| {
        let (kind, columns) = match key {
            Constraint::PrimaryKey(columns) => ("PRIMARY KEY", columns),
            Constraint::Unique(columns) => ("UNIQUE", columns),
        };
        let names = columns.iter().map(|index| schema.field(*index).name());
        let names = names.map(|name| quote_identifier(name));
        format!("{kind} ({})", names.collect::<Vec<_>>().join(", "))
    });
    clauses.collect()
}
