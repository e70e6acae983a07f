//! The file that keeps definitions, and folders of the user.

use std::env;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// File that keeps definitions.
#[derive(Default)]
pub(crate) struct Kept {
    /// The file; `None` to forget definitions.
    pub(crate) file: Option<PathBuf>,
    /// True for the user's own catalog, which no argument names.
    is_own: bool,
    /// Reason for which there is no file, unless an argument says so.
    reason: Option<String>,
}

impl Kept {
    /// Keeps definitions in a file.
    pub(crate) fn in_file(file: PathBuf) -> Self {
        Self {
            file: Some(file),
            ..Self::default()
        }
    }

    /// Keeps definitions in the user's own catalog, in the data folder of the XDG base directory
    /// specification. Where that cannot be created, they are forgotten.
    pub(crate) fn in_own_catalog() -> Self {
        let created = base_folder("XDG_DATA_HOME", ".local/share")
            .ok_or_else(|| "there is no home: set XDG_DATA_HOME".to_owned())
            .and_then(|folder| {
                let folder = folder.join("fusebox");
                let created = create_own_folder(&folder);
                created
                    .map_err(|error| format!("`{}` cannot be made: {error}", folder.display()))?;
                Ok(folder.join("catalog.db"))
            });
        match created {
            Ok(file) => {
                create_own_file(&file);
                Self {
                    file: Some(file),
                    is_own: true,
                    reason: None,
                }
            }
            Err(reason) => Self {
                reason: Some(reason),
                ..Self::default()
            },
        }
    }

    /// Describes what becomes of definitions.
    pub(crate) fn describe(&self) -> String {
        match (&self.file, &self.reason) {
            (Some(file), _) => format!("definitions are kept in {}", file.display()),
            (None, Some(reason)) => format!("definitions are forgotten at the exit, as {reason}"),
            (None, None) => "definitions are forgotten at the exit".to_owned(),
        }
    }

    /// Adds to an error of the user's own catalog how to start without it.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Catalog(error) if self.is_own => Failure::Refused(format!(
                "{error}; `fusebox --memory` starts without it, `fusebox FILE` with another"
            )),
            other => other,
        }
    }
}

/// Returns a folder of the XDG base directory specification: that of a variable, or `default`
/// in the user's home.
pub(crate) fn base_folder(variable: &str, default: &str) -> Option<PathBuf> {
    let named = env::var_os(variable).map(PathBuf::from);
    let named = named.filter(|path| path.is_absolute());
    named.or_else(|| Some(env::home_dir()?.join(default)))
}

/// Creates a folder that others cannot read.
fn create_own_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Creates a file that others cannot read, if it does not exist: rows and modules are the user's.
/// The files that SQLite puts beside it have the same mode.
fn create_own_file(path: &Path) {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // An error is that of opening the catalog, too.
    let _ = options.open(path);
}
