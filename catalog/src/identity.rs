//! Identity of a file: its name may come to mean another one, or none.
//!
//! A connection keeps the file that it opened. What it writes after that file was replaced or
//! removed is lost, or worse: the log beside the file would be applied to another one.
//!
//! The file is never opened here: closing it would release the locks of the process on it.

use std::path::{Path, PathBuf};

use fusebox::CatalogError;

/// File that a path led to.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Absolute, since the process may change its directory.
    path: PathBuf,
    found: Option<Stamp>,
    is_immutable: bool,
}

/// Device, inode and, of a file that is read without locks, time of the last change and size.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(u64, u64, Option<(i64, i64, u64)>);

impl Identity {
    /// Remembers the file of a path. One that is immutable must not change at all, because it is
    /// read without locks.
    pub(crate) fn of(path: &Path, is_immutable: bool) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let found = stamp(&path, is_immutable);
        Self {
            path,
            found,
            is_immutable,
        }
    }

    /// Refuses a file that was replaced or removed.
    pub(crate) fn check(&self) -> Result<(), CatalogError> {
        let now = stamp(&self.path, self.is_immutable);
        if now == self.found {
            return Ok(());
        }
        let what = match (now, self.is_immutable) {
            (None, _) => {
                "expected the file that was opened, found none: restore it and open it again"
            }
            (Some(_), true) => {
                "expected the same version, since its folder cannot be written, found \
                 another one: open it again"
            }
            (Some(_), false) => {
                "expected the file that was opened, found another of its name: open it again"
            }
        };
        Err(CatalogError::Failed(format!(
            "catalog '{}': {what}",
            self.path.display()
        )))
    }
}

/// Returns the stamp of a file; `None` if there is none.
#[cfg(unix)]
fn stamp(path: &Path, is_immutable: bool) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;

    let found = std::fs::metadata(path).ok()?;
    let change = (found.mtime(), found.mtime_nsec(), found.len());
    Some(Stamp(
        found.dev(),
        found.ino(),
        is_immutable.then_some(change),
    ))
}

/// Returns a stamp without a device: an open file can neither be replaced nor removed there.
#[cfg(not(unix))]
fn stamp(_path: &Path, _is_immutable: bool) -> Option<Stamp> {
    Some(Stamp(0, 0, None))
}
