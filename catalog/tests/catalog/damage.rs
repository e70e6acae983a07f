//! Files that cannot be used: an error that says why, and nothing lost.

use std::fs;
use std::path::Path;

use fusebox::CatalogChange;
use fusebox_catalog::SqliteCatalog;
use rusqlite::Connection;

use crate::{CLAMP, folder, number, open, run, texts};

fn refusal(path: &Path) -> String {
    SqliteCatalog::open(path).unwrap_err().to_string()
}

#[test]
fn files_of_other_programs_are_refused() {
    let folder = folder();
    let text = folder.path().join("notes.txt");
    fs::write(&text, "SELECT 1; ".repeat(1_000)).unwrap();
    assert!(
        refusal(&text).contains("not a catalog of Fusebox"),
        "{}",
        refusal(&text)
    );
    let other = folder.path().join("other.db");
    let connection = Connection::open(&other).unwrap();
    connection.execute("CREATE TABLE t (a)", []).unwrap();
    drop(connection);
    assert!(
        refusal(&other).contains("another program"),
        "{}",
        refusal(&other)
    );
    let missing = folder.path().join("no/such/folder/functions.db");
    assert!(
        refusal(&missing).contains("cannot be opened"),
        "{}",
        refusal(&missing)
    );
    assert!(
        refusal(folder.path()).contains("cannot be opened"),
        "{}",
        refusal(folder.path())
    );
}

#[tokio::test]
async fn file_of_a_newer_version_is_refused_and_unchanged() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let connection = Connection::open(&file).unwrap();
    connection
        .pragma_update(None, "user_version", 1_000)
        .unwrap();
    let written = "UPDATE program SET version = '9.8.7'";
    connection.execute(written, []).unwrap();
    drop(connection);
    let before = fs::read(&file).unwrap();
    let here = concat!("this is Fusebox ", env!("CARGO_PKG_VERSION"));
    let found = "found 1000, which Fusebox 9.8.7 wrote";
    let refused = refusal(&file);
    for part in ["expected version 4 or older", found, here] {
        assert!(refused.contains(part), "{refused}");
    }
    assert!(!refused.contains("copy"), "{refused}");
    // The copy that was made when the file was migrated.
    fs::write(folder.path().join("functions.db.version-4"), "").unwrap();
    assert!(refusal(&file).contains("functions.db.version-4'"));
    assert_eq!(fs::read(&file).unwrap(), before);
    // A file that does not say so.
    let connection = Connection::open(&file).unwrap();
    connection.execute("DROP TABLE program", []).unwrap();
    drop(connection);
    let refused = refusal(&file);
    assert!(
        refused.contains("which Fusebox of a newer version wrote"),
        "{refused}"
    );
}

#[tokio::test]
async fn damaged_module_fails_its_functions_and_nothing_else() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let other = "CREATE FUNCTION trap(BIGINT) RETURNS BIGINT LANGUAGE WASM
        AS 'udfs/hostile/trap.wat'";
    run(&open(&file), other).await.unwrap();
    let connection = Connection::open(&file).unwrap();
    let damaged = "UPDATE blob SET bytes = zeroblob(length(bytes))
        WHERE digest = (SELECT digest FROM module)";
    assert_eq!(connection.execute(damaged, []).unwrap(), 1);
    drop(connection);
    let session = open(&file);
    let error = run(&session, "SELECT clamp_to(70)").await.unwrap_err();
    assert!(error.to_string().contains("another digest"), "{error}");
    assert_eq!(number(&session, "SELECT 5").await.unwrap(), 5);
    let error = run(&session, "SELECT trap(70)").await.unwrap_err();
    assert!(error.to_string().contains("unreachable"), "{error}");
    run(&session, "DROP MODULE clamp CASCADE").await.unwrap();
    assert_eq!(texts(&session, "SHOW USER FUNCTIONS", 0).await, ["trap"]);
}

