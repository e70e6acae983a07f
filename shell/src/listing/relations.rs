//! Kinds of tables, which the information schema does not tell apart.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::catalog::TableProvider;
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::{MemTable, TableType};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use fusebox::Session;
use futures::StreamExt;

/// Kinds of relations, by their schemas and names.
type Kinds = HashMap<(String, String), &'static str>;

/// Names the kinds of relations in the column `type` of a list.
pub(super) async fn with_kinds(
    stream: SendableRecordBatchStream,
    session: &Session,
) -> SendableRecordBatchStream {
    let schema = stream.schema();
    let index = |name: &str| schema.index_of(name).ok();
    let (Some(of_schema), Some(of_name), Some(of_type)) =
        (index("schema"), index("name"), index("type"))
    else {
        return stream;
    };
    let kinds = kinds(session).await;
    let batches = stream.map(move |batch| {
        let batch = batch?;
        let mut columns = batch.columns().to_vec();
        if let (Some(schemas), Some(names), Some(types)) = (
            columns[of_schema].as_string_opt::<i32>(),
            columns[of_name].as_string_opt::<i32>(),
            columns[of_type].as_string_opt::<i32>(),
        ) {
            let rows = schemas.iter().zip(names).zip(types);
            let kinds = rows.map(|((schema, name), known)| {
                let key = (schema?.to_owned(), name?.to_owned());
                kinds.get(&key).copied().or(known)
            });
            let kinds: ArrayRef = Arc::new(kinds.collect::<StringArray>());
            columns[of_type] = kinds;
        }
        RecordBatch::try_new(batch.schema(), columns).map_err(DataFusionError::from)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// Finds the kinds of the relations of the default catalog.
async fn kinds(session: &Session) -> Kinds {
    let context = session.context();
    let config = context.copied_config();
    let name = &config.options().catalog.default_catalog;
    let mut kinds = Kinds::new();
    let Some(catalog) = context.catalog(name) else {
        return kinds;
    };
    let schemas = catalog.schema_names().into_iter();
    for schema in schemas.filter(|schema| schema != "fusebox") {
        let Some(provider) = catalog.schema(&schema) else {
            continue;
        };
        for table in provider.table_names() {
            if let Ok(Some(found)) = provider.table(&table).await {
                let kind = kind(found.as_ref(), session.keeps_relations());
                kinds.insert((schema.clone(), table), kind);
            }
        }
    }
    kinds
}

/// Returns the kind of a relation. Where the catalog keeps tables, those in memory are temporary.
fn kind(table: &dyn TableProvider, keeps_tables: bool) -> &'static str {
    let definition = table.get_table_definition().unwrap_or_default();
    let is_external = definition
        .to_uppercase()
        .starts_with("CREATE EXTERNAL TABLE");
    match table.table_type() {
        TableType::View => "view",
        _ if is_external || table.is::<ListingTable>() => "external table",
        _ if keeps_tables && table.is::<MemTable>() => "temporary table",
        _ => "table",
    }
}
