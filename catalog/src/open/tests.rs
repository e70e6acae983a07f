//! Tests of versions and migrations.

use super::*;

/// A version that is to come.
const NEXT: &str = "ALTER TABLE meta ADD COLUMN note TEXT; UPDATE meta SET note = 'new'";

fn opened(path: &Path, versions: &[&'static str]) -> Result<Connection, CatalogError> {
    let mut connection = Connection::open(path).unwrap();
    migrate(path, &mut connection, versions).map(|()| connection)
}

/// Returns the versions and one more.
fn with(next: &'static str) -> Vec<&'static str> {
    [&VERSIONS[..], &[next]].concat()
}

fn number(connection: &Connection, query: &str) -> i64 {
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn older_file_is_migrated_and_a_copy_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.db");
    let old = opened(&path, &VERSIONS).unwrap();
    let insert = "INSERT INTO blob VALUES ('01', x'0203')";
    old.execute(insert, []).unwrap();
    drop(old);
    let new = opened(&path, &with(NEXT)).unwrap();
    assert_eq!(
        number(&new, "SELECT user_version FROM pragma_user_version"),
        5
    );
    assert_eq!(number(&new, "SELECT count(*) FROM blob"), 1);
    number(&new, "SELECT count(note) FROM meta");
    let copied = folder.path().join("c.db.version-4");
    let copy = Connection::open(&copied).unwrap();
    assert_eq!(
        number(&copy, "SELECT user_version FROM pragma_user_version"),
        4
    );
    assert_eq!(number(&copy, "SELECT count(*) FROM blob"), 1);
    // The program of the older version refuses the file, and opens the copy.
    let refused = opened(&path, &VERSIONS).unwrap_err().to_string();
    let expected = format!(
        "expected version 4 or older, found 5, which Fusebox {FUSEBOX} wrote; this is Fusebox \
         {FUSEBOX}: use the other one, or the copy '{}'",
        copied.display()
    );
    assert!(refused.ends_with(&expected), "{refused}");
    opened(&copied, &VERSIONS).unwrap();
}

#[test]
fn tables_are_those_of_the_first_release() {
    let folder = tempfile::tempdir().unwrap();
    let file = opened(&folder.path().join("c.db"), &VERSIONS).unwrap();
    let sql = "SELECT group_concat(m.name || '.' || c.name || ' ' || c.type, ', ')
        FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
    let columns: String = file.query_row(sql, [], |row| row.get(0)).unwrap();
    let expected = "meta.key TEXT, meta.value INTEGER, blob.digest TEXT, blob.bytes BLOB, \
        module.name TEXT, module.digest TEXT, function.name TEXT, function.types TEXT, \
        function.definition TEXT, function.digest TEXT, relation.name TEXT, \
        relation.kind TEXT, relation.sql TEXT, stored_table.name TEXT, \
        stored_table.schema BLOB, chunk.table_name TEXT, chunk.position INTEGER, \
        chunk.digest TEXT, chunk.row_count INTEGER, program.version TEXT, role.name TEXT, \
        role.can_login INTEGER, role.is_superuser INTEGER, role.verifier TEXT, \
        role.settings TEXT, membership.member TEXT, membership.role TEXT, \
        privilege.grantee TEXT, privilege.privilege TEXT, privilege.kind TEXT, \
        privilege.object TEXT, owner.kind TEXT, owner.object TEXT, owner.owner TEXT, \
        audit.number INTEGER, audit.time INTEGER, audit.is_change INTEGER, audit.user TEXT, \
        audit.action TEXT, audit.object TEXT, audit.digest TEXT, audit.detail TEXT, \
        secret.bytes BLOB";
    assert_eq!(columns, expected, "other tables are another version");
    let sql = "SELECT group_concat(name, ' ') FROM
        (SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name)";
    let indexes: String = file.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(
        indexes,
        "audit_is_change chunk_digest function_digest module_digest"
    );
    let sql = "SELECT version FROM program";
    let program: String = file.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!((program.as_str(), CATALOG_VERSION), (FUSEBOX, 4));
}

#[test]
fn migration_that_fails_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.db");
    drop(opened(&path, &VERSIONS).unwrap());
    let broken = "ALTER TABLE meta ADD COLUMN note TEXT; INSERT INTO absent VALUES (1)";
    opened(&path, &with(broken)).unwrap_err();
    let same = opened(&path, &VERSIONS).unwrap();
    assert_eq!(
        number(&same, "SELECT user_version FROM pragma_user_version"),
        4
    );
    // It can be tried again, with a copy of its own.
    opened(&path, &with(NEXT)).unwrap();
    assert!(folder.path().join("c.db.version-4-2").exists());
}
