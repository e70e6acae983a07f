//! Defaults and views of kept tables.

use super::{folder, number, open, run};

/// A function that adds one.
const ADD_ONE: &str = r#"CREATE FUNCTION plus_one(a BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$
    (module (func (export "plus_one") (param i64) (result i64)
        (i64.add (local.get 0) (i64.const 1)))) $$"#;

#[tokio::test]
async fn cascade_drops_the_defaults_of_kept_tables() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    let create = format!(
        "{ADD_ONE}; CREATE TABLE t (a BIGINT, b BIGINT DEFAULT plus_one(6), c BIGINT DEFAULT 5);
         INSERT INTO t (a) VALUES (1)"
    );
    run(&session, &create).await.unwrap();
    let other = open(&file);
    let refused = run(&session, "DROP FUNCTION plus_one").await.unwrap_err();
    let expected = "is needed by the default of `b` of table `t`";
    assert!(refused.to_string().contains(expected), "{refused}");
    run(&session, "DROP FUNCTION plus_one CASCADE")
        .await
        .unwrap();
    for session in [session, other, open(&file)] {
        run(&session, "INSERT INTO t (a) VALUES (2)").await.unwrap();
        let sums = "SELECT sum(b) * 1000 + sum(c) - 5 * count(*) FROM t";
        assert_eq!(number(&session, sums).await.unwrap(), 7_000);
    }
}

#[tokio::test]
async fn views_read_the_table_that_has_the_name_now() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other) = (open(&file), open(&file));
    let create = "CREATE TABLE t (a BIGINT); INSERT INTO t VALUES (1);
        CREATE VIEW v AS SELECT a FROM t; CREATE VIEW w AS SELECT a + 10 AS a FROM v";
    run(&session, create).await.unwrap();
    assert_eq!(number(&session, "SELECT a FROM w").await.unwrap(), 11);
    assert_eq!(number(&other, "SELECT a FROM w").await.unwrap(), 11);
    run(&other, "CREATE OR REPLACE TABLE t AS SELECT 3 AS a")
        .await
        .unwrap();
    assert_eq!(number(&session, "SELECT a FROM w").await.unwrap(), 13);
    assert_eq!(number(&other, "SELECT a FROM v").await.unwrap(), 3);
    run(&other, "DROP TABLE t CASCADE").await.unwrap();
    let gone = run(&session, "SELECT a FROM w").await.unwrap_err();
    assert!(gone.to_string().contains("not found"), "{gone}");
}

#[tokio::test]
async fn view_over_itself_is_refused() {
    let folder = folder();
    let session = open(&folder.path().join("c.db"));
    let create = "CREATE VIEW a AS SELECT 1 AS x; CREATE VIEW b AS SELECT x FROM a";
    run(&session, create).await.unwrap();
    for replace in [
        "CREATE OR REPLACE VIEW a AS SELECT x + 1 AS x FROM a",
        "CREATE OR REPLACE VIEW a AS SELECT x FROM b",
    ] {
        let refused = run(&session, replace).await.unwrap_err().to_string();
        assert!(refused.contains("in its own query"), "{refused}");
    }
    assert_eq!(number(&session, "SELECT x FROM b").await.unwrap(), 1);
}

#[tokio::test]
async fn temporary_table_hides_one_that_another_session_creates() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other) = (open(&file), open(&file));
    let create = "CREATE TEMPORARY TABLE t AS SELECT 7 AS a";
    run(&session, create).await.unwrap();
    run(&other, "CREATE TABLE t AS SELECT 8 AS a")
        .await
        .unwrap();
    assert_eq!(number(&session, "SELECT a FROM t").await.unwrap(), 7);
    run(&session, "DROP TABLE t").await.unwrap();
    assert_eq!(number(&other, "SELECT a FROM t").await.unwrap(), 8);
    assert_eq!(number(&session, "SELECT a FROM t").await.unwrap(), 8);
}

#[tokio::test]
async fn default_that_cannot_be_planned_is_not_null() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other) = (open(&file), open(&file));
    let temporary = ADD_ONE.replace("CREATE FUNCTION", "CREATE TEMPORARY FUNCTION");
    let create = format!(
        "{temporary}; CREATE TABLE t (a BIGINT DEFAULT plus_one(1), b BIGINT DEFAULT 5);
         INSERT INTO t VALUES (1, 1)"
    );
    run(&session, &create).await.unwrap();
    for change in [
        "UPDATE t SET a = DEFAULT, b = DEFAULT",
        "INSERT INTO t VALUES (DEFAULT, 1)",
    ] {
        let refused = run(&other, change).await.unwrap_err().to_string();
        assert!(refused.contains("plus_one"), "{refused}");
    }
    run(&session, "UPDATE t SET a = DEFAULT, b = DEFAULT")
        .await
        .unwrap();
    assert_eq!(
        number(&other, "SELECT a * 10 + b FROM t").await.unwrap(),
        25
    );
}
