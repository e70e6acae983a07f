//! Access of SQL to files.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use fusebox_runtime::{Error, FileAccessError, Result};

/// Files that `CREATE MODULE` and `CREATE FUNCTION` may read.
///
/// Conservative by default, because a library that reads any file would lend the rights of
/// its process to the author of the SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileAccess {
    /// No files.
    #[default]
    Denied,
    /// Files below a directory, resolved by [`FileAccess::under`]; relative paths start
    /// there. Links that lead out are refused.
    Under(PathBuf),
    /// Every file that the process can read; relative paths start at its working
    /// directory.
    Any,
}

impl FileAccess {
    /// Allows the files below `directory`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the directory does not exist.
    pub fn under(directory: impl AsRef<Path>) -> Result<Self> {
        match directory.as_ref().canonicalize() {
            Ok(directory) if directory.is_dir() => Ok(Self::Under(directory)),
            _ => Err(Error::Config("the directory of modules does not exist")),
        }
    }

    /// Reads a file of at most `bytes_max` bytes, and one byte more of a larger one, so that
    /// the caller detects its size.
    pub(crate) fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, FileAccessError> {
        let io = |cause| FileAccessError::Io {
            path: path.to_owned(),
            cause,
        };
        let file = match self {
            Self::Denied => return Err(FileAccessError::Denied),
            Self::Any => PathBuf::from(path),
            Self::Under(root) => {
                let outside = || FileAccessError::Outside {
                    path: path.to_owned(),
                };
                let file = root.join(path);
                // Checked before the file is accessed, so that the error does not tell
                // whether a file outside exists.
                let climbs = file.components().any(|part| part == Component::ParentDir);
                if climbs || !file.starts_with(root) {
                    return Err(outside());
                }
                // Checked again after links were resolved.
                let file = file.canonicalize().map_err(io)?;
                if !file.starts_with(root) {
                    return Err(outside());
                }
                file
            }
        };
        // Checked before it is opened, because opening a pipe waits for a writer.
        if !file.metadata().map_err(io)?.is_file() {
            return Err(FileAccessError::NotAFile {
                path: path.to_owned(),
            });
        }
        let mut bytes = Vec::new();
        File::open(file)
            .and_then(|file| {
                file.take(bytes_max.saturating_add(1))
                    .read_to_end(&mut bytes)
            })
            .map_err(io)?;
        Ok(bytes)
    }
}
