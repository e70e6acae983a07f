//! Object stores that complete files later.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::common::Result as DfResult;
use datafusion::execution::TaskContext;
use datafusion::execution::object_store::ObjectStoreRegistry;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use futures::stream::BoxStream;
use url::Url;

use super::{PendingFile, PendingFiles};

/// Returns a context whose object stores add the files that are written to `files`.
pub(super) fn with_pending_files(context: &TaskContext, files: &Arc<PendingFiles>) -> TaskContext {
    let mut runtime = context.runtime_env().as_ref().clone();
    runtime.object_store_registry = Arc::new(PendingRegistry {
        inner: runtime.object_store_registry,
        files: Arc::clone(files),
    });
    TaskContext::new(
        context.task_id(),
        context.session_id(),
        context.session_config().clone(),
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        Arc::new(runtime),
    )
}

#[derive(Debug)]
struct PendingRegistry {
    inner: Arc<dyn ObjectStoreRegistry>,
    files: Arc<PendingFiles>,
}

impl ObjectStoreRegistry for PendingRegistry {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        self.inner.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> DfResult<Arc<dyn ObjectStore>> {
        self.inner.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> DfResult<Arc<dyn ObjectStore>> {
        Ok(Arc::new(PendingStore {
            inner: self.inner.get_store(url)?,
            files: Arc::clone(&self.files),
        }))
    }
}

#[derive(Debug)]
struct PendingStore {
    inner: Arc<dyn ObjectStore>,
    files: Arc<PendingFiles>,
}

impl fmt::Display for PendingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for PendingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.files.push(PendingFile::Whole {
            store: Arc::clone(&self.inner),
            location: location.clone(),
            payload,
            options,
        });
        Ok(pending_result())
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(PendingUpload {
            inner: Some(upload),
            files: Arc::clone(&self.files),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await
    }
}

/// Upload that is completed later.
#[derive(Debug)]
struct PendingUpload {
    /// `None` once it is pending or aborted.
    inner: Option<Box<dyn MultipartUpload>>,
    files: Arc<PendingFiles>,
}

#[async_trait]
impl MultipartUpload for PendingUpload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        match &mut self.inner {
            Some(inner) => inner.put_part(payload),
            None => Box::pin(async { Err(ended()) }),
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let inner = self.inner.take().ok_or_else(ended)?;
        self.files.push(PendingFile::Parts(inner));
        Ok(pending_result())
    }

    async fn abort(&mut self) -> Result<()> {
        let mut inner = self.inner.take().ok_or_else(ended)?;
        inner.abort().await
    }
}

/// Result of a file without a name, which has no version yet.
fn pending_result() -> PutResult {
    PutResult {
        e_tag: None,
        version: None,
    }
}

fn ended() -> datafusion::object_store::Error {
    datafusion::object_store::Error::Generic {
        store: "files",
        source: "the upload is complete or aborted".into(),
    }
}
