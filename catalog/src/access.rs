//! Users, roles, grants and the audit in the tables.
//!
//! A role or a grant that cannot be read grants nothing.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fusebox::{
    AccessChange, AuditRecord, CatalogChange, Digest, PasswordVerifier, PrivilegeGrant,
    PrivilegeObject, Role, RolePrivilege,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Version of the tables from which on they have users and the audit. A file that cannot be
/// written may have an older one.
const ACCESS_VERSION: i64 = 4;

/// Name of a setting that no session reads: its user is refused.
const UNREADABLE: &str = "unreadable";

/// Reads users, roles, grants and owners.
pub(crate) fn read(
    connection: &Connection,
    changes: &mut Vec<CatalogChange>,
) -> rusqlite::Result<()> {
    if !has_tables(connection)? {
        return Ok(());
    }
    let mut roles = BTreeMap::new();
    let sql = "SELECT name, can_login, is_superuser, verifier, settings FROM role";
    each(connection, sql, |row| {
        let mut role = Role::new(row.get::<_, String>(0)?);
        role.can_login = row.get(1)?;
        role.is_superuser = row.get(2)?;
        let verifier: Option<String> = row.get(3)?;
        // One that no password passes: without passwords, a server may trust everyone.
        role.verifier = verifier.map(|text| {
            PasswordVerifier::parse(&text).unwrap_or_else(|| {
                tracing::error!(role = role.name, "cannot read a verifier of the catalog");
                PasswordVerifier::impossible(&role.name, b"")
            })
        });
        let settings: String = row.get(4)?;
        role.settings = serde_json::from_str(&settings).unwrap_or_else(|error| {
            tracing::error!(%error, role = role.name, "cannot read settings of the catalog");
            BTreeMap::from([(UNREADABLE.to_owned(), String::new())])
        });
        roles.insert(role.name.clone(), role);
        Ok(())
    })?;
    each(connection, "SELECT member, role FROM membership", |row| {
        let member: String = row.get(0)?;
        if let Some(role) = roles.get_mut(&member) {
            role.member_of.insert(row.get(1)?);
        }
        Ok(())
    })?;
    let roles = roles.into_values().map(AccessChange::PutRole);
    changes.extend(roles.map(CatalogChange::Access));
    let sql = "SELECT kind, object, grantee, privilege FROM privilege";
    each(connection, sql, |row| {
        let privilege = RolePrivilege::find(&row.get::<_, String>(3)?);
        let (Some(privilege), Some(object)) = (privilege, object(row)?) else {
            tracing::error!("cannot read a grant of the catalog");
            return Ok(());
        };
        let grant = PrivilegeGrant {
            grantee: row.get(2)?,
            privilege,
            object,
        };
        changes.push(CatalogChange::Access(AccessChange::Grant(grant)));
        Ok(())
    })?;
    each(connection, "SELECT kind, object, owner FROM owner", |row| {
        if let Some(object) = object(row)? {
            let owner = AccessChange::PutOwner(object, row.get(2)?);
            changes.push(CatalogChange::Access(owner));
        }
        Ok(())
    })
}

/// Reads the object of the first two columns.
fn object(row: &Row<'_>) -> rusqlite::Result<Option<PrivilegeObject>> {
    let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(PrivilegeObject::of_parts(&kind, &name))
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(version >= ACCESS_VERSION)
}

fn each(
    connection: &Connection,
    sql: &str,
    mut work: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        work(row)?;
    }
    Ok(())
}

