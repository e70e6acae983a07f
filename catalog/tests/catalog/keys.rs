//! Primary keys and unique columns of kept tables.

use rusqlite::Connection;

use super::{folder, number, open, run};

const CREATE: &str = "CREATE TABLE t (id BIGINT PRIMARY KEY, name VARCHAR UNIQUE DEFAULT 'none');
    INSERT INTO t SELECT value, 'n' || value FROM range(0, 10000)";

#[tokio::test]
async fn keys_are_enforced_by_each_session_of_a_file() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other) = (open(&file), open(&file));
    run(&session, CREATE).await.unwrap();
    for session in [&session, &other, &open(&file)] {
        for (statement, expected) in [
            (
                "INSERT INTO t VALUES (9999, 'new')",
                "(id) = (9999), found 2",
            ),
            (
                "INSERT INTO t (id) VALUES (-1), (-2)",
                "(name) = (none), found 2",
            ),
            (
                "INSERT INTO t SELECT CASE WHEN value < 5 THEN value + 20000 END, 'x' FROM range(0, 9)",
                "NOT NULL column `id`, found NULL",
            ),
            ("UPDATE t SET id = 5 WHERE id = 6", "(id) = (5), found 2"),
            (
                "UPDATE t SET name = 'n1' WHERE id = 0",
                "(name) = (n1), found 2",
            ),
            (
                "INSERT OVERWRITE t VALUES (1, 'a'), (1, 'b')",
                "(id) = (1), found 2",
            ),
        ] {
            let refused = run(session, statement).await.unwrap_err().to_string();
            assert!(refused.contains("table `t` "), "{statement}: {refused}");
            assert!(refused.contains(expected), "{statement}: {refused}");
        }
        let sum = number(session, "SELECT sum(id) FROM t").await.unwrap();
        assert_eq!(sum, 49_995_000);
    }
    run(&other, "INSERT INTO t VALUES (10000, 'n10000')")
        .await
        .unwrap();
    let late = "INSERT INTO t VALUES (10000, 'x')";
    let refused = run(&session, late).await.unwrap_err().to_string();
    assert!(refused.contains("(id) = (10000), found 2"), "{refused}");
    let shift =
        "UPDATE t SET id = id + 1; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, NULL)";
    run(&session, shift).await.unwrap();
    let count = "SELECT count(DISTINCT id) FROM t";
    assert_eq!(number(&other, count).await.unwrap(), 10_001);
}

#[tokio::test]
async fn concurrent_inserts_of_one_key_leave_one_row() {
    let folder = folder();
    let file = folder.path().join("c.db");
    run(&open(&file), "CREATE TABLE t (id BIGINT PRIMARY KEY)")
        .await
        .unwrap();
    let insert = |session: fusebox::Session| async move {
        let mut inserted = 0;
        for id in 0..20 {
            let insert = format!("INSERT INTO t VALUES ({id})");
            inserted += i64::from(run(&session, &insert).await.is_ok());
        }
        inserted
    };
    let (one, other) = (open(&file), open(&file));
    let inserted = tokio::join!(tokio::spawn(insert(one)), tokio::spawn(insert(other)));
    assert_eq!(inserted.0.unwrap() + inserted.1.unwrap(), 20);
    let session = open(&file);
    assert_eq!(
        number(&session, "SELECT count(*) FROM t").await.unwrap(),
        20
    );
}

#[tokio::test]
async fn table_that_cannot_be_created_is_none() {
    let folder = folder();
    let session = open(&folder.path().join("c.db"));
    let twice = "CREATE TABLE t (id BIGINT PRIMARY KEY) AS VALUES (1), (1)";
    let refused = run(&session, twice).await.unwrap_err().to_string();
    assert!(
        refused.contains("expected one row with (id) = (1), found 2"),
        "{refused}"
    );
    assert!(run(&session, "SELECT * FROM t").await.is_err());
    let once = "CREATE TABLE t (id BIGINT PRIMARY KEY) AS VALUES (1), (2)";
    run(&session, once).await.unwrap();
    let refused = run(&session, "INSERT INTO t VALUES (2)").await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn columns_of_a_table_of_a_query_have_the_nulls_that_are_stated() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    let columns = "(id BIGINT PRIMARY KEY, v VARCHAR NOT NULL, w BIGINT)";
    let null = format!("CREATE TABLE t {columns} AS SELECT 1 AS a, NULL AS b, 2 AS c");
    let refused = run(&session, &null).await.unwrap_err().to_string();
    let expected = "table `t` expected a value of the NOT NULL column `v`, found NULL";
    assert!(refused.contains(expected), "{refused}");
    assert!(run(&session, "SELECT * FROM t").await.is_err());
    let create = format!("CREATE TABLE t {columns} AS SELECT 1 AS a, 'a' AS b, 2 AS c");
    run(&session, &create).await.unwrap();
    for session in [&session, &open(&file)] {
        let refused = run(session, "INSERT INTO t VALUES (2, NULL, 2)").await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        let not_null = "SELECT count(*) FROM information_schema.columns
            WHERE table_name = 't' AND is_nullable = 'NO' AND column_name <> 'w'";
        assert_eq!(number(session, not_null).await.unwrap(), 2);
    }
    run(&session, "INSERT INTO t VALUES (2, 'b', NULL)")
        .await
        .unwrap();
    let again = "CREATE OR REPLACE TABLE t (id BIGINT, v VARCHAR) AS SELECT id, v FROM t;
        INSERT INTO t VALUES (NULL, NULL)";
    run(&session, again).await.unwrap();
    let count = "SELECT count(*) FROM t";
    assert_eq!(number(&open(&file), count).await.unwrap(), 3);
}

/// Rows that an earlier version has stored do not have the keys of their table.
#[tokio::test]
async fn keys_that_rows_do_not_have_change_no_answer() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let create = "CREATE TABLE k (id BIGINT, v VARCHAR); INSERT INTO k VALUES (1, 'a'), (1, 'b')";
    run(&open(&file), create).await.unwrap();
    let connection = Connection::open(&file).unwrap();
    let declare = "UPDATE relation SET sql = 'CREATE TABLE k (id BIGINT PRIMARY KEY, v VARCHAR)'";
    connection.execute_batch(declare).unwrap();
    let session = open(&file);
    let distinct = "SELECT count(*) FROM (SELECT DISTINCT id FROM k)";
    assert_eq!(number(&session, distinct).await.unwrap(), 1);
    let refused = run(&session, "INSERT INTO k VALUES (1, 'c')").await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("(id) = (1), found 2")
    );
    run(&session, "INSERT INTO k VALUES (2, 'c')")
        .await
        .unwrap();
    run(
        &session,
        "DELETE FROM k WHERE v = 'a'; UPDATE k SET id = id + 1",
    )
    .await
    .unwrap();
    assert_eq!(number(&session, "SELECT sum(id) FROM k").await.unwrap(), 5);
}
