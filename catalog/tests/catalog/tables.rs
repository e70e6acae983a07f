//! Tables whose rows are kept.

use std::path::Path;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::UInt64Type;
use rusqlite::Connection;

use super::{folder, number, open, run, texts};

/// Counts the rows of a query of SQLite, past Fusebox.
fn stored(path: &Path, query: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn rows_are_there_again() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let before = open(&file);
    run(
        &before,
        "CREATE TABLE pair (a BIGINT NOT NULL, b VARCHAR DEFAULT 'none');
         INSERT INTO pair VALUES (1, 'one'), (2, NULL);
         INSERT INTO pair (a) VALUES (3);
         CREATE TABLE numbers AS SELECT value, [value, NULL] AS list, arrow_cast('x', 'Utf8View') AS
         text, named_struct('k', value) AS record FROM range(0, 100000);
         CREATE VIEW odd AS SELECT * FROM numbers WHERE value % 2 = 1;
         DELETE FROM numbers WHERE value >= 50000;
         UPDATE numbers SET text = 'y' WHERE value = 7",
    )
    .await
    .unwrap();
    drop(before);
    let after = open(&file);
    let pairs = "SELECT arrow_cast(a || ':' || coalesce(b, 'null'), 'Utf8') FROM pair";
    let pairs = texts(&after, pairs, 0).await;
    assert_eq!(pairs, ["1:one", "2:null", "3:none"]);
    assert_eq!(
        number(&after, "SELECT count(*) FROM odd").await.unwrap(),
        25_000
    );
    let sum = "SELECT sum(list[1] + record['k']) FROM numbers";
    assert_eq!(number(&after, sum).await.unwrap(), 2 * 1_249_975_000);
    let changed = "SELECT count(*) FROM numbers WHERE text = 'y'";
    assert_eq!(number(&after, changed).await.unwrap(), 1);
    // What is kept is what was declared.
    let refused = run(&after, "INSERT INTO pair VALUES (NULL, 'x')").await;
    refused.unwrap_err();
    run(&after, "INSERT INTO pair (a) VALUES (4)")
        .await
        .unwrap();
    assert_eq!(
        number(&after, "SELECT count(b) FROM pair").await.unwrap(),
        3
    );
    run(&after, "DROP TABLE numbers CASCADE; DROP TABLE pair")
        .await
        .unwrap();
    assert_eq!(stored(&file, "SELECT count(*) FROM blob"), 0);
    run(&open(&file), "SELECT * FROM pair").await.unwrap_err();
}

#[tokio::test]
async fn sessions_see_rows_of_others_at_the_next_statement() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (one, other) = (open(&file), open(&file));
    run(&one, "CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    let count = "SELECT count(*) FROM t";
    assert_eq!(number(&other, count).await.unwrap(), 1);
    run(&other, "INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(number(&one, count).await.unwrap(), 2);
    run(&one, "CREATE VIEW v AS SELECT * FROM t").await.unwrap();
    run(
        &other,
        "DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (5)",
    )
    .await
    .unwrap();
    assert_eq!(number(&one, "SELECT sum(a) FROM v").await.unwrap(), 7);
    // A table that was created anew has other columns.
    run(
        &other,
        "DROP TABLE t CASCADE; CREATE TABLE t AS SELECT 'x' AS b",
    )
    .await
    .unwrap();
    assert_eq!(texts(&one, "SELECT b FROM t", 0).await, ["x"]);
    run(&other, "TRUNCATE TABLE t").await.unwrap();
    assert_eq!(number(&one, count).await.unwrap(), 0);
}

#[tokio::test]
async fn concurrent_inserts_are_all_kept() {
    const ROUNDS: i64 = 20;
    let folder = folder();
    let file = folder.path().join("c.db");
    run(&open(&file), "CREATE TABLE t (a BIGINT)")
        .await
        .unwrap();
    let work = |session, first: i64| async move {
        for round in 0..ROUNDS {
            let insert = format!("INSERT INTO t VALUES ({})", first + round);
            run(&session, &insert).await.unwrap();
            let update = format!("UPDATE t SET a = a + 1000 WHERE a = {}", first + round);
            run(&session, &update).await.unwrap();
        }
    };
    tokio::join!(
        work(open(&file), 0),
        work(open(&file), 100),
        work(open(&file), 200)
    );
    let after = open(&file);
    assert_eq!(
        number(&after, "SELECT count(DISTINCT a) FROM t")
            .await
            .unwrap(),
        3 * ROUNDS
    );
    assert_eq!(
        number(&after, "SELECT count(*) FROM t WHERE a < 1000")
            .await
            .unwrap(),
        0
    );
    // Small statements do not leave as many chunks.
    assert_eq!(stored(&file, "SELECT count(*) FROM chunk"), 1);
}

#[tokio::test]
async fn temporary_tables_and_views_are_those_of_the_session() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    run(
        &session,
        "CREATE TEMPORARY TABLE t AS SELECT 1 AS a; INSERT INTO t VALUES (2);
         CREATE TEMPORARY VIEW v AS SELECT * FROM t",
    )
    .await
    .unwrap();
    assert_eq!(number(&session, "SELECT sum(a) FROM v").await.unwrap(), 3);
    for gone in ["SELECT * FROM t", "SELECT * FROM v"] {
        run(&open(&file), gone).await.unwrap_err();
    }
    assert_eq!(stored(&file, "SELECT count(*) FROM relation"), 0);
}

