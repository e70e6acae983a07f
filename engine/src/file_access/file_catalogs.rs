//! Catalogs whose tables may be named by paths.
//!
//! `SessionContext::enable_url_table` of DataFusion adds such tables to a context, and resolves the
//! paths by the file system. The catalogs here stand in front of its own and resolve them by the
//! session's access.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, DynamicFileCatalog, SchemaProvider, TableProvider,
};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::TableType;
use fusebox_definition::{StatementError, Subject};
use fusebox_runtime::Error;

use super::FileAccess;
use super::file_tables::FileTables;
use crate::function::external;

/// Replaces DataFusion's tables that are named by paths, if the context has them.
pub(super) fn confine_file_tables(context: &SessionContext, files: &FileAccess) {
    // A copy of the state has a copy of each table of functions.
    let catalogs = Arc::clone(context.state_ref().read().catalog_list());
    let (inner, dropped) = match catalogs.downcast_ref::<FileCatalogs>() {
        Some(earlier) => (Arc::clone(&earlier.inner), Arc::clone(&earlier.dropped)),
        None if catalogs.is::<DynamicFileCatalog>() => (catalogs, Arc::default()),
        None => return,
    };
    let state = context.state_weak_ref();
    let tables = FileTables {
        files: files.clone(),
        state: Arc::new(move || Some(state.upgrade()?.read().clone())),
    };
    context.register_catalog_list(Arc::new(FileCatalogs {
        inner,
        tables,
        dropped,
    }));
}

/// Names of catalogs and schemas that were dropped: those of DataFusion keep them.
type DroppedSchemas = Mutex<HashSet<(String, String)>>;

#[derive(Debug)]
struct FileCatalogs {
    inner: Arc<dyn CatalogProviderList>,
    tables: FileTables,
    dropped: Arc<DroppedSchemas>,
}

impl CatalogProviderList for FileCatalogs {
    fn register_catalog(
        &self,
        name: String,
        catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        self.inner.register_catalog(name, catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        self.inner.catalog_names()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let inner = self.inner.catalog(name)?;
        Some(Arc::new(FileCatalog {
            name: name.to_owned(),
            inner,
            tables: self.tables.clone(),
            dropped: Arc::clone(&self.dropped),
        }))
    }
}

#[derive(Debug)]
struct FileCatalog {
    name: String,
    inner: Arc<dyn CatalogProvider>,
    tables: FileTables,
    dropped: Arc<DroppedSchemas>,
}

impl FileCatalog {
    fn dropped(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_dropped(&self, schema: &str) -> bool {
        let name = (self.name.clone(), schema.to_owned());
        self.dropped().contains(&name)
    }
}

impl CatalogProvider for FileCatalog {
    fn schema_names(&self) -> Vec<String> {
        let mut names = self.inner.schema_names();
        names.retain(|name| !self.is_dropped(name));
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if self.is_dropped(name) {
            return None;
        }
        let inner = self.inner.schema(name)?;
        let tables = self.tables.clone();
        Some(Arc::new(FileSchema { inner, tables }))
    }

    fn register_schema(
        &self,
        name: &str,
        schema: Arc<dyn SchemaProvider>,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        let registered = self.inner.register_schema(name, schema)?;
        let is_new = self.dropped().remove(&(self.name.clone(), name.to_owned()));
        Ok(registered.filter(|_| !is_new))
    }

    fn deregister_schema(
        &self,
        name: &str,
        cascade: bool,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        let Some(schema) = self.schema(name) else {
            return Ok(None);
        };
        let tables = schema.table_names();
        if !cascade && !tables.is_empty() {
            let relations = tables.len();
            let reason = StatementError::SchemaNotEmpty { relations };
            let refused = Error::refused(Subject::Schema(name.to_owned()), reason);
            return Err(external(refused));
        }
        match self.inner.deregister_schema(name, cascade) {
            // A catalog with tables of files.
            Err(DataFusionError::NotImplemented(_)) => {}
            other => return other,
        }
        for table in tables {
            schema.deregister_table(&table)?;
        }
        let name = (self.name.clone(), name.to_owned());
        self.dropped().insert(name);
        Ok(Some(schema))
    }
}

/// Schema of the session's own whose names may be paths of files.
#[derive(Debug)]
pub(crate) struct FileSchema {
    inner: Arc<dyn SchemaProvider>,
    tables: FileTables,
}

#[async_trait]
impl SchemaProvider for FileSchema {
    fn owner_name(&self) -> Option<&str> {
        self.inner.owner_name()
    }

    fn table_names(&self) -> Vec<String> {
        self.inner.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        // Asked for a name that it has no table of, the inner schema would look for a file.
        match self.inner.table_exist(name) {
            true => self.inner.table(name).await,
            false => self.tables.table(name).await,
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        match self.inner.table_exist(name) {
            true => self.inner.table_type(name).await,
            false => Ok(self.table(name).await?.map(|table| table.table_type())),
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        self.inner.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.inner.deregister_table(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.inner.table_exist(name)
    }
}
