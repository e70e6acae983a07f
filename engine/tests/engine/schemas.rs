//! Schemas of an embedder, whose tables are opened when a statement asks for them.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::prelude::SessionContext;
use fusebox::{CatalogLimits, Engine, Error, Session};
use tokio::sync::{Notify, Semaphore};

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

/// Schema that waits before it opens a table.
#[derive(Debug)]
struct SlowSchema {
    tables: MemorySchemaProvider,
    is_asked: Notify,
    may_open: Semaphore,
}

#[async_trait]
impl SchemaProvider for SlowSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if self.table_exist(name) {
            self.is_asked.notify_one();
            drop(self.may_open.acquire().await);
        }
        self.tables.table(name).await
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        self.tables.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.tables.deregister_table(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.table_exist(name)
    }
}

async fn is_refused(session: &Session, sql: &str) -> bool {
    let Err(error) = run(session, sql).await else {
        return false;
    };
    matches!(Error::find_in(&error), Some(Error::Refused { .. }))
}

/// A statement has registered its table, and not counted it yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_new_table_count_before_the_table_does() {
    let schema = Arc::new(SlowSchema {
        tables: MemorySchemaProvider::new(),
        is_asked: Notify::new(),
        may_open: Semaphore::new(0),
    });
    let limits = CatalogLimits {
        row_bytes_max: 10 << 20,
        ..CatalogLimits::default()
    };
    let engine = Engine::builder().catalog_limits(limits).build().unwrap();
    let context = context("slow", Arc::clone(&schema) as _);
    let session = engine.session().context(context).build().unwrap();
    // 8 MB, of which two are too many.
    let million = "AS SELECT value FROM range(0, 1000000)";
    let creating = tokio::spawn({
        let session = session.clone();
        async move { run(&session, &format!("CREATE TABLE slow.t {million}")).await }
    });
    schema.is_asked.notified().await;
    let other = format!("CREATE TABLE u {million}");
    assert!(is_refused(&session, &other).await);
    schema.may_open.add_permits(1);
    creating.await.unwrap().unwrap();
    assert!(is_refused(&session, &other).await);
    // They are counted once.
    let small = "CREATE TABLE small AS SELECT value FROM range(0, 100000)";
    run(&session, small).await.unwrap();
    run(&session, "DROP TABLE slow.t").await.unwrap();
    run(&session, &other).await.unwrap();
}
