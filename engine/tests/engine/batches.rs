//! Batches: splitting, concurrent queries, and functions dropped while in use.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Engine, Error, FileAccess, LimitExceeded, Session};

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
async fn plan_uses_a_function_as_it_is_when_it_runs() {
    let session = session();
    run(&session, CLAMP).await.unwrap();
    let query = "SELECT clamp_to(9, 1, 5)";
    let frame = session.sql(query).await.unwrap();
    run(&session, "DROP FUNCTION clamp_to").await.unwrap();
    let error = frame.clone().collect().await.unwrap_err();
    let error = Error::find_in(&error).unwrap().to_string();
    assert!(error.contains("clamp_to"), "{error}");
    run(&session, CLAMP).await.unwrap();
    assert_eq!(number(&frame.collect().await.unwrap()), 5);
}

/// Returns the number of the rows of its call, and needs much fuel for values from 100,000.
const OBSERVES_ROWS: &str = r#"(module
    (memory (export "memory") 2)
    (func (export "fusebox_abi_1"))
    (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 65536))
    (func (export "fusebox_udf_f") (param $args i32) (param $rows i32) (param $result i32) (result i32)
      (local $i i32) (local $k i32)
      (if (i64.ge_s (i64.load (i32.load offset=4 (i32.load offset=40 (local.get $args))))
                    (i64.const 100000))
        (then
          (local.set $k (i32.mul (local.get $rows) (i32.const 3000)))
          (loop $l (br_if $l (local.tee $k (i32.sub (local.get $k) (i32.const 1)))))))
      (loop $l
        (i64.store offset=1024 (i32.shl (local.get $i) (i32.const 3))
                   (i64.extend_i32_u (local.get $rows)))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                            (local.get $rows))))
      (i32.store (i32.const 20) (i32.const 1024))
      (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
      (i64.store offset=24 (local.get $result) (i64.const 2))
      (i32.store offset=40 (local.get $result) (i32.const 16))
      (i32.const 0)))"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn size_of_a_call_does_not_depend_on_earlier_queries() {
    let create = "CREATE FUNCTION f(BIGINT) RETURNS BIGINT LANGUAGE WASM IMMUTABLE AS";
    let session = session();
    run(&session, &format!("{create} $${OBSERVES_ROWS}$$"))
        .await
        .unwrap();
    // A context without the optimizer rule of Fusebox, and the keys of a repartitioning, are
    // evaluated outside of its nodes.
    let engine = Engine::builder().files(FileAccess::any()).build().unwrap();
    let plain = SessionContext::new().with_function_factory(Arc::new(engine.function_factory()));
    let file = tempfile::NamedTempFile::with_suffix(".wat").unwrap();
    std::fs::write(file.path(), OBSERVES_ROWS).unwrap();
    let from_file = format!("{create} '{}#f'", file.path().display());
    plain.sql(&from_file).await.unwrap();
    for (light, heavy) in [
        (
            "SELECT max(f(value)) FROM range(0, 2000)",
            "SELECT count(f(value)) FROM range(100000, 104000)",
        ),
        (
            "SELECT max(k) FROM (SELECT f(value) AS k FROM range(0, 2000) GROUP BY f(value))",
            "SELECT count(k) FROM (SELECT f(value) AS k FROM range(100000, 104000) GROUP BY f(value))",
        ),
    ] {
        let mut seen = Vec::new();
        for text in [light, heavy, light] {
            seen.push([
                number(&run(&session, text).await.unwrap()),
                number(&plain.sql(text).await.unwrap().collect().await.unwrap()),
            ]);
        }
        assert_eq!(seen[0], [2_000, 2_000], "{light}");
        assert_eq!(seen[2], seen[0], "{light}");
    }
    let function = session.function("f").await.unwrap();
    let call = |first: i64, rows: i64| {
        let values = Int64Array::from_iter_values(first..first + rows);
        let batch = RecordBatch::try_from_iter([("value", Arc::new(values) as _)]).unwrap();
        let rows = function.call(&batch).unwrap();
        arrow::array::cast::AsArray::as_primitive::<Int64Type>(&rows).value(0)
    };
    assert_eq!(call(0, 2_000), 2_000);
    assert!(call(100_000, 4_000) < 4_000);
    assert_eq!(call(0, 2_000), 2_000);
}
