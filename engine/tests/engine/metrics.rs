//! Metrics of calls.

use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use fusebox::{Engine, EngineBuilder, Error, FileAccess, FunctionMetrics, Privileges, Session};

use crate::cancellation::spin_per_row;
use crate::{CLAMP, privileges, run};

/// Builds engines that may read files of [`udfs`].
pub(crate) fn builder() -> EngineBuilder {
    Engine::builder().privileges(privileges())
}

/// Opens a session of an engine of its own.
pub(crate) fn session_of(builder: EngineBuilder) -> Session {
    builder.build().unwrap().session().build().unwrap()
}

pub(crate) fn session_with_metrics() -> Session {
    session_of(builder().metrics(true))
}

/// Returns the values of the first column of a query, a `BIGINT`.
pub(crate) async fn numbers(session: &Session, query: &str) -> Result<Vec<i64>, Error> {
    let batches = run(session, query).await?;
    let column = |batch: &arrow::array::RecordBatch| {
        let column = batch.column(0).as_primitive::<Int64Type>();
        column.values().to_vec()
    };
    Ok(batches.iter().flat_map(column).collect())
}

/// Takes the metrics of the only function of a session.
pub(crate) fn take_metrics(session: &Session) -> FunctionMetrics {
    let [metrics] = <[FunctionMetrics; 1]>::try_from(session.engine().take_metrics()).unwrap();
    metrics
}

#[tokio::test]
async fn metrics_count_calls_rows_bytes_and_fuel() {
    let session = session_with_metrics();
    run(&session, CLAMP).await.unwrap();
    let unused = take_metrics(&session);
    assert_eq!(unused.definition.name, "clamp_to");
    assert_eq!((unused.calls, unused.fuel), (0, 0));

    let query = "SELECT clamp_to(value, 10, 20) FROM range(0, 1000)";
    assert_eq!(numbers(&session, query).await.unwrap().len(), 1_000);
    let metrics = take_metrics(&session);
    assert_eq!((metrics.calls, metrics.rows), (1, 1_000));
    for time in [metrics.lower, metrics.guest, metrics.lift, metrics.reset] {
        assert!(time > Duration::ZERO, "{metrics:?}");
    }
    // A column of 1,000 numbers and two constants, with their headers.
    assert!(
        (8_000..12_000).contains(&metrics.lowered_bytes),
        "{metrics:?}"
    );
    assert_eq!(metrics.lifted_bytes, 8_000);
    assert!(metrics.fuel > 1_000 * 10, "{metrics:?}");
    assert_eq!(metrics.memory_bytes_max % 65_536, 0);
    assert!(metrics.memory_bytes_max > 0);
}

#[tokio::test]
async fn rows_that_fail_are_counted_by_cause() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let privileges = Privileges {
        files: FileAccess::under(root).unwrap(),
        ..Privileges::all()
    };
    let engine = Engine::builder().metrics(true).privileges(privileges);
    let session = session_of(engine);
    let quotient = "CREATE FUNCTION quotient(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM STRICT
        AS 'target/guests/math.wasm' EXPORT 'checked_div' WITH (on_error = 'null')";
    run(&session, quotient).await.unwrap();
    let query = "SELECT count(quotient(60, value % 3)) FROM range(0, 3000)";
    assert_eq!(numbers(&session, query).await.unwrap(), [2_000]);
    let metrics = take_metrics(&session);
    assert_eq!(metrics.failed_rows.reported, 1_000);
    assert_eq!(metrics.failed_rows.total(), 1_000);
    let [(function, rows)] = <[_; 1]>::try_from(session.take_failed_rows()).unwrap();
    assert_eq!((function.as_str(), rows.total()), ("quotient", 1_000));
    assert_eq!(session.take_failed_rows(), []);

    // A call that is evaluated while the statement is optimized counts too.
    let query = "SELECT quotient(1, 0) IS NULL";
    run(&session, query).await.unwrap();
    let [(_, rows)] = <[_; 1]>::try_from(session.take_failed_rows()).unwrap();
    assert!(rows.reported > 0, "{rows:?}");
    // Another session of the engine has no such rows.
    let other = session.engine().session().build().unwrap();
    assert_eq!(other.take_failed_rows(), []);
}

#[tokio::test]
async fn taking_metrics_resets_them() {
    let session = session_with_metrics();
    run(&session, CLAMP).await.unwrap();
    let query = |rows: u32| format!("SELECT clamp_to(value, 10, 20) FROM range(0, {rows})");
    run(&session, &query(100)).await.unwrap();
    let first = take_metrics(&session);
    run(&session, &query(200)).await.unwrap();
    let second = take_metrics(&session);
    assert_eq!((first.rows, second.rows), (100, 200));
    assert_eq!(take_metrics(&session).rows, 0);
}

#[tokio::test]
async fn engine_without_metrics_reports_none() {
    let session = session_of(builder());
    run(&session, CLAMP).await.unwrap();
    run(&session, "SELECT clamp_to(1, 2, 3)").await.unwrap();
    assert!(session.engine().take_metrics().is_empty());
}

#[tokio::test]
async fn dropped_functions_are_reported_once() {
    let session = session_with_metrics();
    run(&session, CLAMP).await.unwrap();
    run(
        &session,
        "SELECT clamp_to(value, 1, 2) FROM range(0, 7); DROP FUNCTION clamp_to",
    )
    .await
    .unwrap();
    assert_eq!(take_metrics(&session).rows, 7);
    assert!(session.engine().take_metrics().is_empty());
}

#[tokio::test]
async fn one_call_computes_rows_that_consume_much_fuel() {
    let session = session_with_metrics();
    run(&session, &spin_per_row(100_000)).await.unwrap();
    let mut fuel = Vec::new();
    for rows in [1, 1_000, 2_000] {
        let query = format!("SELECT spin_per_row(value) FROM range(0, {rows})");
        assert_eq!(numbers(&session, &query).await.unwrap().len(), rows);
        let metrics = take_metrics(&session);
        assert_eq!(metrics.calls, 1, "{metrics:?}");
        fuel.push(metrics.fuel);
    }
    let [one, thousand, two_thousand] = fuel[..] else {
        unreachable!("three queries were run");
    };
    assert!(one > 300_000, "{one}");
    // Fuel outside rows is the same for any number of rows.
    assert_eq!((two_thousand - thousand) * 999, (thousand - one) * 1_000);
}
