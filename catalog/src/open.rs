//! Opening of files: settings, versions, file systems.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fusebox::{CatalogError, Definition};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction};
use rusqlite_migration::{HookResult, M, Migrations};

use crate::identity::Identity;
use crate::words::failed;

/// Versions of the tables, the oldest first. A file has the number of those that it went
/// through as its `user_version`.
///
/// Each new table, column, kind of relations and reference to a blob is a new version: an older
/// program would leave them out, and delete the blobs that only they refer to.
const VERSIONS: [&str; 4] = [
    include_str!("tables_1.sql"),
    include_str!("tables_2.sql"),
    include_str!("tables_3.sql"),
    include_str!("tables_4.sql"),
];

/// Version of the tables that this program reads and writes.
pub const CATALOG_VERSION: usize = VERSIONS.len();

/// Version of the tables from which on the keys of functions have the texts of Fusebox.
const KEYS_VERSION: usize = 3;

/// Version of this program.
const FUSEBOX: &str = env!("CARGO_PKG_VERSION");

/// Application id of a catalog, `Fuse` in ASCII: SQLite stores it in the header of the file.
const APPLICATION_ID: i32 = 0x4675_7365;

/// Time that a statement waits for that of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a file, or creates it, with the tables of the newest version.
pub(crate) fn open(path: &Path) -> Result<(Connection, Identity), CatalogError> {
    check_file_system(path)?;
    let wrong = |error: rusqlite::Error| failed(path, &error);
    let (mut connection, is_immutable) = match open_shared(path) {
        Ok(connection) => (connection, false),
        Err(error) if can_be_immutable(path, &error) => {
            (open_immutable(path).map_err(wrong)?, true)
        }
        Err(error) => return Err(wrong(error)),
    };
    let identity = Identity::of(path, is_immutable);
    check_application(path, &connection)?;
    // Functions with side effects are not called by what a hostile file has in its schema.
    connection
        .pragma_update(None, "trusted_schema", false)
        .map_err(wrong)?;
    if connection.is_readonly("main").map_err(wrong)? {
        check_version(path, &connection, VERSIONS.len())?;
        return Ok((connection, identity));
    }
    // More than FULL in that the directory is synced after a journal is removed: the one of the
    // change to WAL would undo that if it came back after a power failure.
    connection
        .pragma_update(None, "synchronous", "EXTRA")
        .map_err(wrong)?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(wrong)?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(wrong)?;
    migrate(path, &mut connection, &VERSIONS)?;
    Ok((connection, identity))
}

/// Opens a file that others may change, and reads from it.
fn open_shared(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0))?;
    Ok(connection)
}

/// Returns true if an error is that of a file in a folder that cannot be written, where the files
/// of the log cannot be created, and the file is whole without them.
fn can_be_immutable(path: &Path, error: &rusqlite::Error) -> bool {
    let is_refused = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied)
    );
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    is_refused && path.is_file() && !has_log
}

/// Opens a file to read it without locks and without a log.
fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let escaped = path.to_string_lossy();
    let escaped = escaped.replace('%', "%25");
    let escaped = escaped.replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)
}

/// Moves what the log beside a file holds into the file, as far as no other process reads it, and
/// waits for none. A copy of the file alone is whole then, and no log is left for a file that is
/// restored in its place.
pub(crate) fn empty_log(connection: &Connection) {
    let log = || connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()));
    let emptied = connection.busy_timeout(Duration::ZERO).and_then(|()| log());
    let emptied = connection.busy_timeout(BUSY_TIMEOUT).and(emptied);
    if let Err(error) = emptied {
        tracing::debug!(%error, "cannot empty the log of the catalog");
    }
}

/// Refuses a file of another program.
fn check_application(path: &Path, connection: &Connection) -> Result<(), CatalogError> {
    let wrong = |error: rusqlite::Error| failed(path, &error);
    let number = |pragma: &str| {
        let value = connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
        value.map_err(wrong)
    };
    let is_empty = number("schema_version")? == 0;
    match number("application_id")? {
        id if id == i64::from(APPLICATION_ID) => Ok(()),
        0 if is_empty => Ok(()),
        _ => Err(CatalogError::Failed(format!(
            "catalog '{}': expected a catalog of Fusebox, found a database of another program: \
             name another file",
            path.display()
        ))),
    }
}

/// Returns the version of the tables; refuses one that is newer than `newest`.
fn check_version(
    path: &Path,
    connection: &Connection,
    newest: usize,
) -> Result<usize, CatalogError> {
    let version = connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        .map_err(|error| failed(path, &error))?;
    match usize::try_from(version) {
        Ok(version) if version <= newest => Ok(version),
        _ => {
            let writer = writer(connection);
            let writer = writer.unwrap_or_else(|| "of a newer version".to_owned());
            let copy = path_of_copy(path, newest, "");
            let copy = match copy.exists() {
                true => format!(", or the copy '{}'", copy.display()),
                false => String::new(),
            };
            Err(CatalogError::Failed(format!(
                "catalog '{}': expected version {newest} or older, found {version}, which Fusebox \
                 {writer} wrote; this is Fusebox {FUSEBOX}: use the other one{copy}",
                path.display()
            )))
        }
    }
}

