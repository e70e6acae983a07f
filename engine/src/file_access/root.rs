//! Operations on the files of one directory, or on those of the process.
//!
//! A directory is opened once. Each later path is resolved below that handle by the
//! operating system, step by step, so that no link leads out, also not one that is exchanged
//! while it is resolved.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};

/// Files that a session may name.
#[derive(Debug)]
pub(super) enum Root {
    /// Those below one directory.
    Folder(Folder),
    /// Those of the process.
    Anywhere,
}

/// Open directory.
#[derive(Debug)]
pub(super) struct Folder {
    dir: Dir,
    /// Its absolute path without links.
    path: PathBuf,
    /// Its absolute path as the embedder stated it.
    stated: PathBuf,
}

impl Root {
    /// Opens a directory.
    pub(super) fn folder(directory: &Path) -> io::Result<Self> {
        Ok(Self::Folder(Folder {
            dir: Dir::open_ambient_dir(directory, ambient_authority())?,
            path: directory.canonicalize()?,
            stated: std::path::absolute(directory)?,
        }))
    }

    /// Returns the absolute path of one that a statement states. In a directory, `..` is
    /// resolved by names, as DataFusion does it and without access to a file.
    pub(super) fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        match self {
            Self::Folder(folder) => {
                let mut absolute = PathBuf::new();
                for part in folder.path.join(path).components() {
                    match part {
                        Component::ParentDir => drop(absolute.pop()),
                        part => absolute.push(part),
                    }
                }
                Ok(absolute)
            }
            Self::Anywhere => std::path::absolute(path),
        }
    }

    /// Returns the path that the operations below take; `None` for one outside of the
    /// directory. Compares names only, so that nothing tells whether a file outside exists.
    pub(super) fn inside(&self, absolute: &Path) -> Option<PathBuf> {
        let Self::Folder(folder) = self else {
            return Some(absolute.to_owned());
        };
        let mut parts = absolute.components();
        if parts.any(|part| part == Component::ParentDir) {
            return None;
        }
        let below = |root| absolute.strip_prefix(root).ok();
        let inside = below(&folder.path).or_else(|| below(&folder.stated))?;
        Some(match inside.as_os_str().is_empty() {
            true => PathBuf::from("."),
            false => inside.to_owned(),
        })
    }

    /// Returns the absolute path of one that [`inside`](Self::inside) returned.
    pub(super) fn outside(&self, inside: &Path) -> PathBuf {
        match self {
            Self::Folder(folder) if inside == Path::new(".") => folder.path.clone(),
            Self::Folder(folder) => folder.path.join(inside),
            Self::Anywhere => inside.to_owned(),
        }
    }

    /// Opens a regular file to read. Never waits: not for the writer of a pipe, and not for
    /// the data of a file of the kernel, whose reads fail instead.
    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        // Checked before, because opening a device can have effects, and after, because the
        // path can lead elsewhere by then.
        check_regular(&self.metadata(path)?)?;
        let mut options = OpenOptions::new();
        options.read(true).nonblock(true);
        let file = match self {
            Self::Folder(folder) => folder.dir.open_with(path, &options)?,
            Self::Anywhere => {
                cap_std::fs::File::open_ambient_with(path, &options, ambient_authority())?
            }
        };
        check_regular(&file.metadata()?)?;
        Ok(file.into_std())
    }

    /// Creates a file to write; fails if the name is taken.
    pub(super) fn create_new(&self, path: &Path) -> io::Result<File> {
        match self {
            Self::Folder(folder) => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true);
                let file = folder.dir.open_with(path, &options)?;
                Ok(file.into_std())
            }
            Self::Anywhere => File::create_new(path),
        }
    }

    /// Creates a directory and those above it.
    pub(super) fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.dir.create_dir_all(path),
            Self::Anywhere => std::fs::create_dir_all(path),
        }
    }

    /// Returns the metadata of the file that a path leads to.
    pub(super) fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        match self {
            Self::Folder(folder) => folder.dir.metadata(path),
            Self::Anywhere => std::fs::metadata(path).map(Metadata::from_just_metadata),
        }
    }

    /// Returns the metadata of a file or a link.
    pub(super) fn link_metadata(&self, path: &Path) -> io::Result<Metadata> {
        match self {
            Self::Folder(folder) => folder.dir.symlink_metadata(path),
            Self::Anywhere => std::fs::symlink_metadata(path).map(Metadata::from_just_metadata),
        }
    }

    /// Returns the names in a directory, sorted.
    pub(super) fn names(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut names: Vec<OsString> = match self {
            Self::Folder(folder) => {
                let entries = folder.dir.read_dir(path)?;
                let names = entries.map(|entry| Ok(entry?.file_name()));
                names.collect::<io::Result<_>>()?
            }
            Self::Anywhere => {
                let entries = std::fs::read_dir(path)?;
                let names = entries.map(|entry| Ok(entry?.file_name()));
                names.collect::<io::Result<_>>()?
            }
        };
        names.sort_unstable();
        Ok(names)
    }

    /// Renames a file, and replaces another of the new name.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.dir.rename(from, &folder.dir, to),
            Self::Anywhere => std::fs::rename(from, to),
        }
    }

    /// Gives a file a second name; fails if that is taken.
    pub(super) fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.dir.hard_link(from, &folder.dir, to),
            Self::Anywhere => std::fs::hard_link(from, to),
        }
    }

    /// Removes a file or a link.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.dir.remove_file(path),
            Self::Anywhere => std::fs::remove_file(path),
        }
    }
}

/// Cause of an [`io::Error`] of a file that is none: a directory, a pipe, a device.
#[derive(Debug, thiserror::Error)]
#[error("not a regular file")]
struct Irregular;

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    match (metadata.is_file(), metadata.is_dir()) {
        (true, _) => Ok(()),
        (_, true) => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(irregular()),
    }
}

/// Makes an error of a file that is not regular.
pub(super) fn irregular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, Irregular)
}

/// Returns true if a file exists and is not regular.
pub(super) fn is_irregular(error: &io::Error) -> bool {
    let cause = error.get_ref();
    cause.is_some_and(|cause| cause.is::<Irregular>())
}

/// Returns true if a link led out of the directory. The operating system has no error of its
/// own for that.
pub(super) fn is_escape(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}
