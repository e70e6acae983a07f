//! A query: cancelled, and what it does not get in the way of.

use std::time::{Duration, Instant};

use fusebox::{Error, Session};

use crate::{CLAMP, number, run, session};

/// Answers zeros, after a million turns for each call.
const SPIN: &str = r#"CREATE FUNCTION spin(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
    (memory (export "memory") 8)
    (func (export "fusebox_abi_1"))
    (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 262144))
    (func (export "fusebox_udf_spin") (param $args i32) (param $rows i32) (param $result i32) (result i32)
      (local $turns i32)
      (local.set $turns (i32.const 1000000))
      (loop $again
        (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $turns) (i32.const 0))))
      (i32.store (i32.const 20) (i32.const 1024)) ;; the address of the values
      (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
      (i64.store offset=24 (local.get $result) (i64.const 2))
      (i32.store offset=40 (local.get $result) (i32.const 16))
      (i32.const 0)))$$ WITH (fuel_per_call = 10000000);"#;

/// The same, after a hundred thousand turns for each row.
fn spin_rows() -> String {
    SPIN.replace("spin", "spin_rows").replace(
        "(i32.const 1000000)",
        "(i32.mul (local.get $rows) (i32.const 100000))",
    )
}

/// Answers zeros, after `turns` turns for each row, which it announces: whatever
/// they burn, they are done in one call.
pub(crate) fn spin_announced(turns: u32) -> String {
    let module = SPIN.replace("spin", "spin_announced");
    let (head, tail) = module.split_once("(memory").unwrap();
    let (before, after) = tail.split_once("(local.set $turns").unwrap();
    let (_, after) = after.split_once("(i32.store (i32.const 20)").unwrap();
    format!(
        r#"{head}
    (import "fusebox" "row_begin" (func $row (param i32)))
    (import "fusebox" "row_end" (func $settle (param i32)))
    (memory{before}
      (local $next i32)
      (loop $rows
        (call $row (local.get $next))
        (local.set $turns (i32.const {turns}))
        (loop $again
          (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
          (br_if $again (i32.ne (local.get $turns) (i32.const 0))))
        (call $settle (i32.const 0))
        (local.set $next (i32.add (local.get $next) (i32.const 1)))
        (br_if $rows (i32.lt_u (local.get $next) (local.get $rows))))
      (i32.store (i32.const 20){after}"#
    )
}

/// Minutes of work.
const LONG: &str = "SELECT sum(spin(value)) AS s FROM range(0, 10000000000)";

fn is_cancelled(error: &Error) -> bool {
    matches!(Error::behind(error), Some(Error::Cancelled))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancelled_query_ends_soon_and_the_next_one_runs() {
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

/// Of a batch that takes seconds, only some rows are computed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_is_cancelled_within_a_batch() {
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

/// Of a call that takes minutes, only some rows are computed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn query_is_cancelled_within_a_call() {
    let session = session();
    let module = spin_announced(20_000_000).replace("fuel_per_call", "fuel_per_row");
    let module = module.replace("10000000)", "1000000000)");
    run(&session, &module).await.unwrap();
    let query = tokio::spawn({
        let text = "SELECT spin_announced(value) FROM range(0, 8192)";
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
async fn query_that_has_not_run_is_cancelled_too() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    for text in [
        // Computed when it is planned, and when it runs.
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

/// Runs statements one after the other and returns the number that the last
/// one answers.
async fn answer(session: &Session, statements: &[&str]) -> i64 {
    let mut last = Vec::new();
    for statement in statements {
        last = run(session, statement).await.unwrap();
    }
    number(&last)
}

#[tokio::test]
async fn statement_that_changes_the_session_still_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv").display().to_string();
    let copy = format!("COPY t TO '{file}' STORED AS CSV OPTIONS ('format.has_header' 'true')");
    let external = format!(
        "CREATE EXTERNAL TABLE e STORED AS CSV LOCATION '{file}'
         OPTIONS ('format.has_header' 'true')"
    );
    let session = session();
    for (statements, expected) in [
        (
            &[
                CLAMP,
                "CREATE TABLE t AS SELECT clamp_to(value, 2, 4) AS a FROM range(0, 7)",
                "SELECT sum(a) FROM t",
            ][..],
            21,
        ),
        (&["INSERT INTO t VALUES (100)", "SELECT sum(a) FROM t"], 121),
        (&[&copy, &external, "SELECT sum(a) FROM e"], 121),
        (
            &[
                "CREATE VIEW v AS SELECT clamp_to(a, 1, 3) AS b FROM t",
                "SELECT sum(b) FROM v",
            ],
            21,
        ),
        (
            &[
                "CREATE SCHEMA s",
                "CREATE TABLE s.t AS SELECT 7 AS a",
                "SELECT a FROM s.t",
            ],
            7,
        ),
        (
            &[
                "PREPARE p(BIGINT) AS SELECT clamp_to($1, 0, 9)",
                "EXECUTE p(12)",
            ],
            9,
        ),
        (
            &[
                "SET datafusion.execution.batch_size = 5",
                "SELECT CAST(value AS BIGINT) FROM information_schema.df_settings
                 WHERE name = 'datafusion.execution.batch_size'",
            ],
            5,
        ),
        (
            &[
                "DROP TABLE e",
                "DROP VIEW v",
                "DROP SCHEMA s CASCADE",
                "SELECT count(*) FROM information_schema.tables
                 WHERE table_schema IN ('public', 's')",
            ],
            1,
        ),
    ] {
        assert_eq!(answer(&session, statements).await, expected);
    }
    assert!(run(&session, "DEALLOCATE p; EXECUTE p(12)").await.is_err());
}

#[tokio::test]
async fn equal_calls_in_one_query_are_equal() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    let query = "CREATE VIEW v AS SELECT clamp_to(value, 2, 4) AS a FROM range(0, 7);
        WITH c AS (SELECT clamp_to(value, 2, 4) AS a FROM range(0, 7))
        SELECT clamp_to(c.a, 0, 9) + count(*)
        FROM c JOIN v ON clamp_to(c.a, 0, 9) = clamp_to(v.a, 0, 9)
        GROUP BY clamp_to(c.a, 0, 9) ORDER BY clamp_to(c.a, 0, 9)";
    // Three rows of seven are clamped to 2, one is 3, three are clamped to 4.
    assert_eq!(number(&run(&session, query).await.unwrap()), 2 + 9);
}
