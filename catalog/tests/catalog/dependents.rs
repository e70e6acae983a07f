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
    let again = "DROP TABLE t; CREATE TABLE t AS SELECT 2 AS a";
    run(&session, again).await.unwrap();
    assert_eq!(number(&session, "SELECT a FROM w").await.unwrap(), 12);
    assert_eq!(number(&other, "SELECT a FROM w").await.unwrap(), 12);
    run(&other, "CREATE OR REPLACE TABLE t AS SELECT 3 AS a")
        .await
        .unwrap();
    assert_eq!(number(&session, "SELECT a FROM w").await.unwrap(), 13);
    assert_eq!(number(&other, "SELECT a FROM v").await.unwrap(), 3);
    run(&other, "DROP TABLE t").await.unwrap();
    let gone = run(&session, "SELECT a FROM w").await.unwrap_err();
    assert!(gone.to_string().contains("not found"), "{gone}");
}