#[tokio::test]
async fn unreadable_definition_is_listed_and_fails_its_calls() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let connection = Connection::open(&file).unwrap();
    let changed = "INSERT INTO function SELECT 'g', types, '{\"name\": 7}', digest FROM function";
    connection.execute(changed, []).unwrap();
    drop(connection);
    let session = open(&file);
    let listed = ["clamp_to", "g"];
    assert_eq!(texts(&session, "SHOW USER FUNCTIONS", 0).await, listed);
    let shown = "SELECT description FROM fusebox.functions WHERE name = 'g'";
    let shown = texts(&session, shown, 0).await;
    assert!(shown[0].starts_with("cannot be read: "), "{shown:?}");
    for statement in [
        "SELECT g(1, 2, 3)",
        "EXPLAIN SELECT 1 WHERE g(1, 2, 3) > 0",
        "CREATE VIEW v AS SELECT g(1, 2, 3) AS a",
        "ALTER FUNCTION g RENAME TO h",
    ] {
        let failed = run(&session, statement).await.unwrap_err().to_string();
        assert!(failed.contains("function `g` cannot be read"), "{failed}");
    }
    assert_eq!(number(&session, "SELECT clamp_to(70)").await.unwrap(), 10);
    // It is there until it is dropped.
    run(&session, "DROP FUNCTION g").await.unwrap();
    for session in [session, open(&file)] {
        let listed = texts(&session, "SHOW USER FUNCTIONS", 0).await;
        assert_eq!(listed, ["clamp_to"]);
        run(&session, "DROP FUNCTION g").await.unwrap_err();
    }
}

#[tokio::test]
async fn relation_of_an_unknown_kind_is_listed_and_only_dropped() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), "CREATE VIEW v AS SELECT 7 AS n")
        .await
        .unwrap();
    let connection = Connection::open(&file).unwrap();
    let newer = "INSERT INTO relation VALUES
        ('datafusion.public.m', 'materialized view', 'CREATE MATERIALIZED VIEW m AS SELECT 1')";
    connection.execute(newer, []).unwrap();
    drop(connection);
    let session = open(&file);
    let views = texts(&session, "SHOW TABLES", 2).await;
    assert!(views.contains(&"m".to_owned()), "{views:?}");
    for (statement, expected) in [
        ("SELECT * FROM m", "cannot be planned: expected a kind"),
        ("CREATE VIEW m AS SELECT 1 AS n", "exist"),
        ("CREATE OR REPLACE VIEW m AS SELECT 1 AS n", "not replaced"),
        ("CREATE TABLE m AS SELECT 1 AS n", "exist"),
    ] {
        let failed = run(&session, statement).await.unwrap_err().to_string();
        assert!(failed.contains(expected), "{failed}");
    }
    assert_eq!(number(&session, "SELECT n FROM v").await.unwrap(), 7);
    run(&session, "DROP TABLE m").await.unwrap();
    let views = texts(&open(&file), "SHOW TABLES", 2).await;
    assert!(!views.contains(&"m".to_owned()), "{views:?}");
}

#[tokio::test]
async fn function_whose_module_is_gone_is_listed_and_fails_its_calls() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let connection = Connection::open(&file).unwrap();
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    connection.execute("DELETE FROM blob", []).unwrap();
    drop(connection);
    let session = open(&file);
    let listed = ["clamp_to"];
    assert_eq!(texts(&session, "SHOW USER FUNCTIONS", 0).await, listed);
    let failed = run(&session, "SELECT clamp_to(70)").await.unwrap_err();
    let failed = failed.to_string();
    assert!(
        failed.contains("module `clamp`") && failed.contains("gone"),
        "{failed}"
    );
    run(&session, "DROP MODULE clamp CASCADE").await.unwrap();
}