#[tokio::test]
async fn statements_that_fail_change_nothing() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    run(&session, "CREATE TABLE t AS SELECT * FROM range(0, 10)")
        .await
        .unwrap();
    for (statement, expected) in [
        ("CREATE TABLE t (a BIGINT)", "already exists"),
        (
            "CREATE OR REPLACE VIEW t AS SELECT 1",
            "is a table and not replaced",
        ),
        ("DROP VIEW t", "doesn't exist"),
        (
            "CREATE OR REPLACE TABLE t AS SELECT 1 / (value - 5) FROM t",
            "Divide by zero",
        ),
        ("DELETE FROM t WHERE 1 / (value - 5) > 0", "Divide by zero"),
        ("UPDATE t SET value = 1 / (value - 5)", "Divide by zero"),
        (
            "INSERT INTO t SELECT 1 / (value - 5) FROM t",
            "Divide by zero",
        ),
        ("INSERT INTO t VALUES (1, 2)", "Inconsistent data length"),
        (
            "CREATE TABLE twice AS SELECT one.*, two.* FROM t AS one, t AS two",
            "twice",
        ),
    ] {
        let error = run(&session, statement).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{statement}: {error}");
        assert_eq!(
            number(&session, "SELECT sum(value) FROM t").await.unwrap(),
            45,
            "{statement}"
        );
    }
    let explained = run(&session, "EXPLAIN DELETE FROM t").await;
    explained.unwrap();
    assert_eq!(
        number(&open(&file), "SELECT sum(value) FROM t")
            .await
            .unwrap(),
        45
    );
}

#[tokio::test]
async fn limit_of_rows_is_that_of_the_catalog() {
    use std::sync::Arc;

    use fusebox::{CatalogLimits, Engine};
    use fusebox_catalog::SqliteCatalog;

    let folder = folder();
    let file = folder.path().join("c.db");
    let limits = CatalogLimits {
        row_bytes_max: 100_000,
        ..CatalogLimits::default()
    };
    let engine = Engine::builder()
        .catalog(Arc::new(SqliteCatalog::open(&file).unwrap()))
        .catalog_limits(limits);
    let session = engine.build().unwrap().session().build().unwrap();
    run(&session, "CREATE TABLE t AS SELECT * FROM range(0, 1000)")
        .await
        .unwrap();
    let insert = "INSERT INTO t SELECT * FROM range(0, 50000)";
    let error = run(&session, insert).await.unwrap_err().to_string();
    assert!(
        error.contains("expected at most 100000 (row_bytes_max)"),
        "{error}"
    );
    assert_eq!(
        number(&session, "SELECT count(*) FROM t").await.unwrap(),
        1000
    );
}

