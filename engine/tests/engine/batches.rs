//! Batches: splitting, concurrent queries, and functions dropped while in use.

use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Error, FileAccess, LimitExceeded, Session};

use crate::{CLAMP, number, run, session, udfs};

#[tokio::test]
async fn batch_that_does_not_fit_in_memory_is_split() {
    // 100,000 rows of three columns take 2.4 MB; the guest has 2 MB.
    let config = SessionConfig::new().with_batch_size(100_000);
    let session = Session::builder()
        .context(SessionContext::new_with_config(config))
        .files(FileAccess::under(udfs()).unwrap())
        .build()
        .unwrap();
    let create = "CREATE FUNCTION clamp_to LANGUAGE WASM AS 'wat/clamp.wat' WITH (memory = '2MB');
                  CREATE TABLE t AS SELECT value AS a, value / 2 AS b, value * 2 AS c
                  FROM range(0, 100000)";
    run(&session, create).await.unwrap();
    let sum = "SELECT sum(clamp_to(c, b, a)) FROM t";
    let batches = run(&session, sum).await.unwrap();
    assert_eq!(number(&batches), (0..100_000).sum::<i64>());
}

#[tokio::test]
async fn error_of_a_row_that_does_not_fit_has_its_index_and_size() {
    let session = session();
    let create = "CREATE FUNCTION status(VARCHAR) RETURNS BIGINT LANGUAGE WASM
                      AS 'hostile/status.wat' WITH (memory = '128kB')";
    run(&session, create).await.unwrap();
    let query = "SELECT status(repeat('x', 200000))";
    let error = run(&session, query).await.unwrap_err();
    let Some(Error::Limit {
        limit: LimitExceeded::Arguments { row: 0, bytes, .. },
        ..
    }) = Error::find_in(&error)
    else {
        panic!("{error}");
    };
    assert!(*bytes > 200_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_queries_share_a_function() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    let queries = (0..32).map(|n| {
        let session = session.clone();
        tokio::spawn(async move {
            let query = format!("SELECT sum(clamp_to(value, {n}, {n})) FROM range(0, 50000)");
            number(&run(&session, &query).await.unwrap())
        })
    });
    for (n, query) in queries.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(query.await.unwrap(), 50_000 * n as i64);
    }
}

#[tokio::test]
async fn plan_keeps_a_function_that_is_dropped_later() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    let frame = session.sql("SELECT clamp_to(9, 1, 5)").await.unwrap();
    run(&session, "DROP FUNCTION clamp_to").await.unwrap();
    assert_eq!(number(&frame.collect().await.unwrap()), 5);
}