#[tokio::test]
async fn module_that_cannot_be_read_leaves_the_others() {
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let other = "CREATE MODULE trap LANGUAGE WASM FROM 'udfs/hostile/trap.wat'";
    run(&open(&file), other).await.unwrap();
    let connection = Connection::open(&file).unwrap();
    let damaged = "UPDATE blob SET bytes = x'00'
        WHERE digest = (SELECT digest FROM module WHERE name = 'clamp')";
    assert_eq!(connection.execute(damaged, []).unwrap(), 1);
    drop(connection);
    let session = open(&file);
    let exports = "SELECT arrow_cast(module || ': ' || coalesce(export, description), 'Utf8') AS e
        FROM fusebox.exports ORDER BY 1";
    let exports = texts(&session, exports, 0).await;
    assert!(exports[0].starts_with("clamp: "), "{exports:?}");
    assert!(exports[0].contains("another digest"), "{exports:?}");
    assert!(exports.contains(&"trap: trap".to_owned()), "{exports:?}");
    for statement in [
        "DESCRIBE MODULE clamp",
        "IMPORT FUNCTIONS FROM MODULE clamp",
        "IMPORT OR REPLACE FUNCTIONS FROM MODULE clamp LIKE 'c%'",
    ] {
        let failed = run(&session, statement).await.unwrap_err();
        assert!(failed.to_string().contains("module `clamp`"), "{failed}");
    }
}

#[tokio::test]
async fn rows_whose_bytes_are_gone_are_not_stored_again() {
    let folder = folder();
    let session = open(&folder.path().join("functions.db"));
    run(&session, "CREATE TABLE t AS SELECT * FROM range(0, 10)")
        .await
        .unwrap();
    let catalog = session.engine().catalog();
    let table = catalog.contents().unwrap();
    let table = table.relations().next().unwrap().clone();
    run(&session, "DROP TABLE t").await.unwrap();
    let version = catalog.contents().unwrap().version();
    let again = vec![CatalogChange::PutRelation(table)];
    let error = catalog.apply(version, again).unwrap_err().to_string();
    assert!(error.contains("whose bytes are gone"), "{error}");
    let after = catalog.contents().unwrap();
    assert_eq!((after.version(), after.relations().count()), (version, 0));
}

/// Every page is overwritten in turn: a statement fails or returns what it did before.
#[tokio::test]
async fn damaged_pages_are_errors() {
    const PAGE: usize = 4_096;
    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let connection = Connection::open(&file).unwrap();
    connection
        .pragma_update(None, "journal_mode", "DELETE")
        .unwrap();
    drop(connection);
    let whole = fs::read(&file).unwrap();
    let mut failed = 0;
    for page in 0..whole.len() / PAGE {
        let mut damaged = whole.clone();
        damaged[page * PAGE..(page + 1) * PAGE].fill(0x5a);
        let copy = folder.path().join(format!("damaged-{page}.db"));
        fs::write(&copy, damaged).unwrap();
        let Ok(catalog) = SqliteCatalog::open(&copy) else {
            failed += 1;
            continue;
        };
        drop(catalog);
        match number(&open(&copy), "SELECT clamp_to(70)").await {
            Ok(result) => assert_eq!(result, 10),
            Err(_) => failed += 1,
        }
    }
    assert!(failed > 2, "{failed}");
}

/// As root, permissions do not hold: the test needs a user.
#[cfg(unix)]
#[tokio::test]
async fn file_that_cannot_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder();
    let file = folder.path().join("functions.db");
    run(&open(&file), CLAMP).await.unwrap();
    let permissions = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(&file, permissions(0o444)).unwrap();
    if fs::OpenOptions::new().append(true).open(&file).is_ok() {
        return;
    }
    let session = open(&file);
    assert_eq!(number(&session, "SELECT clamp_to(70)").await.unwrap(), 10);
    let error = run(&session, "DROP FUNCTION clamp_to").await.unwrap_err();
    assert!(error.to_string().contains("cannot be written"), "{error}");
    assert_eq!(number(&session, "SELECT clamp_to(70)").await.unwrap(), 10);
}
