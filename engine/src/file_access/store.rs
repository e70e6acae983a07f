//! The object store of files.

// Files that are being written.
mod upload;

// Files below a directory.
mod walk;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use cap_std::fs::Metadata;
use datafusion::common::runtime::SpawnedTask;
use datafusion::object_store::path::Path as ObjectPath;
use datafusion::object_store::{
    Attributes, CopyMode, CopyOptions, Error as StoreError, GetOptions, GetResult,
    GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, RenameTargetMode,
    Result,
};
use fusebox_definition::FileAccessError;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::root::Root;
use super::{FileAccess, FileUse, access_error};
use upload::{Staged, Upload};
use walk::{Entry, Walk, entries};

const NAME: &str = "files";

/// Object store of the files that a session may read and write.
///
/// Its paths are absolute paths of the file system, as those of DataFusion's own store.
#[derive(Clone, Debug)]
pub(super) struct FileStore {
    root: Arc<Root>,
    is_writable: bool,
}

impl FileStore {
    /// Returns the store of `files`; `None` if there are none.
    pub(super) fn new(files: &FileAccess) -> Option<Self> {
        Some(Self {
            root: files.root.clone()?,
            is_writable: files.is_writable,
        })
    }

    /// Returns a path to read.
    fn readable(&self, location: &ObjectPath) -> Result<Located> {
        self.locate(location, FileUse::Read)
    }

    /// Returns a path to write.
    fn writable(&self, location: &ObjectPath) -> Result<Located> {
        let located = self.locate(location, FileUse::Write)?;
        if !self.is_writable {
            return Err(located.refused(FileAccessError::ReadOnly));
        }
        Ok(located)
    }

    fn locate(&self, location: &ObjectPath, file_use: FileUse) -> Result<Located> {
        let absolute = Path::new("/").join(location.as_ref());
        let path = self.root.inside(&absolute);
        let is_inside = path.is_some();
        let located = Located {
            path: path.unwrap_or_default(),
            name: absolute.display().to_string(),
            file_use,
        };
        match is_inside {
            true => Ok(located),
            false => Err(located.refused(FileAccessError::Outside {
                path: located.name.clone(),
            })),
        }
    }
}

/// A file of the store.
#[derive(Clone, Debug)]
struct Located {
    /// Path for the operations of [`Root`].
    path: PathBuf,
    /// Absolute path, for messages.
    name: String,
    file_use: FileUse,
}

impl Located {
    fn refused(&self, error: FileAccessError) -> StoreError {
        StoreError::PermissionDenied {
            path: self.name.clone(),
            source: Box::new(self.file_use.refused(&self.name, error)),
        }
    }

    /// Converts an error of the file system.
    fn error(&self, cause: io::Error) -> StoreError {
        let path = self.name.clone();
        match cause.kind() {
            // A directory is no object.
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory => StoreError::NotFound {
                path,
                source: Box::new(cause),
            },
            io::ErrorKind::AlreadyExists => StoreError::AlreadyExists {
                path,
                source: Box::new(cause),
            },
            _ => match access_error(&path, cause) {
                FileAccessError::Io { cause, .. } => StoreError::Generic {
                    store: NAME,
                    source: Box::new(cause),
                },
                refused => self.refused(refused),
            },
        }
    }
}

