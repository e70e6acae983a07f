//! Changes, written to the tables.

use fusebox::{
    CatalogChange, CatalogError, CatalogModule, Digest, FunctionKey, Relation, TableRows,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::access;
use crate::contents::{SCHEMA, kind_text};

/// Error of a change.
pub(crate) enum ChangeError {
    Sqlite(rusqlite::Error),
    /// The change cannot be stored.
    Unstorable(String),
}

impl From<rusqlite::Error> for ChangeError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<CatalogError> for ChangeError {
    fn from(error: CatalogError) -> Self {
        Self::Unstorable(error.to_string())
    }
}

impl From<serde_json::Error> for ChangeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unstorable(error.to_string())
    }
}

/// Writes changes within a transaction, and the version that they lead to.
pub(crate) fn write(
    connection: &Connection,
    version: u64,
    changes: &[CatalogChange],
) -> Result<(), ChangeError> {
    for change in changes {
        write_one(connection, change)?;
    }
    if changes
        .iter()
        .any(|change| matches!(change, CatalogChange::Audit(_)))
    {
        access::trim_records(connection)?;
    }
    connection.execute(
        "DELETE FROM blob WHERE digest NOT IN \
         (SELECT digest FROM module UNION ALL SELECT digest FROM function \
          UNION ALL SELECT digest FROM chunk)",
        [],
    )?;
    connection.execute(
        "UPDATE meta SET value = ?1 WHERE key = 'version'",
        [i64::try_from(version).map_err(|_| {
            let what = "more changes: it has had the most that its file can count";
            ChangeError::Unstorable(what.to_owned())
        })?],
    )?;
    Ok(())
}

fn write_one(connection: &Connection, change: &CatalogChange) -> Result<(), ChangeError> {
    match change {
        CatalogChange::PutModule(name, module) => {
            let digest = put_blob(connection, module)?;
            connection.execute(
                "INSERT OR REPLACE INTO module (name, digest) VALUES (?1, ?2)",
                params![name, digest.to_string()],
            )?;
        }
        CatalogChange::PutFunction(function) => {
            let digest = put_blob(connection, function.module())?;
            let definition = function.definition();
            let key = definition.key();
            connection.execute(
                "INSERT OR REPLACE INTO function (name, types, definition, digest) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![
                    key.name,
                    types(&key)?,
                    definition.to_json(),
                    digest.to_string()
                ],
            )?;
        }
        CatalogChange::PutRelation(relation) => put_relation(connection, relation)?,
        CatalogChange::DropModule(name) => {
            connection.execute("DELETE FROM module WHERE name = ?1", [name])?;
        }
        CatalogChange::DropFunction(key) => {
            connection.execute(
                "DELETE FROM function WHERE name = ?1 AND types = ?2",
                params![key.name, types(key)?],
            )?;
        }
        CatalogChange::DropUnreadable(function) => {
            connection.execute(
                "DELETE FROM function WHERE name = ?1 AND types IN (?2, ?3)",
                params![
                    function.name,
                    serde_json::to_string(&function.types)?,
                    function.types.concat()
                ],
            )?;
        }
        CatalogChange::PutSchema(name) => {
            connection.execute(
                "INSERT OR REPLACE INTO relation (name, kind, sql) VALUES (?1, ?2, '')",
                params![name, SCHEMA],
            )?;
        }
        CatalogChange::DropRelation(name) | CatalogChange::DropSchema(name) => {
            connection.execute("DELETE FROM relation WHERE name = ?1", [name])?;
        }
        CatalogChange::Access(change) => {
            if !access::write(connection, change)? {
                return Err(ChangeError::Unstorable(format!("the change {change:?}")));
            }
        }
        CatalogChange::Audit(record) => access::add_record(connection, record)?,
        other => {
            return Err(ChangeError::Unstorable(format!("the change {other:?}")));
        }
    }
    Ok(())
}

/// Stores a relation, with its rows.
fn put_relation(connection: &Connection, relation: &Relation) -> Result<(), ChangeError> {
    let Some(kind) = kind_text(relation.kind) else {
        let what = format!("a relation of the kind {:?}", relation.kind);
        return Err(ChangeError::Unstorable(what));
    };
    connection.execute(
        "INSERT INTO relation (name, kind, sql) VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, sql = excluded.sql",
        params![relation.name, kind, relation.sql],
    )?;
    match &relation.rows {
        Some(rows) => put_rows(connection, &relation.name, rows),
        None => {
            let sql = "DELETE FROM stored_table WHERE name = ?1";
            connection.execute(sql, [&relation.name])?;
            Ok(())
        }
    }
}

/// Stores the rows of a table: those from the first chunk on that is another than before.
fn put_rows(connection: &Connection, name: &str, rows: &TableRows) -> Result<(), ChangeError> {
    connection.execute(
        "INSERT INTO stored_table (name, schema) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET schema = excluded.schema",
        params![name, rows.encode_schema()?],
    )?;
    let mut same = 0_i64;
    for chunk in rows.chunks() {
        let sql = "SELECT digest FROM chunk WHERE table_name = ?1 AND position = ?2";
        let mut found = connection.prepare_cached(sql)?;
        let found: Option<String> = found
            .query_row(params![name, same], |row| row.get(0))
            .optional()?;
        if found != Some(chunk.digest().to_string()) {
            break;
        }
        same += 1;
    }
    connection.execute(
        "DELETE FROM chunk WHERE table_name = ?1 AND position >= ?2",
        params![name, same],
    )?;
    for (position, chunk) in (0_i64..).zip(rows.chunks()) {
        if position < same {
            continue;
        }
        let digest = chunk.digest().to_string();
        let sql = "SELECT 1 FROM blob WHERE digest = ?1";
        let is_stored = connection.prepare_cached(sql)?.exists([&digest])?;
        if !is_stored {
            // A chunk without bytes of its own is one that the file had.
            let Some(bytes) = chunk.encode()? else {
                let what = format!("rows of `{name}` whose bytes are gone: restore the file");
                return Err(ChangeError::Unstorable(what));
            };
            connection.execute(
                "INSERT INTO blob (digest, bytes) VALUES (?1, ?2)",
                params![digest, bytes],
            )?;
        }
        connection.execute(
            "INSERT INTO chunk (table_name, position, digest, row_count) VALUES (?1, ?2, ?3, ?4)",
            params![name, position, digest, chunk.rows().cast_signed()],
        )?;
    }
    Ok(())
}

/// Stores the bytes of a module once for its digest.
fn put_blob(connection: &Connection, module: &CatalogModule) -> Result<Digest, ChangeError> {
    let digest = module.digest();
    // A module that was not read is one of this file.
    if let Some(loaded) = module.get() {
        connection.execute(
            "INSERT OR IGNORE INTO blob (digest, bytes) VALUES (?1, ?2)",
            params![digest.to_string(), loaded.bytes()],
        )?;
    }
    Ok(digest)
}

/// Returns the texts of the argument types in a JSON array.
fn types(key: &FunctionKey) -> Result<String, ChangeError> {
    Ok(serde_json::to_string(&key.types_text())?)
}
