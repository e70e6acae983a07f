//! Calls of all kinds of functions in all places of a kept plan.

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use fusebox::{Error, Session};

use super::{adds, message, session_over, value};
use crate::{run, udfs};

/// Returns the rows of a result as lines in one order.
fn sorted(batches: &[RecordBatch]) -> Vec<String> {
    let printed = pretty_format_batches(batches).unwrap().to_string();
    let mut lines: Vec<_> = printed.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Opens a session with aggregate, window, table and variadic functions.
async fn kinds() -> Session {
    let session = session_over(&udfs().join(".."));
    let create = "CREATE MODULE kinds LANGUAGE WASM FROM 'target/guests/kinds.wasm';
        IMPORT FUNCTIONS FROM MODULE kinds;
        CREATE MODULE authors LANGUAGE WASM FROM 'target/guests/authors.wasm';
        CREATE FUNCTION mean_of(VARIADIC numbers DOUBLE[]) LANGUAGE WASM FROM MODULE authors;
        CREATE FUNCTION clamp_to(value BIGINT, low BIGINT DEFAULT 0, high BIGINT DEFAULT 10)
            RETURNS BIGINT LANGUAGE WASM AS 'udfs/wat/clamp.wat';
        CREATE FUNCTION f(VARCHAR) RETURNS BIGINT LANGUAGE WASM AS 'udfs/hostile/remembers.wat'
            EXPORT 'size';
        CREATE TABLE t AS SELECT value AS x, arrow_cast(value, 'Utf8View') AS s,
            arrow_cast(value, 'Dictionary(Int32, Int64)') AS c FROM range(0, 20)";
    run(&session, create).await.unwrap();
    run(&session, &adds(1)).await.unwrap();
    session
}

/// Queries that call functions in all places of a plan.
const QUERIES: &[&str] = &[
    "SELECT f(x) AS a, f(s) AS b, f(c) AS c, f(CAST(x AS INT)) AS d, f(NULL::BIGINT) AS e FROM t",
    "SELECT clamp_to(x) AS a, clamp_to(x, high => 3) AS b, clamp_to(high => 9, value => x) AS c FROM t",
    "SELECT mean_of(x, x + 1, 2.5) AS a, mean_of(numbers => [1.0, 2.5]) AS b, mean_of() AS c FROM t",
    "SELECT wrapping_sum(x) AS a, checked_sum(DISTINCT x) AS b FROM t WHERE f(x) > 3",
    "SELECT f(x) % 3 AS g, wrapping_sum(f(x)) FILTER (WHERE f(x) > 5) AS s FROM t GROUP BY f(x) % 3
        HAVING wrapping_sum(f(x)) > 1",
    "SELECT x, wrapping_sum(x) OVER (PARTITION BY f(x) % 3 ORDER BY f(x)) AS s FROM t",
    "SELECT x, ema(CAST(x AS DOUBLE), 0.5) OVER (ORDER BY x) AS e, path_so_far(s) OVER (ORDER BY f(x)) AS p FROM t",
    "SELECT n.value, f(n.value) AS y FROM numbers(1, 9, 2) AS n",
    "SELECT t.x, n.value FROM t, LATERAL numbers(1, 5, 2) AS n WHERE f(n.value) = t.x",
    "SELECT l.x FROM t AS l JOIN t AS r ON f(l.x) = r.x AND f(r.x) < 15",
    "SELECT x FROM t WHERE f(x) IN (SELECT f(x) FROM t WHERE f(x) < 5)",
    "SELECT x FROM t AS o WHERE EXISTS (SELECT 1 FROM t AS i WHERE f(i.x) = o.x)",
    "SELECT x, (SELECT wrapping_sum(f(i.x)) FROM t AS i WHERE i.x = o.x) AS s FROM t AS o",
    "SELECT DISTINCT f(x) % 4 AS m FROM t ORDER BY m LIMIT 3",
    "SELECT DISTINCT ON (f(x) % 4) x FROM t ORDER BY f(x) % 4, x",
    "SELECT f(column1) AS y FROM (VALUES (f(1)), (f(2)))",
    "SELECT f(x) AS y FROM t UNION ALL SELECT f(x) AS y FROM t WHERE x > 10",
    "SELECT CASE WHEN f(x) > 5 THEN f(x) ELSE f(f(x)) END AS y FROM t",
    "SELECT f(u) AS y FROM (SELECT unnest([f(3), f(4)]) AS u)",
    "WITH RECURSIVE r AS (SELECT CAST(0 AS BIGINT) AS n UNION ALL SELECT f(n) FROM r WHERE f(n) < 9)
        SELECT n FROM r",
    "WITH c AS (SELECT f(x) AS y FROM t) SELECT a.y FROM c AS a JOIN c AS b ON f(a.y) = b.y",
];

#[tokio::test]
async fn views_and_prepared_statements_return_the_rows_of_their_queries() {
    let session = kinds().await;
    for (n, query) in QUERIES.iter().enumerate() {
        let create = format!("CREATE VIEW v{n} AS {query}; PREPARE p{n} AS {query}");
        run(&session, &create)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
    }
    for change in [
        "SELECT 1",
        "ALTER FUNCTION wrapping_sum SET (fuel_per_row = 100000)",
        &adds(2),
    ] {
        run(&session, change).await.unwrap();
        for (n, query) in QUERIES.iter().enumerate() {
            let failed =
                |error: Error| -> Vec<RecordBatch> { panic!("{change}: {query}: {error}") };
            let expected = run(&session, query).await.unwrap_or_else(failed);
            for kept in [
                format!("SELECT * FROM v{n}"),
                format!("SELECT a.* FROM v{n} AS a"),
                format!("EXECUTE p{n}"),
            ] {
                let found = run(&session, &kept).await.unwrap_or_else(failed);
                assert_eq!(
                    sorted(&found),
                    sorted(&expected),
                    "{change}: {kept}: {query}"
                );
            }
        }
    }
}

#[tokio::test]
async fn table_function_of_a_view_is_the_present_one() {
    let session = kinds().await;
    run(&session, "CREATE VIEW v AS SELECT * FROM numbers(1, 3, 1)")
        .await
        .unwrap();
    let sum = "SELECT sum(value) FROM v";
    assert_eq!(value(&session, sum).await, 6);
    let replace = "CREATE OR REPLACE FUNCTION numbers(start BIGINT, stop BIGINT, step BIGINT)
        RETURNS TABLE (value BIGINT) LANGUAGE WASM FROM MODULE kinds WITH (fuel_per_row = 1)";
    run(&session, replace).await.unwrap();
    let error = message(&session, sum).await;
    assert!(error.contains("ran out of fuel"), "{error}");
}
