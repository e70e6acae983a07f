//! Tables that SELECT … INTO creates in a catalog.

use super::{folder, number, open, run};

#[tokio::test]
async fn tables_of_select_into_are_kept() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let (session, other) = (open(&file), open(&file));
    run(
        &session,
        "SELECT value AS a INTO t FROM range(0, 10) WHERE value > 3 ORDER BY value LIMIT 4;
         WITH c AS (SELECT 1 AS b) SELECT b INTO UNLOGGED TABLE u FROM c UNION ALL SELECT 2;
         SELECT 5 AS a INTO TEMPORARY brief;
         INSERT INTO t VALUES (100)",
    )
    .await
    .unwrap();
    for session in [&session, &other] {
        assert_eq!(number(session, "SELECT sum(a) FROM t").await.unwrap(), 122);
        assert_eq!(number(session, "SELECT sum(b) FROM u").await.unwrap(), 3);
    }
    assert_eq!(number(&session, "SELECT a FROM brief").await.unwrap(), 5);
    run(&other, "SELECT a FROM brief").await.unwrap_err();
    // A session that has not read the table keeps it, too.
    let taken = run(&open(&file), "SELECT 7 AS a INTO t").await;
    let taken = taken.unwrap_err().to_string();
    assert!(taken.contains("already exists"), "{taken}");
    assert_eq!(number(&other, "SELECT count(*) FROM t").await.unwrap(), 5);
    run(&other, "DROP TABLE t").await.unwrap();
    run(&session, "SELECT 7 AS a INTO t").await.unwrap();
    assert_eq!(number(&other, "SELECT a FROM t").await.unwrap(), 7);
}
