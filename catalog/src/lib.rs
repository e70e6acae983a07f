//! A durable catalog: modules, functions, views, tables, users and grants in one SQLite file.
//!
//! [`SqliteCatalog`] implements [`fusebox::Catalog`]. A statement is one transaction, in WAL
//! mode with full synchronisation: what was acknowledged survives a crash of the process and of
//! the machine. Several processes may share a file on a local file system, and see each other's
//! changes at their next statement. After each statement, the log is moved into the file, so that a
//! copy of the file alone has it. A file that is replaced or removed while it is open is refused.
//!
//! Modules are stored once for each digest, and are read when a function of theirs is first
//! called. Native code is never stored. The rows of tables are stored in Arrow's IPC format, in
//! chunks of up to 65,536 rows, and are in memory while a statement uses them.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("functions.db");
//! use std::sync::Arc;
//!
//! use fusebox::Engine;
//! use fusebox_catalog::SqliteCatalog;
//!
//! let catalog = SqliteCatalog::open(&path)?;
//! let engine = Engine::builder().catalog(Arc::new(catalog)).build()?;
//! let session = engine.session().build()?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

// The catalog of one file.
mod sqlite_catalog;

// Changes, written to the tables.
mod changes;

// Contents, read from the tables.
mod contents;

// Users, grants and the audit.
mod access;

// Opening of files: settings, versions, file systems.
mod open;

// Identity of a file, which may be replaced.
mod identity;

// Words for SQLite's errors.
mod words;

pub use open::CATALOG_VERSION;
pub use sqlite_catalog::SqliteCatalog;
