//! Memory of results: charged before they are copied, and released with their columns.

use std::sync::Arc;

use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::physical_plan;
use fusebox::{Error, FileAccess, LimitExceeded, Session};
use futures::TryStreamExt;

use crate::{number, run, udfs};

const MEGABYTE: usize = 1 << 20;

const PILES_UP: &str = "CREATE FUNCTION piles_up(BIGINT) RETURNS VARCHAR LANGUAGE WASM
                            AS 'hostile/piles_up.wat'";

/// Bytes of one result of `piles_up`.
const RESULT_BYTES: usize = 65_000_000;

fn session_of(pool: &Arc<GreedyMemoryPool>) -> Session {
    let files = FileAccess::under(udfs()).unwrap();
    let pool = Arc::clone(pool) as Arc<dyn MemoryPool>;
    let builder = Session::builder().memory_pool(pool).files(files);
    builder.build().unwrap()
}

fn limit<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a LimitExceeded {
    match Error::find_in(error) {
        Some(Error::Limit { limit, .. }) => limit,
        _ => panic!("{error}"),
    }
}

#[tokio::test]
async fn results_are_charged_as_they_are_made() {
    // One instance and two results.
    let pool = Arc::new(GreedyMemoryPool::new(66 * MEGABYTE + 2 * RESULT_BYTES));
    let session = session_of(&pool);
    run(&session, PILES_UP).await.unwrap();
    let query = "SELECT sum(octet_length(piles_up(value))) FROM range(0, 60)";
    let error = run(&session, query).await.unwrap_err();
    assert!(
        matches!(limit(&error), LimitExceeded::MemoryPool { .. }),
        "{error}"
    );
    assert_eq!(pool.reserved(), 0);
    // In batches that fit, results are released one after the other.
    let small = "SET datafusion.execution.batch_size = 2";
    run(&session, small).await.unwrap();
    let error = run(&session, query).await.unwrap_err();
    assert!(
        matches!(limit(&error), LimitExceeded::MemoryPool { .. }),
        "{error}"
    );
    run(&session, "SET datafusion.execution.batch_size = 1")
        .await
        .unwrap();
    run(&session, "SET datafusion.execution.target_partitions = 1")
        .await
        .unwrap();
    let query = "SELECT octet_length(piles_up(value))::BIGINT FROM range(0, 6)";
    let batches = run(&session, query).await.unwrap();
    assert_eq!(batches.len(), 6);
    assert_eq!(number(&batches), RESULT_BYTES as i64);
    assert_eq!(pool.reserved(), 0);
}

#[tokio::test]
async fn reservation_lives_as_long_as_the_column() {
    let pool = Arc::new(GreedyMemoryPool::new(400 * MEGABYTE));
    let session = session_of(&pool);
    run(&session, PILES_UP).await.unwrap();
    for (query, least, most) in [
        (
            "SELECT piles_up(value) FROM range(0, 1)",
            RESULT_BYTES,
            RESULT_BYTES + 4 * MEGABYTE,
        ),
        // Two calls, whose columns are concatenated.
        (
            "SELECT piles_up(value) FROM range(0, 2)",
            2 * RESULT_BYTES,
            2 * RESULT_BYTES + 4 * MEGABYTE,
        ),
    ] {
        let batches = run(&session, query).await.unwrap();
        let column = Arc::clone(batches[0].column(0));
        drop(batches);
        let slice = column.slice(0, 1);
        drop(column);
        let reserved = pool.reserved();
        assert!((least..=most).contains(&reserved), "{reserved}");
        drop(slice);
        assert_eq!(pool.reserved(), 0, "{query}");
    }
}

#[tokio::test]
async fn constant_result_is_copied_once() {
    let pool = Arc::new(GreedyMemoryPool::new(300 * MEGABYTE));
    let session = session_of(&pool);
    let create = PILES_UP.replace("WASM", "WASM STABLE");
    run(&session, &create).await.unwrap();
    let query = "SELECT octet_length(piles_up(1))::BIGINT FROM range(0, 8192)";
    let batches = run(&session, query).await.unwrap();
    assert_eq!(number(&batches), RESULT_BYTES as i64);
    // Views of one copy, for each row.
    let batches = run(&session, "SELECT piles_up(1) FROM range(0, 8192)")
        .await
        .unwrap();
    assert_eq!(batches[0].num_rows(), 8_192);
    let reserved = pool.reserved();
    assert!(reserved < RESULT_BYTES + 4 * MEGABYTE, "{reserved}");
}

