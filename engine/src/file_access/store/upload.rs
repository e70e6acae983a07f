//! Files that are being written.
//!
//! A file is written under a name that listings leave out, and renamed when it is complete, so
//! that no reader sees a part of it.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cap_std::fs::Metadata;
use datafusion::object_store::{
    MultipartUpload, ObjectMeta, PutPayload, PutResult, Result, UploadPart,
};
use futures::FutureExt;

use super::super::root::{Root, irregular};
use super::{Located, blocking, generic, object_meta};

/// File that is not complete yet. Removed when it is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    root: Arc<Root>,
    target: Located,
    path: PathBuf,
    file: File,
    is_committed: bool,
}

impl Staged {
    /// Creates the file, and the directories above it.
    pub(super) fn create(root: Arc<Root>, target: Located) -> Result<Self> {
        check_target(&root, &target)?;
        let mut number = 1_u64;
        loop {
            let path = staged_path(&target.path, number);
            match root.create_new(&path) {
                Ok(file) => {
                    return Ok(Self {
                        root,
                        target,
                        path,
                        file,
                        is_committed: false,
                    });
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::AlreadyExists => number += 1,
                    io::ErrorKind::NotFound if has_no_parent(&root, &path) => {
                        create_parent(&root, &target)?;
                    }
                    _ => return Err(target.error(error)),
                },
            }
        }
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|cause| self.target.error(cause))
    }

    /// Appends the bytes of a file.
    pub(super) fn copy(&mut self, source: &mut File) -> Result<()> {
        let copied = io::copy(source, &mut self.file).map(drop);
        copied.map_err(|cause| self.target.error(cause))
    }

    fn write_at(&mut self, offset: u64, payload: &PutPayload) -> Result<()> {
        let sought = self.file.seek(SeekFrom::Start(offset));
        sought.map_err(|cause| self.target.error(cause))?;
        payload.iter().try_for_each(|part| self.write(part))
    }

    /// Gives the file its name; one of the same name is replaced, unless it has to be new.
    pub(super) fn commit(&mut self, is_new: bool) -> Result<PutResult> {
        check_target(&self.root, &self.target)?;
        let named = match is_new {
            false => self.root.rename(&self.path, &self.target.path),
            // The name of the staged file is removed on drop.
            true => self.root.hard_link(&self.path, &self.target.path),
        };
        named.map_err(|cause| self.target.error(cause))?;
        self.is_committed = !is_new;
        let metadata = self.file.metadata();
        let metadata = metadata.map_err(|cause| self.target.error(cause))?;
        let metadata = Metadata::from_just_metadata(metadata);
        let ObjectMeta { e_tag, version, .. } = object_meta("".into(), &metadata);
        Ok(PutResult { e_tag, version })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_committed {
            // It is ours, and nothing reads it.
            let _ = self.root.remove(&self.path);
        }
    }
}

/// Refuses to write to a name that something other than a file has: a directory, a pipe, a
/// device. A link is replaced, and not followed.
pub(super) fn check_target(root: &Root, target: &Located) -> Result<()> {
    match root.link_metadata(&target.path) {
        Ok(found) if found.is_file() || found.is_symlink() => Ok(()),
        Ok(_) => Err(target.error(irregular())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(target.error(error)),
    }
}

/// Creates the directory of a file.
pub(super) fn create_parent(root: &Root, target: &Located) -> Result<()> {
    match target.path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            let created = root.create_dir_all(parent);
            created.map_err(|cause| target.error(cause))
        }
        _ => Ok(()),
    }
}

fn has_no_parent(root: &Root, path: &Path) -> bool {
    let parent = path.parent();
    parent.is_some_and(|parent| root.metadata(parent).is_err())
}

/// Returns the name of a file that is being written. [`is_staged`] recognises it.
fn staged_path(target: &Path, number: u64) -> PathBuf {
    let mut path = target.as_os_str().to_owned();
    path.push(format!("#{number}"));
    path.into()
}

/// Returns true for the name of a file that is being written, here or by DataFusion's store.
pub(super) fn is_staged(name: &str) -> bool {
    let suffix = name.split_once('#').map(|(_, suffix)| suffix);
    suffix.is_some_and(|suffix| {
        !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// File that is written in parts.
#[derive(Debug)]
pub(super) struct Upload {
    /// `None` once the upload is complete or aborted.
    staged: Option<Arc<Mutex<Staged>>>,
    /// Start of the next part.
    offset: u64,
}

impl Upload {
    pub(super) fn new(staged: Staged) -> Self {
        Self {
            staged: Some(Arc::new(Mutex::new(staged))),
            offset: 0,
        }
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, payload: PutPayload) -> UploadPart {
        let offset = self.offset;
        self.offset += payload.content_length() as u64;
        let Some(staged) = self.staged.clone() else {
            return async { Err(ended()) }.boxed();
        };
        blocking(move || {
            let mut staged = staged.lock().unwrap_or_else(PoisonError::into_inner);
            staged.write_at(offset, &payload)
        })
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.staged.take().ok_or_else(ended)?;
        blocking(move || {
            let mut staged = staged.lock().unwrap_or_else(PoisonError::into_inner);
            staged.commit(false)
        })
        .await
    }

    async fn abort(&mut self) -> Result<()> {
        let staged = self.staged.take().ok_or_else(ended)?;
        blocking(move || {
            drop(staged);
            Ok(())
        })
        .await
    }
}

fn ended() -> datafusion::object_store::Error {
    generic("the upload is complete or aborted".into())
}
