//! Calls of volatile functions are evaluated once for a row.
//!
//! Each query is also run by DataFusion alone. Where it evaluates the calls once as well, the
//! guard in `engine/src/volatile` that the test names can go.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::session;

/// Guard, query over six rows, and the calls that it asks for.
const CASES: &[(&str, &str, i64)] = &[
    (
        "GuardedPlan",
        "SELECT s['a'], s['a'] + 1 FROM (SELECT s FROM (SELECT named_struct('a', tick(a)) AS s FROM t) WHERE s['a'] >= 0)",
        6,
    ),
    (
        "functions::Between",
        "SELECT a FROM t WHERE tick(a) BETWEEN 0 AND 1000",
        6,
    ),
    (
        "functions::Coalesce",
        "SELECT coalesce(tick(a), 7) FROM t",
        6,
    ),
    ("functions::Coalesce", "SELECT nvl(tick(a), 7) FROM t", 6),
    (
        "functions::Opaque",
        "SELECT a FROM t WHERE date_part('year', to_timestamp(tick(a))) = 1970",
        6,
    ),
    (
        "GuardedProjectionPushdown",
        "SELECT tick(a + d) AS x, b FROM t WHERE b > 40",
        2,
    ),
    (
        "hoist of windows",
        "SELECT rank() OVER (ORDER BY tick(a)) FROM t",
        6,
    ),
    (
        "hoist of windows",
        "SELECT sum(tick(a)) OVER (ORDER BY a) FROM t",
        6,
    ),
    (
        "hoist of aggregates",
        "SELECT array_agg(a ORDER BY tick(a) % 4, a) FROM t",
        6,
    ),
    (
        "hoist of DISTINCT ON",
        "SELECT DISTINCT ON (tick(a) % 2) a FROM t ORDER BY tick(a) % 2, a",
        6,
    ),
    (
        "hoist of set comparisons",
        "SELECT a FROM t WHERE tick(a) > ANY (SELECT a - 100 FROM t)",
        6,
    ),
    (
        "GuardedFilterPushdown",
        "SELECT * FROM (SELECT DISTINCT c FROM t) WHERE tick(c) >= 0",
        3,
    ),
    (
        "GuardedFilterPushdown",
        "SELECT a FROM (SELECT t.a AS a FROM t JOIN t u ON t.c = u.c) WHERE tick(a) >= 0",
        12,
    ),
    (
        "GuardedFilterPushdown",
        "SELECT t.a FROM t JOIN t u ON t.a = u.a WHERE tick(t.a) >= 0",
        6,
    ),
    (
        "GuardedFilterPushdown",
        "SELECT a FROM (SELECT a FROM t WHERE tick(a) >= 0) WHERE tick(a) >= 0",
        12,
    ),
];

/// Adds a table of six rows, and a volatile function that counts its rows.
async fn prepare(context: &SessionContext) -> Arc<AtomicI64> {
    let ticks = Arc::new(AtomicI64::new(0));
    let counter = Arc::clone(&ticks);
    let tick = move |arguments: &[ColumnarValue]| {
        let rows = match &arguments[0] {
            ColumnarValue::Array(array) => array.len(),
            ColumnarValue::Scalar(_) => 1,
        };
        let rows = (0..rows).map(|_| counter.fetch_add(1, Ordering::Relaxed));
        let column = Int64Array::from_iter_values(rows);
        Ok(ColumnarValue::Array(Arc::new(column)))
    };
    let (takes, returns) = (vec![DataType::Int64], DataType::Int64);
    let tick = create_udf("tick", takes, returns, Volatility::Volatile, Arc::new(tick));
    context.register_udf(tick);
    let table = "CREATE TABLE t AS SELECT value AS a, value * 10 AS b, value % 3 AS c, value AS d
        FROM generate_series(1, 6)";
    context.sql(table).await.unwrap().collect().await.unwrap();
    ticks
}

async fn calls(context: &SessionContext, ticks: &AtomicI64, query: &str) -> i64 {
    let before = ticks.load(Ordering::Relaxed);
    let frame = context.sql(query).await.unwrap();
    frame.collect().await.unwrap();
    ticks.load(Ordering::Relaxed) - before
}

#[tokio::test]
async fn volatile_functions_are_called_once_for_a_row() {
    let plain = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    let plain_ticks = prepare(&plain).await;
    let session = session();
    let context = session.context();
    let one = "SET datafusion.execution.target_partitions = 1";
    context.sql(one).await.unwrap();
    let ticks = prepare(context).await;
    let mut wrong = Vec::new();
    for (guard, query, expected) in CASES {
        let found = calls(context, &ticks, query).await;
        if found != *expected {
            wrong.push(format!("{query}: {found} calls, not {expected}"));
        }
        if calls(&plain, &plain_ticks, query).await == *expected {
            wrong.push(format!(
                "DataFusion needs no {guard} for {query}: it can go"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn order_does_not_follow_from_the_value_of_an_earlier_call() {
    let query = "SELECT x FROM (SELECT tick(a) % 2 AS x FROM t WHERE tick(a) % 2 = 0) ORDER BY x";
    let order = |context: SessionContext| async move {
        context
            .sql("SET datafusion.execution.target_partitions = 1")
            .await
            .unwrap();
        prepare(&context).await;
        let batches = context.sql(query).await.unwrap().collect().await.unwrap();
        let values = batches.iter().flat_map(|batch| {
            let column = batch.column(0).as_any().downcast_ref::<Int64Array>();
            column.unwrap().values().to_vec()
        });
        values.collect::<Vec<_>>()
    };
    assert_eq!(order(session().context().clone()).await, [0, 0, 1]);
    let plain = order(SessionContext::new()).await;
    assert_eq!(plain, [0, 1, 0], "functions::Opaque can go");
}