/// A literal of the optimizer would be copied for each row, in no account: 512 GB here.
#[tokio::test]
async fn large_constant_is_no_literal() {
    let pool = Arc::new(GreedyMemoryPool::new(300 * MEGABYTE));
    for returns in ["ARROW('LargeUtf8')", "ARROW('Utf8')", "ARROW('Binary')"] {
        let session = session_of(&pool);
        let create = PILES_UP.replace("RETURNS VARCHAR", &format!("RETURNS {returns}"));
        run(&session, &create).await.unwrap();
        for query in [
            "SELECT count(piles_up(1)) FROM range(0, 8192)",
            "SELECT max(piles_up(1)) FROM range(0, 8192)",
        ] {
            let error = run(&session, query).await.unwrap_err();
            let is_limit = matches!(
                limit(&error),
                LimitExceeded::MemoryPool { .. } | LimitExceeded::BatchBytes { .. }
            );
            assert!(is_limit, "{returns}, {query}: {error}");
            assert_eq!(pool.reserved(), 0);
        }
        // One row has one copy.
        let batches = run(&session, "SELECT count(piles_up(1))").await;
        assert_eq!(number(&batches.unwrap()), 1);
        let batches = run(&session, "SELECT piles_up(1)").await.unwrap();
        assert_eq!(batches[0].num_rows(), 1);
    }
}

#[tokio::test]
async fn batch_has_a_maximum_without_a_pool_too() {
    let files = FileAccess::under(udfs()).unwrap();
    let session = Session::builder().files(files).build().unwrap();
    run(&session, PILES_UP).await.unwrap();
    let query = "SELECT sum(octet_length(piles_up(value))) FROM range(0, 60)";
    let error = run(&session, query).await.unwrap_err();
    let batch_bytes_max = 256 << 20;
    match limit(&error) {
        LimitExceeded::BatchBytes {
            batch_bytes_max: found,
        } => assert_eq!(*found, batch_bytes_max),
        other => panic!("{other}"),
    }
    assert_eq!(
        error.to_string(),
        "function `piles_up` returned more than 256MB for one batch (fusebox.batch_bytes), \
         lower datafusion.execution.batch_size or raise fusebox.batch_bytes"
    );
    run(&session, "SET datafusion.execution.batch_size = 4")
        .await
        .unwrap();
    let batches = run(&session, query).await.unwrap();
    assert_eq!(number(&batches), 60 * RESULT_BYTES as i64);
}

/// A dictionary with one value, which a kernel of Arrow would copy for each row.
#[tokio::test]
async fn repeated_results_count_as_often_as_they_are_copied() {
    let pool = Arc::new(GreedyMemoryPool::new(400 * MEGABYTE));
    let session = session_of(&pool);
    let create = PILES_UP.replace("RETURNS VARCHAR", "RETURNS BYTEA STRICT");
    run(&session, &create).await.unwrap();
    let query = "SELECT count(piles_up(arrow_cast(value / 8192, 'Dictionary(Int32, Int64)')))
                     FROM range(0, 8192)";
    let error = run(&session, query).await.unwrap_err();
    assert!(
        matches!(limit(&error), LimitExceeded::BatchBytes { .. }),
        "{error}"
    );
    assert_eq!(pool.reserved(), 0);
}

#[tokio::test]
async fn streamed_batches_release_their_memory() {
    let pool = Arc::new(GreedyMemoryPool::new(500 * MEGABYTE));
    let session = session_of(&pool);
    run(&session, PILES_UP).await.unwrap();
    for set in [
        "SET datafusion.execution.batch_size = 1",
        "SET datafusion.execution.target_partitions = 1",
    ] {
        run(&session, set).await.unwrap();
    }
    let frame = session
        .sql("SELECT piles_up(value) FROM range(0, 20)")
        .await
        .unwrap();
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.unwrap();
    let mut stream = physical_plan::execute_stream(plan, context).unwrap();
    let mut rows = 0;
    while let Some(batch) = stream.try_next().await.unwrap() {
        rows += batch.num_rows();
    }
    drop(stream);
    assert_eq!(rows, 20);
    assert_eq!(pool.reserved(), 0);
}
