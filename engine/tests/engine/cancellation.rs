//! Cancellation of queries.

use std::time::{Duration, Instant};

use fusebox::Error;

use crate::{CLAMP, number, run, session};

/// Returns zeros after a loop of 1,000,000 iterations per call.
const SPIN: &str = r#"CREATE FUNCTION spin(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
    (memory (export "memory") 8)
    (func (export "fusebox_abi_1"))
    (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 262144))
    (func (export "fusebox_udf_spin") (param $args i32) (param $rows i32) (param $result i32) (result i32)
      (local $iterations i32)
      (local.set $iterations (i32.const 1000000))
      (loop $again
        (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $iterations) (i32.const 0))))
      (i32.store (i32.const 20) (i32.const 1024)) ;; values of the result
      (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
      (i64.store offset=24 (local.get $result) (i64.const 2))
      (i32.store offset=40 (local.get $result) (i32.const 16))
      (i32.const 0)))$$ WITH (fuel_per_call = 10000000);"#;

/// Returns zeros after a loop of 100,000 iterations per row, in calls that do not mark their
/// rows.
fn spin_rows() -> String {
    SPIN.replace("spin", "spin_rows").replace(
        "(i32.const 1000000)",
        "(i32.mul (local.get $rows) (i32.const 100000))",
    )
}

/// Returns zeros after a loop of `iterations` iterations per row. The guest marks its rows,
/// so that one call computes a batch, independent of the fuel that it consumes.
pub(crate) fn spin_per_row(iterations: u32) -> String {
    let module = SPIN.replace("spin", "spin_per_row");
    let (head, tail) = module.split_once("(memory").unwrap();
    let (before, after) = tail.split_once("(local.set $iterations").unwrap();
    let (_, after) = after.split_once("(i32.store (i32.const 20)").unwrap();
    format!(
        r#"{head}
    (import "fusebox" "row_begin" (func $row_begin (param i32)))
    (import "fusebox" "row_end" (func $row_end (param i32)))
    (memory{before}
      (local $next i32)
      (loop $rows
        (call $row_begin (local.get $next))
        (local.set $iterations (i32.const {iterations}))
        (loop $again
          (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
          (br_if $again (i32.ne (local.get $iterations) (i32.const 0))))
        (call $row_end (i32.const 0))
        (local.set $next (i32.add (local.get $next) (i32.const 1)))
        (br_if $rows (i32.lt_u (local.get $next) (local.get $rows))))
      (i32.store (i32.const 20){after}"#
    )
}

/// A query that runs for minutes.
const LONG: &str = "SELECT sum(spin(value)) AS s FROM range(0, 10000000000)";

fn is_cancelled(error: &Error) -> bool {
    matches!(Error::find_in(error), Some(Error::Cancelled))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancelled_query_ends_and_the_next_query_runs() {
    let session = session();
    run(&session, SPIN).await.unwrap();
    let prepare = format!("PREPARE long AS {LONG}");
    run(&session, &prepare).await.unwrap();
    for text in [
        LONG,
        &format!("CREATE TABLE t AS {LONG}"),
        "EXECUTE long",
        &format!("EXPLAIN ANALYZE {LONG}"),
        &format!("CREATE VIEW v AS {LONG}; SELECT * FROM v"),
    ] {
        let query = tokio::spawn({
            let (session, text) = (session.clone(), text.to_owned());
            async move { run(&session, &text).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!query.is_finished(), "{text}");
        session.cancel();
        let start = Instant::now();
        let error = query.await.unwrap().unwrap_err();
        assert!(is_cancelled(&error), "{text}: {error}");
        assert_eq!(error.to_string(), "query cancelled");
        assert!(start.elapsed() < Duration::from_secs(10), "{text}");
        let next = "SELECT sum(spin(value)) FROM range(0, 20000)";
        assert_eq!(number(&run(&session, next).await.unwrap()), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_is_cancelled_between_calls_of_one_batch() {
    const ROWS: usize = 100_000;
    let session = session();
    run(&session, &spin_rows()).await.unwrap();
    let one_batch = format!("SET datafusion.execution.batch_size = {ROWS}");
    run(&session, &one_batch).await.unwrap();
    let source = format!("SELECT value FROM range(0, {ROWS})");
    let batches = run(&session, &source).await.unwrap();
    assert_eq!(batches.len(), 1);
    let query = tokio::spawn({
        let text = format!("SELECT spin_rows(value) FROM range(0, {ROWS})");
        let session = session.clone();
        async move { run(&session, &text).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!query.is_finished());
    session.cancel();
    let error = query.await.unwrap().unwrap_err();
    assert!(is_cancelled(&error), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_is_cancelled_between_rows_of_one_call() {
    let session = session();
    let module = spin_per_row(20_000_000).replace("fuel_per_call", "fuel_per_row");
    let module = module.replace("10000000)", "1000000000)");
    run(&session, &module).await.unwrap();
    let query = tokio::spawn({
        let text = "SELECT spin_per_row(value) FROM range(0, 8192)";
        let session = session.clone();
        async move { run(&session, text).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!query.is_finished());
    session.cancel();
    let error = query.await.unwrap().unwrap_err();
    assert!(is_cancelled(&error), "{error}");
}

#[tokio::test]
async fn planned_query_is_cancelled_before_it_runs() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    for text in [
        // The first is evaluated by the planner, the second by the execution.
        "SELECT clamp_to(9, 1, 5)",
        "SELECT clamp_to(value, 1, 5) FROM range(0, 10)",
    ] {
        let frame = session.sql(text).await.unwrap();
        session.clone().cancel();
        let error = frame.collect().await.unwrap_err();
        assert!(is_cancelled(&Error::Query(Box::new(error))), "{text}");
        run(&session, text).await.unwrap();
    }
}

#[test]
fn joins_stop_when_their_query_is_dropped() {
    // Each compares or makes more rows than some minutes suffice for, and returns none.
    for text in [
        "SELECT sum(a.value + b.value) AS s FROM range(0, 200000) a JOIN range(0, 200000) b \
         ON a.value % 2 = b.value % 2",
        "SELECT count(a.value + b.value) AS s FROM range(0, 200000) a JOIN range(0, 200000) b \
         ON a.value < b.value + 7",
        "SELECT a.value FROM range(0, 200000) a CROSS JOIN range(0, 200000) b WHERE \
         a.value * b.value = -1",
    ] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let session = session();
            let frame = session.sql(text).await.unwrap();
            let query = tokio::spawn(frame.collect());
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert!(!query.is_finished(), "{text}");
            query.abort();
            assert!(query.await.unwrap_err().is_cancelled(), "{text}");
        });
        // Waits until each thread has left its task: a batch that is compared with all rows of the
        // other side takes seconds in an unoptimised build.
        let start = Instant::now();
        runtime.shutdown_timeout(Duration::from_secs(90));
        assert!(start.elapsed() < Duration::from_secs(60), "{text}");
    }
}