#[async_trait]
impl ObjectStore for FileStore {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let target = self.writable(location)?;
        let is_new = match options.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(unsupported("put of a version")),
        };
        if !options.attributes.is_empty() {
            return Err(unsupported("put with attributes"));
        }
        let root = Arc::clone(&self.root);
        blocking(move || {
            let mut staged = Staged::create(root, target)?;
            payload.iter().try_for_each(|part| staged.write(part))?;
            staged.commit(is_new)
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let target = self.writable(location)?;
        if !options.attributes.is_empty() {
            return Err(unsupported("put with attributes"));
        }
        let root = Arc::clone(&self.root);
        let staged = blocking(move || Staged::create(root, target)).await?;
        Ok(Box::new(Upload::new(staged)))
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> Result<GetResult> {
        let located = self.readable(location)?;
        let (root, location) = (Arc::clone(&self.root), location.clone());
        blocking(move || {
            let file = root.open(&located.path);
            let file = file.map_err(|cause| located.error(cause))?;
            let metadata = file.metadata().map_err(|cause| located.error(cause))?;
            let meta = object_meta(location, &Metadata::from_just_metadata(metadata));
            options.check_preconditions(&meta)?;
            let range = match options.range {
                Some(range) => {
                    let range = range.as_range(meta.size);
                    range.map_err(|error| generic(Box::new(error)))?
                }
                None => 0..meta.size,
            };
            let path = root.outside(&located.path);
            Ok(GetResult {
                payload: GetResultPayload::File(file, path),
                meta,
                range,
                attributes: Attributes::default(),
            })
        })
        .await
    }

    async fn get_ranges(&self, location: &ObjectPath, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let located = self.readable(location)?;
        let (root, ranges) = (Arc::clone(&self.root), ranges.to_vec());
        blocking(move || {
            let file = root.open(&located.path);
            let mut file = file.map_err(|cause| located.error(cause))?;
            let mut read = |range| {
                let bytes = read_range(&mut file, range);
                bytes.map_err(|cause| located.error(cause))
            };
            ranges.into_iter().map(&mut read).collect()
        })
        .await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<ObjectPath>>,
    ) -> BoxStream<'static, Result<ObjectPath>> {
        let store = self.clone();
        let delete = move |location: Result<ObjectPath>| {
            let store = store.clone();
            async move {
                let location = location?;
                let located = store.writable(&location)?;
                blocking(move || {
                    let removed = store.root.remove(&located.path);
                    removed.map_err(|cause| located.error(cause))?;
                    Ok(location)
                })
                .await
            }
        };
        locations.map(delete).buffered(10).boxed()
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned().unwrap_or_default();
        let walk = match self.readable(&prefix) {
            Ok(_) => Walk::new(self.clone(), prefix),
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        // One directory at a time, so that a dropped stream ends the walk.
        let next = |mut walk: Walk| async {
            blocking(move || Ok(walk.next_directory()?.map(|objects| (objects, walk)))).await
        };
        let directories = stream::try_unfold(walk, next);
        let objects = directories.map_ok(|objects| stream::iter(objects.into_iter().map(Ok)));
        objects.try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> Result<ListResult> {
        let prefix = prefix.cloned().unwrap_or_default();
        self.readable(&prefix)?;
        let store = self.clone();
        blocking(move || {
            let mut result = ListResult {
                common_prefixes: Vec::new(),
                objects: Vec::new(),
            };
            for entry in entries(&store, &prefix)? {
                match entry {
                    Entry::Directory(path, _) => result.common_prefixes.push(path),
                    Entry::Object(object) => result.objects.push(object),
                }
            }
            Ok(result)
        })
        .await
    }

    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> Result<()> {
        let (from, to) = (self.readable(from)?, self.writable(to)?);
        let root = Arc::clone(&self.root);
        blocking(move || {
            let mut source = root.open(&from.path).map_err(|cause| from.error(cause))?;
            let mut staged = Staged::create(root, to)?;
            staged.copy(&mut source)?;
            staged.commit(options.mode == CopyMode::Create)?;
            Ok(())
        })
        .await
    }

    async fn rename_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: RenameOptions,
    ) -> Result<()> {
        let (from, to) = (self.writable(from)?, self.writable(to)?);
        let root = Arc::clone(&self.root);
        blocking(move || {
            upload::check_target(&root, &from)?;
            upload::check_target(&root, &to)?;
            upload::create_parent(&root, &to)?;
            match options.target_mode {
                RenameTargetMode::Overwrite => root.rename(&from.path, &to.path),
                RenameTargetMode::Create => root
                    .hard_link(&from.path, &to.path)
                    .and_then(|()| root.remove(&from.path)),
            }
            .map_err(|cause| from.error(cause))
        })
        .await
    }
}

impl fmt::Display for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

/// Runs `work`, which waits for the file system, on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = SpawnedTask::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(generic(Box::new(error))))
}

fn read_range(file: &mut File, range: Range<u64>) -> io::Result<Bytes> {
    let length = range.end.saturating_sub(range.start);
    // The range can be that of another file's metadata.
    let available = file.metadata()?.len().saturating_sub(range.start);
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::with_capacity(length.min(available) as usize);
    file.take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes.into()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn object_meta(location: ObjectPath, metadata: &Metadata) -> ObjectMeta {
    let modified = metadata.modified().map(|time| time.into_std());
    let modified: SystemTime = modified.unwrap_or(UNIX_EPOCH);
    ObjectMeta {
        location,
        last_modified: modified.into(),
        size: metadata.len(),
        e_tag: Some(e_tag(metadata, modified)),
        version: None,
    }
}

/// Makes an entity tag of inode, time and size, as DataFusion's own store does.
fn e_tag(metadata: &Metadata, modified: SystemTime) -> String {
    let time = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (_, inode) = identity(metadata);
    format!("{inode:x}-{:x}-{:x}", time.as_micros(), metadata.len())
}

/// Returns numbers that tell a file from all others, where the system has them.
fn identity(metadata: &Metadata) -> (u64, u64) {
    use cap_fs_ext::MetadataExt;
    (metadata.dev(), metadata.ino())
}

fn generic(source: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Generic {
        store: NAME,
        source,
    }
}

fn unsupported(operation: &str) -> StoreError {
    StoreError::NotImplemented {
        operation: operation.to_owned(),
        implementer: NAME.to_owned(),
    }
}

#[cfg(test)]
mod tests;