/// Writes a change; returns false for one that is not known.
pub(crate) fn write(connection: &Connection, change: &AccessChange) -> rusqlite::Result<bool> {
    match change {
        AccessChange::PutRole(role) => put_role(connection, role)?,
        AccessChange::DropRole(name) => {
            for sql in [
                "DELETE FROM role WHERE name = ?1",
                "DELETE FROM membership WHERE ?1 IN (member, role)",
                "DELETE FROM privilege WHERE grantee = ?1",
                "DELETE FROM owner WHERE owner = ?1",
            ] {
                connection.execute(sql, [name])?;
            }
        }
        AccessChange::Grant(grant) => {
            let (kind, object) = grant.object.parts();
            connection.execute(
                "INSERT OR IGNORE INTO privilege (grantee, privilege, kind, object) \
                 VALUES (?1, ?2, ?3, ?4)",
                params![grant.grantee, grant.privilege.name(), kind, object],
            )?;
        }
        AccessChange::Revoke(grant) => {
            let (kind, object) = grant.object.parts();
            connection.execute(
                "DELETE FROM privilege \
                 WHERE grantee = ?1 AND privilege = ?2 AND kind = ?3 AND object = ?4",
                params![grant.grantee, grant.privilege.name(), kind, object],
            )?;
        }
        AccessChange::PutOwner(object, owner) => {
            let (kind, object) = object.parts();
            connection.execute(
                "INSERT OR REPLACE INTO owner (kind, object, owner) VALUES (?1, ?2, ?3)",
                params![kind, object, owner],
            )?;
        }
        AccessChange::DropOwner(object) => {
            let (kind, object) = object.parts();
            let sql = "DELETE FROM owner WHERE kind = ?1 AND object = ?2";
            connection.execute(sql, params![kind, object])?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn put_role(connection: &Connection, role: &Role) -> rusqlite::Result<()> {
    // A map of texts is JSON.
    let settings = serde_json::to_string(&role.settings).unwrap_or_else(|_| UNREADABLE.to_owned());
    let verifier = role.verifier.as_ref().map(PasswordVerifier::to_text);
    connection.execute(
        "INSERT OR REPLACE INTO role (name, can_login, is_superuser, verifier, settings) \
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            role.name,
            role.can_login,
            role.is_superuser,
            verifier,
            settings
        ],
    )?;
    connection.execute("DELETE FROM membership WHERE member = ?1", [&role.name])?;
    for of in &role.member_of {
        let sql = "INSERT INTO membership (member, role) VALUES (?1, ?2)";
        connection.execute(sql, params![role.name, of])?;
    }
    Ok(())
}

/// Adds a record to the audit, which is [trimmed](trim_records) in the same transaction.
pub(crate) fn add_record(connection: &Connection, record: &AuditRecord) -> rusqlite::Result<()> {
    let since = record.time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let sql = "INSERT INTO audit (time, is_change, user, action, object, digest, detail) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    connection.prepare_cached(sql)?.execute(params![
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        record.is_change,
        record.user,
        record.action,
        record.object,
        record.digest.map(|digest| digest.to_string()),
        record.detail
    ])?;
    Ok(())
}

/// Removes the oldest records of each kind beyond the maximum: once for all that are added, since
/// it counts those that are kept.
pub(crate) fn trim_records(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "DELETE FROM audit WHERE is_change = ?1 AND number <= (\
               SELECT number FROM audit WHERE is_change = ?1 \
               ORDER BY number DESC LIMIT 1 OFFSET ?2)";
    let max = AuditRecord::RECORDS_MAX as i64;
    let mut trimming = connection.prepare_cached(sql)?;
    for is_change in [false, true] {
        trimming.execute(params![is_change, max])?;
    }
    Ok(())
}

/// Returns the records of the audit, the oldest first.
pub(crate) fn records(connection: &Connection) -> rusqlite::Result<Vec<AuditRecord>> {
    let mut records = Vec::new();
    if !has_tables(connection)? {
        return Ok(records);
    }
    let sql = "SELECT time, is_change, user, action, object, digest, detail FROM audit \
               ORDER BY number";
    each(connection, sql, |row| {
        let (micros, action): (i64, String) = (row.get(0)?, row.get(3)?);
        let mut record = match row.get::<_, bool>(1)? {
            true => AuditRecord::change(None, &action),
            false => AuditRecord::event(None, &action),
        };
        record.time = time(micros);
        record.user = row.get(2)?;
        record.object = row.get(4)?;
        let digest: Option<String> = row.get(5)?;
        record.digest = digest.and_then(|digest| digest.parse::<Digest>().ok());
        record.detail = row.get(6)?;
        records.push(record);
        Ok(())
    })?;
    Ok(records)
}

/// Returns the random bytes of the file.
pub(crate) fn secret(connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    if !has_tables(connection)? {
        return Ok(None);
    }
    let bytes = connection.query_row("SELECT bytes FROM secret", [], |row| row.get(0));
    bytes.optional()
}

fn time(micros: i64) -> SystemTime {
    let since = Duration::from_micros(micros.unsigned_abs());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
