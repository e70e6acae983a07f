//! `ALTER TABLE` of kept tables.

use super::{folder, number, open, run};

/// Runs a statement that fails, and returns its error.
async fn refused(session: &fusebox::Session, statement: &str) -> String {
    let error = run(session, statement).await.unwrap_err();
    error.to_string()
}

#[tokio::test]
async fn altered_tables_are_seen_by_each_session_of_a_file() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other) = (open(&file), open(&file));
    let create = "CREATE TABLE t (a BIGINT PRIMARY KEY, b VARCHAR DEFAULT 'x', c BIGINT);
        INSERT INTO t SELECT value, 'n' || value, 2 * value FROM range(0, 100000);
        CREATE VIEW v AS SELECT sum(a) AS s FROM t; CREATE TEMPORARY VIEW own AS SELECT max(a) AS m FROM t";
    run(&session, create).await.unwrap();
    assert_eq!(
        number(&other, "SELECT s FROM v").await.unwrap(),
        4_999_950_000
    );
    let alter = "ALTER TABLE t DROP COLUMN c, ADD COLUMN d BIGINT DEFAULT 5,
        RENAME b TO text";
    let wrong = refused(&session, "ALTER TABLE t ALTER COLUMN b TYPE BIGINT").await;
    assert!(wrong.contains("Cannot cast string 'n0'"), "{wrong}");
    run(&session, alter).await.unwrap();
    for session in [&session, &other, &open(&file)] {
        assert_eq!(
            number(session, "SELECT sum(d) FROM t").await.unwrap(),
            500_000
        );
        assert_eq!(
            number(session, "SELECT s FROM v").await.unwrap(),
            4_999_950_000
        );
        let text = "SELECT count(*) FROM t WHERE text = 'n' || a";
        assert_eq!(number(session, text).await.unwrap(), 100_000);
        let duplicate = refused(session, "INSERT INTO t (a) VALUES (7)").await;
        assert!(duplicate.contains("(a) = (7), found 2"), "{duplicate}");
        assert!(run(session, "SELECT c FROM t").await.is_err());
    }
    run(&other, "INSERT INTO t (a) VALUES (100000)")
        .await
        .unwrap();
    let new = "SELECT count(*) FROM t WHERE a = 100000 AND text = 'x' AND d = 5";
    assert_eq!(number(&session, new).await.unwrap(), 1);
    assert_eq!(
        number(&session, "SELECT m FROM own").await.unwrap(),
        100_000
    );
}

#[tokio::test]
async fn views_keep_what_they_use() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    let create = "CREATE TABLE t (a BIGINT, b BIGINT); INSERT INTO t VALUES (1, 2);
        CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT a + 1 AS x FROM v";
    run(&session, create).await.unwrap();
    for session in [&session, &open(&file)] {
        for alter in [
            "ALTER TABLE t RENAME TO u",
            "ALTER TABLE t RENAME COLUMN a TO z",
            "ALTER TABLE t DROP COLUMN a",
            "ALTER TABLE t ALTER COLUMN a TYPE DOUBLE",
        ] {
            let error = refused(session, alter).await;
            let needed = "table `t` is needed as it is by view `v`";
            assert!(error.contains(needed), "{alter}: {error}");
        }
    }
    run(&session, "ALTER TABLE t RENAME b TO c").await.unwrap();
    assert_eq!(number(&open(&file), "SELECT x FROM w").await.unwrap(), 2);
    let rename =
        "ALTER VIEW w RENAME TO z; DROP VIEW z; DROP VIEW v; ALTER TABLE t RENAME TO \"T u\"";
    run(&session, rename).await.unwrap();
    for session in [&session, &open(&file)] {
        assert_eq!(
            number(session, "SELECT a + c FROM \"T u\"").await.unwrap(),
            3
        );
        assert!(run(session, "SELECT * FROM t").await.is_err());
    }
    run(
        &session,
        "CREATE TABLE t AS SELECT 7 AS a; INSERT INTO \"T u\" VALUES (3, 4)",
    )
    .await
    .unwrap();
    assert_eq!(number(&open(&file), "SELECT a FROM t").await.unwrap(), 7);
    assert_eq!(
        number(&open(&file), "SELECT sum(a) FROM \"T u\"")
            .await
            .unwrap(),
        4
    );
}

#[tokio::test]
async fn tables_of_queries_get_columns_with_defaults() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    let create = "CREATE TABLE t AS SELECT value AS a FROM range(0, 10);
        ALTER TABLE t ADD COLUMN b BIGINT; ALTER TABLE t RENAME a TO n;
        ALTER TABLE t ADD COLUMN c BIGINT DEFAULT 3";
    run(&session, create).await.unwrap();
    let reopened = open(&file);
    run(&reopened, "INSERT INTO t (n) VALUES (10)")
        .await
        .unwrap();
    let sums = "SELECT sum(n) * 1000 + sum(c) FROM t WHERE b IS NULL";
    assert_eq!(number(&session, sums).await.unwrap(), 55_033);
    let unnamed = "CREATE TABLE f AS SELECT arrow_cast(1, 'Float16') AS a;
        ALTER TABLE f ADD COLUMN b BIGINT DEFAULT 3";
    let error = refused(&session, unnamed).await;
    assert!(
        error.contains("expected columns whose types have names in SQL"),
        "{error}"
    );
}

#[tokio::test]
async fn rows_that_others_insert_meanwhile_are_kept() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other) = (open(&file), open(&file));
    run(&session, "CREATE TABLE t (a BIGINT)").await.unwrap();
    let inserting = tokio::spawn(async move {
        let mut inserted = 0;
        for n in 0..30 {
            let insert = format!("INSERT INTO t (a) VALUES ({n})");
            inserted += i64::from(run(&other, &insert).await.is_ok());
        }
        inserted
    });
    for n in 0..10 {
        let alter = format!("ALTER TABLE t ADD COLUMN c{n} BIGINT DEFAULT {n}");
        run(&session, &alter).await.unwrap();
    }
    let inserted = inserting.await.unwrap();
    let count = "SELECT count(*) FROM t WHERE c0 = 0 AND c9 = 9";
    assert_eq!(number(&session, count).await.unwrap(), inserted);
}
