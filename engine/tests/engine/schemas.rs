//! Schemas of an embedder, whose tables are opened when a statement asks for them.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::prelude::SessionContext;
use fusebox::Session;

use crate::{number, run};

/// Returns a context with a schema.
fn context(name: &str, schema: Arc<dyn SchemaProvider>) -> SessionContext {
    let context = SessionContext::new();
    let catalog = context.catalog("datafusion").unwrap();
    catalog.register_schema(name, schema).unwrap();
    context
}

/// Schema with a table `lost` that cannot be opened.
#[derive(Debug)]
struct BrokenSchema;

#[async_trait]
impl SchemaProvider for BrokenSchema {
    fn table_names(&self) -> Vec<String> {
        vec!["lost".to_owned()]
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.table_exist(name) {
            true => exec_err!("the table {name} is lost"),
            false => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        name == "lost"
    }
}

#[tokio::test]
async fn table_that_cannot_be_opened_fails_no_statement_without_it() {
    let context = context("public", Arc::new(BrokenSchema));
    let session = Session::builder().context(context).build().unwrap();
    for query in [
        "WITH lost AS (SELECT 7 AS x) SELECT x FROM lost",
        "SELECT x FROM (WITH lost AS (SELECT 7 AS x) SELECT a.x FROM lost a, lost b)",
    ] {
        let found = run(&session, query).await;
        let found = found.unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(number(&found), 7, "{query}");
    }
    for query in [
        "SELECT * FROM lost",
        "WITH w AS (SELECT * FROM lost) SELECT 1 FROM w",
    ] {
        let error = run(&session, query).await.unwrap_err().to_string();
        assert!(error.contains("lost is lost"), "{query}: {error}");
    }
}
