//! Tables that are named by paths.
//!
//! `SessionContext::enable_url_table` of DataFusion adds them to a context, and resolves the
//! paths by the file system. The catalogs here stand in front of its own and resolve them by the
//! session's access.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, DynamicFileCatalog, SchemaProvider, TableProvider,
};
use datafusion::common::Result;
use datafusion::datasource::listing::{
    ListingTable, ListingTableConfig, ListingTableConfigExt, ListingTableUrl,
};
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::logical_expr::TableType;
use fusebox_runtime::Error;

use super::{FileAccess, FileUse};
use crate::function::external;

/// Replaces DataFusion's tables that are named by paths, if the context has them.
pub(super) fn confine_file_tables(context: &SessionContext, files: &FileAccess) {
    let catalogs = Arc::clone(context.state().catalog_list());
    let inner = match catalogs.downcast_ref::<FileCatalogs>() {
        Some(earlier) => Arc::clone(&earlier.inner),
        None if catalogs.is::<DynamicFileCatalog>() => catalogs,
        None => return,
    };
    let state = context.state_weak_ref();
    let tables = FileTables {
        files: files.clone(),
        state: Arc::new(move || Some(state.upgrade()?.read().clone())),
    };
    context.register_catalog_list(Arc::new(FileCatalogs { inner, tables }));
}

/// Makes tables of paths.
#[derive(Clone)]
struct FileTables {
    files: FileAccess,
    /// Returns the state of the context, which holds these tables.
    state: Arc<dyn Fn() -> Option<SessionState> + Send + Sync>,
}

impl FileTables {
    /// Returns the table of the files that `name` leads to; `None` if there are none.
    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(state) = (self.state)() else {
            return Ok(None);
        };
        let stores = &state.runtime_env().object_store_registry;
        let has_store = |url: &_| stores.get_store(url).is_ok();
        let location = match self.files.resolve(name, FileUse::Read, has_store) {
            Ok(location) => location,
            // Any other name is that of a missing table.
            Err(_) if !name.contains(['/', '\\', '.', '*']) => return Ok(None),
            Err(error) => return Err(external(FileUse::Read.refused(name, error))),
        };
        let Ok(url) = ListingTableUrl::parse(location) else {
            return Ok(None);
        };
        let config = match ListingTableConfig::new(url).infer_options(&state).await {
            Ok(config) => config,
            Err(error) if Error::find_in(&error).is_some() => return Err(error),
            Err(_) => return Ok(None),
        };
        let config = config.infer_partitions_from_path(&state).await?;
        let config = config.infer_schema(&state).await?;
        Ok(Some(Arc::new(ListingTable::try_new(config)?)))
    }
}

impl fmt::Debug for FileTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileTables")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct FileCatalogs {
    inner: Arc<dyn CatalogProviderList>,
    tables: FileTables,
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
        let tables = self.tables.clone();
        Some(Arc::new(FileCatalog { inner, tables }))
    }
}

#[derive(Debug)]
struct FileCatalog {
    inner: Arc<dyn CatalogProvider>,
    tables: FileTables,
}

impl CatalogProvider for FileCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.inner.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let inner = self.inner.schema(name)?;
        let tables = self.tables.clone();
        Some(Arc::new(FileSchema { inner, tables }))
    }

    fn register_schema(
        &self,
        name: &str,
        schema: Arc<dyn SchemaProvider>,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.inner.register_schema(name, schema)
    }

    fn deregister_schema(
        &self,
        name: &str,
        cascade: bool,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.inner.deregister_schema(name, cascade)
    }
}

#[derive(Debug)]
struct FileSchema {
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
