//! A catalog that other sessions keep changing.

use std::sync::Arc;

use fusebox::{
    Catalog, CatalogChange, CatalogContents, CatalogError, FileAccess, MemoryCatalog, Session,
};

use crate::{CLAMP, number, run, udfs};

/// A catalog that another session changes whenever it is read.
#[derive(Debug, Default)]
struct BusyCatalog(MemoryCatalog);

impl Catalog for BusyCatalog {
    fn contents(&self) -> Result<Arc<CatalogContents>, CatalogError> {
        let version = self.0.contents()?.version();
        self.0.apply(version, Vec::new())
    }

    fn apply(
        &self,
        version: u64,
        changes: Vec<CatalogChange>,
    ) -> Result<Arc<CatalogContents>, CatalogError> {
        self.0.apply(version, changes)
    }
}

#[tokio::test]
async fn statements_end_while_other_sessions_keep_changing_the_catalog() {
    let catalog = Arc::new(BusyCatalog::default());
    let files = FileAccess::under(udfs()).unwrap();
    let session = Session::builder().files(files).catalog(catalog);
    let session = session.build().unwrap();
    run(&session, CLAMP).await.unwrap();
    let batches = run(&session, "SELECT clamp_to(9, 1, 5)").await.unwrap();
    assert_eq!(number(&batches), 5);
    let alter = "ALTER FUNCTION clamp_to SET (fuel_per_row = 7)";
    run(&session, alter).await.unwrap();
}