#[tokio::test]
async fn damaged_rows_fail_the_statements_that_read_them() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let create =
        "CREATE TABLE t AS SELECT * FROM range(0, 10); CREATE TABLE whole AS SELECT 1 AS a";
    run(&open(&file), create).await.unwrap();
    let of_t = "(SELECT digest FROM chunk WHERE table_name LIKE '%.t')";
    for (damage, expected) in [
        (
            format!("UPDATE blob SET bytes = x'00' WHERE digest = {of_t}"),
            "another digest",
        ),
        (
            format!("DELETE FROM blob WHERE digest = {of_t}"),
            "are gone",
        ),
        (
            "UPDATE chunk SET digest = 'x' WHERE table_name LIKE '%.t'".to_owned(),
            "cannot be read",
        ),
    ] {
        let connection = Connection::open(&file).unwrap();
        connection
            .execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}"))
            .unwrap();
        let session = open(&file);
        let error = run(&session, "SELECT * FROM t")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{damage}: {error}");
        assert_eq!(number(&session, "SELECT a FROM whole").await.unwrap(), 1);
    }
    // What cannot be read can be dropped, as the error says.
    let session = open(&file);
    run(&session, "DROP TABLE t").await.unwrap();
    assert_eq!(
        stored(&file, "SELECT count(*) FROM relation WHERE name LIKE '%.t'"),
        0
    );
    let created = run(&session, "CREATE TABLE t AS SELECT 1 AS a").await;
    created.unwrap();
}

#[tokio::test]
async fn changes_are_those_of_the_rows_that_select_finds() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    for statement in [
        "DELETE FROM t WHERE false",
        "DELETE FROM t WHERE NULL",
        "DELETE FROM t WHERE a = 1 AND a = 2",
        "DELETE FROM t WHERE a IS NULL",
        "DELETE FROM t WHERE a IN (SELECT x FROM other)",
        "DELETE FROM t WHERE a NOT IN (SELECT x FROM other)",
        "DELETE FROM t WHERE EXISTS (SELECT 1 FROM other WHERE x = a)",
        "DELETE FROM t WHERE a = (SELECT max(a) FROM t)",
        "DELETE FROM t LIMIT 1",
        "DELETE FROM t WHERE a > 2",
        "DELETE FROM t",
        "UPDATE t SET a = a",
        "UPDATE t SET b = 9 WHERE false",
        "UPDATE t SET b = 9 WHERE a = 1",
        "UPDATE t SET b = a * 2 + 1, a = a * 2 + 1",
        "UPDATE t SET b = 1 WHERE a IN (SELECT x FROM other)",
        "UPDATE t SET b = (SELECT max(x) FROM other)",
        "UPDATE t AS z SET b = 7 WHERE z.a = 4",
    ] {
        let (verb, rest) = statement.split_once(' ').unwrap();
        // The rows that the condition chooses, as SELECT has them.
        let condition = rest
            .split_once("WHERE")
            .map_or("true", |(_, condition)| condition);
        for table in ["CREATE OR REPLACE TABLE", "CREATE TEMPORARY TABLE"] {
            let create = format!(
                "{table} t (a BIGINT NOT NULL, b BIGINT);
                 INSERT INTO t VALUES (1, 10), (2, NULL), (3, 30), (4, 40);
                 CREATE OR REPLACE TABLE other AS SELECT 2 AS x"
            );
            run(&session, &create).await.unwrap();
            let chosen = format!("SELECT count(*) FROM t AS z WHERE {condition}");
            let chosen = match statement.contains("LIMIT") {
                true => 1,
                false => number(&session, &chosen).await.unwrap(),
            };
            let batches = run(&session, statement).await.unwrap();
            let count = batches[0].column(0).as_primitive::<UInt64Type>().value(0);
            assert_eq!(count, chosen as u64, "{statement}");
            let left = number(&session, "SELECT count(*) FROM t").await.unwrap();
            let expected = if verb == "DELETE" { 4 - chosen } else { 4 };
            assert_eq!(left, expected, "{statement}");
            run(&session, "DROP TABLE t").await.unwrap();
        }
    }
}

#[tokio::test]
async fn names_are_kept_as_they_are_quoted() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let names = [
        "t",
        "\"T\"",
        "\"a.b\"",
        "\"x y\"",
        "\"it's\"",
        "\"a\"\"b\"",
        "\"Ä ö\"",
        "\"select\"",
    ];
    let session = open(&file);
    for (n, name) in names.iter().enumerate() {
        let create =
            format!("CREATE TABLE {name} AS SELECT {n} AS a; INSERT INTO {name} VALUES (100)");
        run(&session, &create).await.unwrap();
    }
    for session in [session, open(&file)] {
        for (n, name) in names.iter().enumerate() {
            let sum = number(&session, &format!("SELECT sum(a) FROM {name}"))
                .await
                .unwrap();
            assert_eq!(sum, n as i64 + 100, "{name}");
        }
    }
    let session = open(&file);
    for name in names {
        run(&session, &format!("DROP TABLE {name}")).await.unwrap();
    }
    assert_eq!(stored(&file, "SELECT count(*) FROM relation"), 0);
}
