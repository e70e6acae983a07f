//! Changes, written to the tables.

use fusebox::{CatalogChange, CatalogModule, Digest, FunctionKey};
use rusqlite::{Connection, params};

use crate::contents::kind_text;

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
    connection.execute(
        "DELETE FROM blob WHERE digest NOT IN \
         (SELECT digest FROM module UNION ALL SELECT digest FROM function)",
        [],
    )?;
    connection.execute(
        "UPDATE meta SET value = ?1 WHERE key = 'version'",
        [i64::try_from(version).unwrap_or(i64::MAX)],
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
                    serde_json::to_string(definition)?,
                    digest.to_string()
                ],
            )?;
        }
        CatalogChange::PutRelation(relation) => {
            let Some(kind) = kind_text(relation.kind) else {
                let what = format!("a relation of the kind {:?}", relation.kind);
                return Err(ChangeError::Unstorable(what));
            };
            connection.execute(
                "INSERT OR REPLACE INTO relation (name, kind, sql) VALUES (?1, ?2, ?3)",
                params![relation.name, kind, relation.sql],
            )?;
        }
        CatalogChange::DropModule(name) => {
            connection.execute("DELETE FROM module WHERE name = ?1", [name])?;
        }
        CatalogChange::DropFunction(key) => {
            connection.execute(
                "DELETE FROM function WHERE name = ?1 AND types = ?2",
                params![key.name, types(key)?],
            )?;
        }
        CatalogChange::DropRelation(name) => {
            connection.execute("DELETE FROM relation WHERE name = ?1", [name])?;
        }
        other => {
            return Err(ChangeError::Unstorable(format!("the change {other:?}")));
        }
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

/// Returns the argument types as Arrow prints them, in a JSON array.
fn types(key: &FunctionKey) -> Result<String, ChangeError> {
    let types: Vec<String> = key.types.iter().map(ToString::to_string).collect();
    Ok(serde_json::to_string(&types)?)
}
