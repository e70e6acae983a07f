//! Access of SQL to files.
//!
//! Every path of a statement is resolved here before DataFusion sees it, since DataFusion asks
//! the file system whether a path is a directory. Everything that is read or written after that
//! goes through the object store of this folder, tables and views of other sessions included.

// Catalogs with tables that are named by paths.
mod file_catalogs;

// These tables.
mod file_tables;

// Object stores of a session.
mod registry;

// Patterns of files whose folders state values of columns.
mod hive_files;

// Files of `COPY … FROM`.
mod copied_files;

// Delimiters and headers of files, by their first records.
mod csv_head;

// Places of values that are cast for a table.
mod located_values;

// Formats of files.
mod formats;

// Files of Parquet whose texts have several types.
mod parquet_files;

// Formats of text, whose errors name the file.
mod text_files;

// Files and places in errors of text.
mod naming_opener;

// Places of values of separated values.
mod csv_cells;

// Errors with such places.
mod bad_cells;

// Texts that stand for null.
mod csv_nulls;

// Files of separated values that statements write.
mod csv_sink;

// Files that are one JSON array.
mod json_arrays;

// The object store of files.
mod store;

// Paths and URLs in statements.
mod location;

// Files of a directory or of the process.
mod root;

use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use fusebox_definition::{FileAccessError, StatementError, Subject};
use fusebox_runtime::{Error, Result};

use root::Root;

pub(crate) use file_catalogs::FileSchema;
pub(crate) use formats::{compressed_text, endings};
pub(crate) use located_values::LocateValues;
pub(crate) use registry::{confine, file_caches, file_registry};

/// Files that SQL may read and write: modules of `CREATE MODULE` and `CREATE FUNCTION`, and
/// tables of DataFusion (`CREATE EXTERNAL TABLE`, `COPY`, `INSERT`, and names of tables that are
/// paths).
///
/// Conservative by default, because a library that reads any file would lend the rights of
/// its process to the author of the SQL. Files are regular files: a pipe or a device is
/// refused, and never waited for.
///
/// ```
/// use fusebox::FileAccess;
///
/// # fn main() -> Result<(), fusebox::Error> {
/// # let directory = std::env::temp_dir();
/// let reads = FileAccess::under(&directory)?;
/// let reads_and_writes = FileAccess::under(&directory)?.writable();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct FileAccess {
    /// `None` if no file may be read or written.
    root: Option<Arc<Root>>,
    is_writable: bool,
}

impl FileAccess {
    /// Allows no files.
    pub fn denied() -> Self {
        Self::default()
    }

    /// Allows reading of the files below `directory`; relative paths start there. Links that
    /// lead out are refused, and so are links by absolute paths. The directory is opened now,
    /// and stays the same if it is renamed.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the directory does not exist.
    pub fn under(directory: impl AsRef<Path>) -> Result<Self> {
        let root = Root::folder(directory.as_ref());
        let root = root.map_err(|_| Error::Config("the directory of files cannot be opened"))?;
        Ok(Self {
            root: Some(Arc::new(root)),
            is_writable: false,
        })
    }

    /// Allows reading of every file that the process can read; relative paths start at its
    /// working directory.
    pub fn any() -> Self {
        Self {
            root: Some(Arc::new(Root::Anywhere)),
            is_writable: false,
        }
    }

    /// Allows writing, where reading is allowed.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.is_writable = self.root.is_some();
        self
    }

    /// Returns true if every file may be read and written.
    pub(crate) fn is_unconfined(&self) -> bool {
        self.is_anywhere() && self.is_writable
    }

    fn is_anywhere(&self) -> bool {
        matches!(self.root.as_deref(), Some(Root::Anywhere))
    }

    /// Reads a file of at most `bytes_max` bytes, and one byte more of a larger one, so that
    /// the caller detects its size.
    pub(crate) fn read(&self, path: &str, bytes_max: u64) -> Result<Vec<u8>, FileAccessError> {
        let root = self.root.as_deref().ok_or(FileAccessError::Denied)?;
        let absolute = root.absolute(Path::new(path));
        let absolute = absolute.map_err(|cause| access_error(path, cause))?;
        let outside = || FileAccessError::Outside {
            path: path.to_owned(),
        };
        let inside = root.inside(&absolute).ok_or_else(outside)?;
        let mut bytes = Vec::new();
        let read = root.open(&inside).and_then(|file| {
            let mut file = file.take(bytes_max.saturating_add(1));
            file.read_to_end(&mut bytes)
        });
        read.map_err(|cause| access_error(path, cause))?;
        Ok(bytes)
    }
}

impl fmt::Debug for FileAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAccess")
            .field("root", &self.root)
            .field("is_writable", &self.is_writable)
            .finish()
    }
}

/// Use of a file by a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileUse {
    /// It reads the file.
    Read,
    /// It writes the file.
    Write,
}

impl FileUse {
    /// Makes the error of a statement that may not use the file `path`.
    pub(crate) fn refused(self, path: &str, error: FileAccessError) -> Error {
        let reason = match self {
            Self::Read => StatementError::Path(error),
            Self::Write => StatementError::Write(error),
        };
        Error::refused(Subject::File(path.to_owned()), reason)
    }
}

/// Converts an error of the file `path`.
fn access_error(path: &str, cause: io::Error) -> FileAccessError {
    let path = path.to_owned();
    if root::is_escape(&cause) {
        return FileAccessError::Outside { path };
    }
    if root::is_irregular(&cause) || cause.kind() == io::ErrorKind::IsADirectory {
        return FileAccessError::NotAFile { path };
    }
    if cause.kind() == io::ErrorKind::NotFound {
        return location::missing(&path, cause);
    }
    FileAccessError::Io { path, cause }
}
