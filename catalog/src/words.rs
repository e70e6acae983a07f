//! Words for SQLite's errors.

use std::path::Path;

use fusebox::CatalogError;
use rusqlite::{Error, ErrorCode};

/// Describes an error of the catalog at `path`, with what to do.
pub(crate) fn failed(path: &Path, error: &Error) -> CatalogError {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process is changing it: try again"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the file cannot be written: change its permissions, or create temporary functions"
        }
        Some(ErrorCode::DiskFull) => "the disk is full: free some space and try again",
        Some(ErrorCode::DatabaseCorrupt) => {
            "the file is damaged: restore a copy of it, or dump what can be read of it"
        }
        Some(ErrorCode::NotADatabase) => "the file is not a catalog of Fusebox: name another",
        Some(ErrorCode::CannotOpen) => {
            "the file cannot be opened: check its directory and permissions"
        }
        Some(ErrorCode::SystemIoFailure) => "the file system failed: check the disk",
        _ => "the file cannot be used",
    };
    CatalogError::Failed(format!("catalog '{}': {remedy} ({error})", path.display()))
}
