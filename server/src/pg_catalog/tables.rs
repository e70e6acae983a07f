//! Tables of the catalog.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::common::Result as DfResult;
use datafusion::datasource::MemTable;
use datafusion::execution::context::SessionContext;

use super::SCHEMA;
use super::cells::{Row, array};
use super::columns::TABLES;
use super::rows::rows;
use super::snapshot::Snapshot;

/// Returns true for the name of a table of the catalog.
pub(super) fn is_table(name: &str) -> bool {
    TABLES.iter().any(|(table, _)| *table == name)
}

/// Registers the tables in a context.
pub(super) fn register_tables(context: &SessionContext, snapshot: &Snapshot) -> DfResult<()> {
    let schema = MemorySchemaProvider::new();
    for (name, columns) in TABLES {
        let table = table(columns, &rows(name, snapshot))?;
        schema.register_table(name.to_owned(), Arc::new(table))?;
    }
    let catalog = context.catalog("datafusion");
    if let Some(catalog) = catalog {
        catalog.register_schema(SCHEMA, Arc::new(schema))?;
    }
    Ok(())
}

fn table(columns: &str, rows: &[Row]) -> DfResult<MemTable> {
    let rows: Vec<HashMap<_, _>> = rows
        .iter()
        .map(|row| row.iter().map(|(n, c)| (*n, c)).collect())
        .collect();
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for column in columns.split_whitespace() {
        let (name, letter) = column.split_once(':').unwrap_or((column, "t"));
        let array = array(letter, rows.iter().map(|row| row.get(name).copied()));
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
    MemTable::try_new(batch.schema(), vec![vec![batch]])
}
