//! Object stores of a session.

use std::sync::{Arc, PoisonError, RwLock};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::cache::cache_manager::{
    CacheManagerConfig, DEFAULT_FILE_STATISTICS_MEMORY_LIMIT,
    DEFAULT_LIST_FILES_CACHE_MEMORY_LIMIT, DEFAULT_METADATA_CACHE_LIMIT,
};
use datafusion::execution::context::SessionContext;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::object_store::ObjectStore;
use fusebox_definition::FileAccessError;
use url::Url;

use super::file_catalogs::confine_file_tables;
use super::formats::register_formats;
use super::location::is_file_url;
use super::store::FileStore;
use super::{FileAccess, FileUse};
use crate::function::external;
use crate::session_state::rebuild;

/// Registry whose store of files is that of the session. Other schemes have the stores that
/// the embedder registered.
#[derive(Debug)]
struct FileRegistry {
    files: RwLock<Option<Arc<dyn ObjectStore>>>,
    others: Arc<dyn ObjectStoreRegistry>,
}

/// Bytes of the statistics of files that a session caches.
const STATISTICS_BYTES_MAX: usize = 2 << 20;

/// Bytes of the metadata of files, such as footers of Parquet, that a session caches.
const METADATA_BYTES_MAX: usize = 8 << 20;

/// Configures new caches of one session, with the limits of `configured`. Smaller ones replace
/// DataFusion's defaults, 70 MiB in all: each session has its own caches, and no memory pool is
/// charged for them.
pub(crate) fn file_caches(configured: &CacheManagerConfig) -> CacheManagerConfig {
    let unless_default = |limit, default, bytes_max| match limit == default {
        true => bytes_max,
        false => limit,
    };
    CacheManagerConfig {
        file_statistics_cache_limit: unless_default(
            configured.file_statistics_cache_limit,
            DEFAULT_FILE_STATISTICS_MEMORY_LIMIT,
            STATISTICS_BYTES_MAX,
        ),
        // Nothing tells it of files that come and go: a query would miss some, without a word.
        list_files_cache_limit: unless_default(
            configured.list_files_cache_limit,
            DEFAULT_LIST_FILES_CACHE_MEMORY_LIMIT,
            0,
        ),
        list_files_cache_ttl: configured.list_files_cache_ttl,
        metadata_cache_limit: unless_default(
            configured.metadata_cache_limit,
            DEFAULT_METADATA_CACHE_LIMIT,
            METADATA_BYTES_MAX,
        ),
        ..CacheManagerConfig::default()
    }
}

/// Makes the registry of a session's own context.
pub(crate) fn file_registry(files: &FileAccess) -> Arc<dyn ObjectStoreRegistry> {
    registry(files, Arc::new(DefaultObjectStoreRegistry::new()))
}

fn registry(
    files: &FileAccess,
    others: Arc<dyn ObjectStoreRegistry>,
) -> Arc<dyn ObjectStoreRegistry> {
    let store = FileStore::new(files);
    let store = store.map(|store| Arc::new(store) as Arc<dyn ObjectStore>);
    Arc::new(FileRegistry {
        files: RwLock::new(store),
        others,
    })
}

/// Confines a context of the embedder to `files`, with its other object stores as they are. Its
/// state is built again, with `change` too.
///
/// # Errors
///
/// Those of DataFusion where the embedder's runtime environment cannot be built again.
pub(crate) fn confine(
    context: &SessionContext,
    files: &FileAccess,
    change: impl FnOnce(&mut SessionStateBuilder),
) -> Result<()> {
    let state = context.state_ref();
    {
        let mut state = state.write();
        let mut runtime = RuntimeEnvBuilder::from_runtime_env(state.runtime_env());
        let others = Arc::clone(&runtime.object_store_registry);
        runtime.object_store_registry = registry(files, others);
        if !files.is_unconfined() {
            // Contexts that share a runtime environment share what it knows of files.
            runtime.cache_manager = file_caches(&runtime.cache_manager);
        }
        let runtime = runtime.build_arc()?;
        rebuild(&mut state, |builder| {
            *builder.runtime_env() = Some(runtime);
            change(builder);
        });
        register_formats(&mut state);
    }
    confine_file_tables(context, files);
    Ok(())
}

impl ObjectStoreRegistry for FileRegistry {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        if !is_file_url(url) {
            return self.others.register_store(url, store);
        }
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.replace(store)
    }

    fn deregister_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if !is_file_url(url) {
            return self.others.deregister_store(url);
        }
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.take().ok_or_else(|| denied(url))
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if is_file_url(url) {
            let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
            return files.clone().ok_or_else(|| denied(url));
        }
        let found = self.others.get_store(url);
        found.map_err(|_| {
            let stated = url.to_string();
            refused(url, FileAccessError::UnknownStore { url: stated })
        })
    }
}

fn denied(url: &Url) -> DataFusionError {
    refused(url, FileAccessError::Denied)
}

fn refused(url: &Url, error: FileAccessError) -> DataFusionError {
    external(FileUse::Read.refused(url.as_str(), error))
}
