//! Which files a path in SQL may name.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, PathRefusal, Result};

/// Which files a path in SQL may name. A library that reads whatever file a
/// statement names would lend its rights to whoever writes SQL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Paths {
    /// None.
    #[default]
    Denied,
    /// The files below a directory, which [`Paths::under`] resolved; relative
    /// paths start there. Links that lead out are refused.
    Under(PathBuf),
    /// Any that the process can read; relative paths start at its working
    /// directory.
    Any,
}

impl Paths {
    /// The files below `directory`.
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

    /// Reads a file of at most `bytes_max` bytes, and one byte more of a larger
    /// one, so that the caller sees that it is too large.
    pub(super) fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, PathRefusal> {
        let io = |cause| PathRefusal::Io {
            path: path.to_owned(),
            cause,
        };
        let file = match self {
            Self::Denied => return Err(PathRefusal::Denied),
            Self::Any => PathBuf::from(path),
            Self::Under(root) => {
                let outside = || PathRefusal::Outside {
                    path: path.to_owned(),
                };
                let file = root.join(path);
                // Before the file is looked for: whether something exists
                // outside is nobody's business.
                let climbs = file.components().any(|part| part == Component::ParentDir);
                if climbs || !file.starts_with(root) {
                    return Err(outside());
                }
                // And after the links in it were followed.
                let file = file.canonicalize().map_err(io)?;
                if !file.starts_with(root) {
                    return Err(outside());
                }
                file
            }
        };
        // Looked at before it is opened: opening a pipe would wait for a writer.
        if !file.metadata().map_err(io)?.is_file() {
            return Err(PathRefusal::NotAFile {
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
