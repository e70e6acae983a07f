//! The catalog of one file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fusebox::{
    AuditRecord, BlobStore, Catalog, CatalogChange, CatalogContents, CatalogError, Digest,
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::access;
use crate::changes::{self, ChangeError};
use crate::contents::{read, version};
use crate::identity::Identity;
use crate::open::{empty_log, open};
use crate::words::failed;

/// Catalog in a SQLite file, which several engines and processes may share.
///
/// The file belongs on a local file system: the locks of network file systems do not protect
/// it, and those that are recognised are refused.
pub struct SqliteCatalog {
    file: Arc<File>,
    state: Mutex<State>,
}

/// Contents as they were last read.
struct State {
    contents: Arc<CatalogContents>,
    /// SQLite's `data_version` then: another number says that another connection has changed
    /// the file.
    data_version: i64,
}

/// Connection to the file.
struct File {
    path: PathBuf,
    identity: Identity,
    connection: Mutex<Connection>,
}

impl SqliteCatalog {
    /// Opens a catalog, or creates the file with an empty one.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Failed`] if the file cannot be opened, belongs to another program, was
    /// written by a newer version of Fusebox, or lies on a network file system. Every other
    /// method returns it, too, once the file was replaced or removed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CatalogError> {
        let path = path.as_ref();
        let (connection, identity) = open(path)?;
        let file = Arc::new(File {
            path: path.to_owned(),
            identity,
            connection: Mutex::new(connection),
        });
        let catalog = Self {
            state: Mutex::new(State {
                contents: Arc::default(),
                data_version: -1,
            }),
            file,
        };
        catalog.contents()?;
        Ok(catalog)
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    fn store(&self) -> Arc<dyn BlobStore> {
        Arc::clone(&self.file) as Arc<dyn BlobStore>
    }

    /// Releases the rows of changes, which the file has now: scans read them from it.
    fn release_rows(&self, changes: &[CatalogChange]) {
        let store = self.store();
        for change in changes {
            if let CatalogChange::PutRelation(relation) = change
                && let Some(rows) = &relation.rows
            {
                rows.release_to(&store);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl File {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: &rusqlite::Error) -> CatalogError {
        failed(&self.path, error)
    }
}

/// Returns SQLite's `data_version`, for each statement of a session several times.
fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    let mut statement = connection.prepare_cached("PRAGMA data_version")?;
    statement.query_row([], |row| row.get(0))
}

impl Catalog for SqliteCatalog {
    fn contents(&self) -> Result<Arc<CatalogContents>, CatalogError> {
        let mut state = self.state();
        let connection = self.file.connection();
        self.file.identity.check()?;
        let wrong = |error: rusqlite::Error| self.file.failed(&error);
        let now = data_version(&connection).map_err(wrong)?;
        if now == state.data_version {
            return Ok(Arc::clone(&state.contents));
        }
        // One transaction, so that what is read is of one version.
        let transaction = connection.unchecked_transaction().map_err(wrong)?;
        let contents = read(&transaction, &state.contents, &self.store()).map_err(wrong)?;
        transaction.finish().map_err(wrong)?;
        state.contents = Arc::new(contents);
        state.data_version = now;
        Ok(Arc::clone(&state.contents))
    }

    fn apply(
        &self,
        expected: u64,
        changes: Vec<CatalogChange>,
    ) -> Result<Arc<CatalogContents>, CatalogError> {
        let mut state = self.state();
        let mut connection = self.file.connection();
        let wrong = |error: rusqlite::Error| self.file.failed(&error);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrong)?;
        self.file.identity.check()?;
        if state.contents.version() != expected || version(&transaction).map_err(wrong)? != expected
        {
            return Err(CatalogError::Conflict);
        }
        let next = state.contents.with(changes.clone());
        changes::write(&transaction, next.version(), &changes).map_err(|error| match error {
            ChangeError::Sqlite(error) => wrong(error),
            ChangeError::Unstorable(what) => {
                let path = self.file.path.display();
                CatalogError::Failed(format!("catalog '{path}': cannot store {what}"))
            }
        })?;
        transaction.commit().map_err(wrong)?;
        empty_log(&connection);
        // Not before: what is tried again after a conflict writes the rows then.
        self.release_rows(&changes);
        state.contents = Arc::new(next);
        Ok(Arc::clone(&state.contents))
    }

    fn keeps_relations(&self) -> bool {
        true
    }

    fn secret(&self) -> Result<Option<Vec<u8>>, CatalogError> {
        self.file.identity.check()?;
        let secret = access::secret(&self.file.connection());
        secret.map_err(|error| self.file.failed(&error))
    }

    fn audit(&self) -> Result<Vec<AuditRecord>, CatalogError> {
        self.file.identity.check()?;
        let records = access::records(&self.file.connection());
        records.map_err(|error| self.file.failed(&error))
    }

    fn note(&self, records: Vec<AuditRecord>) -> Result<(), CatalogError> {
        let mut connection = self.file.connection();
        let wrong = |error: rusqlite::Error| self.file.failed(&error);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrong)?;
        self.file.identity.check()?;
        for record in &records {
            access::add_record(&transaction, record).map_err(wrong)?;
        }
        access::trim_records(&transaction).map_err(wrong)?;
        transaction.commit().map_err(wrong)?;
        empty_log(&connection);
        Ok(())
    }
}

/// Modules and rows that sessions still hold keep the connection open after the catalog.
impl Drop for SqliteCatalog {
    fn drop(&mut self) {
        if self.file.identity.check().is_ok() {
            empty_log(&self.file.connection());
        }
    }
}

impl BlobStore for File {
    fn read(&self, digest: Digest) -> Result<Vec<u8>, CatalogError> {
        let sql = "SELECT bytes FROM blob WHERE digest = ?1";
        let bytes = self
            .connection()
            .query_row(sql, [digest.to_string()], |row| row.get(0))
            .optional();
        let bytes = bytes.map_err(|error| self.failed(&error))?;
        bytes.ok_or_else(|| {
            let path = self.path.display();
            CatalogError::Failed(format!(
                "catalog '{path}': the bytes of the digest {digest} are gone: restore the file"
            ))
        })
    }
}

impl fmt::Debug for SqliteCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteCatalog")
            .field("path", &self.file.path)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