/// Returns the version of the newest program that changed the tables, if the file has it.
fn writer(connection: &Connection) -> Option<String> {
    // As long as a version may be in a message.
    let sql = "SELECT substr(version, 1, 40) FROM program";
    let found = connection.query_row(sql, [], |row| row.get(0)).optional();
    found.ok().flatten()
}

/// Writes the version of this program into a file whose tables it changes.
fn write_version(transaction: &Transaction<'_>) -> HookResult {
    transaction.execute("UPDATE program SET version = ?1", [FUSEBOX])?;
    Ok(())
}

/// Writes the keys of functions anew. Before [`KEYS_VERSION`], they had the texts of arrow-schema,
/// in which more characters of names are escaped: such a key would not be found again.
fn write_keys(transaction: &Transaction<'_>) -> HookResult {
    let mut changed = Vec::new();
    let mut functions = transaction.prepare("SELECT name, types, definition FROM function")?;
    let mut rows = functions.query([])?;
    while let Some(row) = rows.next()? {
        let (name, before): (String, String) = (row.get(0)?, row.get(1)?);
        // One that cannot be read is found by what it has.
        let definition = Definition::from_json(&row.get::<_, String>(2)?);
        let types = definition.map(|definition| definition.key().types_text());
        let now = types
            .ok()
            .and_then(|types| serde_json::to_string(&types).ok());
        if let Some(now) = now.filter(|now| *now != before) {
            changed.push((now, name, before));
        }
    }
    for key in changed {
        let sql = "UPDATE OR IGNORE function SET types = ?1 WHERE name = ?2 AND types = ?3";
        transaction.execute(sql, key)?;
    }
    Ok(())
}

/// Brings the tables to the newest of some versions. A copy of an older file is kept beside it.
fn migrate(
    path: &Path,
    connection: &mut Connection,
    versions: &[&'static str],
) -> Result<(), CatalogError> {
    let version = check_version(path, connection, versions.len())?;
    if version == versions.len() {
        return Ok(());
    }
    if version > 0 {
        let copy = copy_path(path, version);
        connection
            .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
            .map_err(|error| failed(path, &error))?;
        tracing::info!(copy = %copy.display(), version, "copied a catalog before its migration");
    }
    let last = versions.len() - 1;
    let steps = versions.iter().enumerate().map(|(step, sql)| {
        let (is_keyed, is_last) = (step + 1 == KEYS_VERSION, step == last);
        M::up_with_hook(sql, move |transaction: &Transaction<'_>| {
            if is_keyed {
                write_keys(transaction)?;
            }
            if is_last {
                write_version(transaction)?;
            }
            Ok(())
        })
    });
    // One transaction for all.
    let steps = steps.collect();
    let migrated = Migrations::new(steps).to_latest(connection);
    match migrated {
        Ok(()) => Ok(()),
        // Another process was faster.
        Err(_) if check_version(path, connection, versions.len())? == versions.len() => Ok(()),
        Err(rusqlite_migration::Error::RusqliteError { err, .. }) => Err(failed(path, &err)),
        Err(other) => Err(CatalogError::Failed(format!(
            "catalog '{}': {other}",
            path.display()
        ))),
    }
}

/// Returns the path of a new copy of a file of an older version. One that is there, of a
/// migration that failed, is kept.
fn copy_path(path: &Path, version: usize) -> PathBuf {
    let endings = std::iter::once(String::new()).chain((2..).map(|number| format!("-{number}")));
    let mut copies = endings.map(|ending| path_of_copy(path, version, &ending));
    copies
        .find(|copy| !copy.exists())
        .expect("there are more names than files")
}

/// Returns the path of a copy with an ending of its name.
fn path_of_copy(path: &Path, version: usize, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".version-{version}{ending}"));
    path.with_file_name(name)
}

/// Refuses a file on a network file system, whose locks SQLite cannot rely on.
#[cfg(target_os = "linux")]
fn check_file_system(path: &Path) -> Result<(), CatalogError> {
    // Magic numbers of `statfs`, from linux/magic.h and the sources of the file systems.
    const NETWORK: [(i64, &str); 6] = [
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x5346_414f, "AFS"),
        (0x00c3_6400, "Ceph"),
    ];
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let place = if path.exists() { Some(path) } else { folder };
    let Ok(found) = rustix::fs::statfs(place.unwrap_or(Path::new("."))) else {
        return Ok(());
    };
    let network = NETWORK.iter().find(|(magic, _)| *magic == found.f_type);
    match network {
        None => Ok(()),
        Some((_, name)) => Err(CatalogError::Failed(format!(
            "catalog '{}': expected a local file system, found {name}, whose locks do not \
             protect a shared file: move it to a local disk",
            path.display()
        ))),
    }
}

#[cfg(not(target_os = "linux"))]
fn check_file_system(_path: &Path) -> Result<(), CatalogError> {
    Ok(())
}

#[cfg(test)]
mod tests;
