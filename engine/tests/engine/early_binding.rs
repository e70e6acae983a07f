//! Functions of a catalog that are bound when a query first calls them, and fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fusebox::{
    BlobStore, Catalog, CatalogChange, CatalogError, CatalogFunction, CatalogModule, Digest, Error,
    MemoryCatalog, Session,
};

use crate::{run, session};

/// Store whose bytes are gone, which counts how often they are read.
#[derive(Debug, Default)]
struct EmptyStore {
    reads: AtomicU64,
}

impl BlobStore for EmptyStore {
    fn read(&self, _: Digest) -> Result<Vec<u8>, CatalogError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Err(CatalogError::Failed("the bytes are gone".to_owned()))
    }
}

impl EmptyStore {
    fn take_reads(&self) -> u64 {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

/// Opens a session of a catalog with the functions `one` and `other`, whose modules are not in
/// the store.
async fn session_without_modules(store: &Arc<EmptyStore>) -> Session {
    let source = session();
    let create = "CREATE FUNCTION one(BIGINT) RETURNS BIGINT LANGUAGE WASM
            AS 'hostile/remembers.wat' EXPORT 'static';
        CREATE FUNCTION other(BIGINT) RETURNS BIGINT LANGUAGE WASM
            AS 'hostile/remembers.wat' EXPORT 'size'";
    run(&source, create).await.unwrap();
    let contents = source.engine().catalog().contents().unwrap();
    let functions = contents.functions().map(|function| {
        let (digest, bytes) = (function.module().digest(), function.module().bytes());
        let store: Arc<dyn BlobStore> = Arc::<EmptyStore>::clone(store);
        let module = Arc::new(CatalogModule::stored(digest, bytes, store));
        let function = CatalogFunction::new(function.definition().clone(), module);
        CatalogChange::PutFunction(Arc::new(function))
    });
    let catalog = MemoryCatalog::default();
    catalog.apply(0, functions.collect()).unwrap();
    let builder = Session::builder().catalog(Arc::new(catalog));
    builder.build().unwrap()
}

fn message(error: &Error) -> String {
    let found = Error::find_in(error);
    found.map_or_else(|| error.to_string(), ToString::to_string)
}

#[tokio::test]
async fn function_that_cannot_be_bound_is_bound_once_for_each_query() {
    let store = Arc::new(EmptyStore::default());
    let session = session_without_modules(&store).await;
    let nested = "WITH a AS (SELECT other(1) AS b) SELECT one(b) FROM a";
    for (query, function, reads) in [
        ("SELECT one(1)", "one", 1),
        ("SELECT other(one(1))", "other", 1),
        ("SELECT one(1) WHERE other(2) > 0", "one", 1),
        ("SELECT max(one(value)) FROM range(0, 9)", "one", 1),
        // `other` is the first of the text, and `one` that of the plan.
        (nested, "one", 2),
    ] {
        store.take_reads();
        let failed = message(&run(&session, query).await.unwrap_err());
        assert_eq!(store.take_reads(), reads, "{query}: {failed}");
        assert!(failed.contains("the bytes are gone"), "{failed}");
        assert!(
            failed.contains(&format!("`{function}`")),
            "{query}: {failed}"
        );
        // A statement that is prepared is bound after it was planned, and not before.
        let prepared = format!("PREPARE p AS {query}; EXECUTE p");
        let of_prepared = message(&run(&session, &prepared).await.unwrap_err());
        assert_eq!(of_prepared, failed, "{query}");
        run(&session, "DEALLOCATE p").await.unwrap();
    }
}

#[tokio::test]
async fn function_that_a_query_does_not_call_fails_nothing() {
    let store = Arc::new(EmptyStore::default());
    let session = session_without_modules(&store).await;
    run(&session, "PREPARE p AS SELECT one(1)").await.unwrap();
    assert_eq!(store.take_reads(), 0);
}
