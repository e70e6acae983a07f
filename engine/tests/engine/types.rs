//! Round trips of argument and result types through queries.

use std::sync::Arc;

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Engine, Error, FileAccess, LimitExceeded, Limits};

use crate::{number, run, session, udfs, with_function_factory};

/// Returns `CREATE FUNCTION` for a function of type `sql_type` that returns its argument.
fn create_same(name: &str, sql_type: &str, options: &str) -> String {
    format!(
        "CREATE FUNCTION {name}({sql_type}) RETURNS {sql_type} LANGUAGE WASM
             AS 'wat/same.wat' EXPORT 'same' {options};"
    )
}

/// SQL types, each with an expression of that type over `n`, which is a number from 0 to 99 or
/// null.
const COLUMNS: [(&str, &str); 23] = [
    ("BOOLEAN", "n > 50"),
    ("TINYINT", "n - 50"),
    ("SMALLINT", "n * 300"),
    ("INT", "n * 30000"),
    ("BIGINT", "n"),
    ("TINYINT UNSIGNED", "n"),
    ("SMALLINT UNSIGNED", "n * 500"),
    ("INT UNSIGNED", "n"),
    ("BIGINT UNSIGNED", "n"),
    ("FLOAT", "n / 3.0"),
    ("DOUBLE", "n / 7.0"),
    ("VARCHAR", "repeat('é', n)"),
    ("VARCHAR", "arrow_cast(repeat('x', n), 'Utf8')"),
    ("VARCHAR", "arrow_cast(repeat('x', n % 3), 'LargeUtf8')"),
    (
        "VARCHAR",
        "arrow_cast(repeat('x', n % 3), 'Dictionary(Int8, Utf8)')",
    ),
    (
        "VARCHAR",
        "arrow_cast(repeat('x', n / 9), 'RunEndEncoded(\"run_ends\": non-null Int32, \"values\": Utf8)')",
    ),
    ("BYTEA", "arrow_cast(repeat('x', n), 'Binary')"),
    (
        "BYTEA",
        "arrow_cast(arrow_cast(repeat('x', n), 'Binary'), 'BinaryView')",
    ),
    ("DATE", "arrow_cast(arrow_cast(n * 100, 'Int32'), 'Date32')"),
    ("TIME", "arrow_cast(n * 1000000007, 'Time64(ns)')"),
    ("TIMESTAMP", "arrow_cast(n * 1000000007, 'Timestamp(ns)')"),
    (
        "INTERVAL",
        "CASE WHEN n > 0 THEN INTERVAL '1 month 2 days 3 seconds' END",
    ),
    ("BIGINT", "arrow_cast(n, 'Dictionary(UInt8, Int64)')"),
];

const NUMBERS: &str = "CREATE TABLE t AS
    SELECT CASE WHEN value % 7 > 0 THEN value % 100 END AS n FROM range(0, 5000)";

#[tokio::test]
async fn every_type_with_a_sql_name_round_trips() {
    let session = session();
    run(&session, NUMBERS).await.unwrap();
    for (position, (sql_type, expression)) in COLUMNS.iter().enumerate() {
        // Expressions with an explicit layout keep it.
        let plain = format!("CAST({expression} AS {sql_type})");
        let expression = match expression.contains("arrow_cast") {
            true => expression,
            false => plain.as_str(),
        };
        let (called, strict) = (format!("c{position}"), format!("s{position}"));
        let create = create_same(&called, sql_type, "") + &create_same(&strict, sql_type, "STRICT");
        run(&session, &create).await.unwrap();
        let query = format!(
            "SELECT count(*) FROM (SELECT CAST({expression} AS {sql_type}) AS x,
                    {called}({expression}) AS y, {strict}({expression}) AS z FROM t)
             WHERE (x IS NOT DISTINCT FROM y) AND (y IS NOT DISTINCT FROM z)"
        );
        let batches = run(&session, &query).await;
        let batches = batches.unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert_eq!(number(&batches), 5_000, "{expression}");
    }
}

#[tokio::test]
async fn nested_types_round_trip_in_a_plain_context() {
    let context = with_function_factory(SessionContext::new());
    context.sql(NUMBERS).await.unwrap().collect().await.unwrap();
    let list = "CASE WHEN n % 5 > 0 THEN range(n, n + n % 3) END";
    let texts = "make_array(repeat('x', n % 4), NULL, arrow_cast(n, 'Utf8'))";
    let columns = [
        ("BIGINT[]", list.to_owned()),
        (
            "BIGINT[]",
            format!("arrow_cast({list}, 'LargeList(Int64)')"),
        ),
        ("VARCHAR[]", texts.to_owned()),
        (
            "VARCHAR[]",
            format!("arrow_cast({texts}, 'LargeList(LargeUtf8)')"),
        ),
        ("BIGINT[][]", format!("make_array({list}, {list}, NULL)")),
        (
            "STRUCT<a BIGINT, b BIGINT[]>",
            format!("named_struct('a', n, 'b', {list})"),
        ),
        (
            "DECIMAL(20, 3)",
            "arrow_cast(n, 'Decimal128(20, 3)')".to_owned(),
        ),
    ];
    for (position, (sql_type, expression)) in columns.iter().enumerate() {
        let create = format!(
            "CREATE FUNCTION f{position}({sql_type}) RETURNS {sql_type} LANGUAGE WASM
                 AS 'wat/same.wat#same'"
        );
        context.sql(&create).await.unwrap();
        let rows = async |column: String| {
            let query = format!("SELECT {column} AS x FROM t");
            let batches = context.sql(&query).await.unwrap().collect().await;
            let batches = batches.unwrap_or_else(|error| panic!("{query}: {error}"));
            pretty_format_batches(&batches).unwrap().to_string()
        };
        let expected = rows(expression.clone()).await;
        assert_eq!(rows(format!("f{position}({expression})")).await, expected);
        let casts = async |column: String| {
            let plan = format!("EXPLAIN SELECT {column} FROM t");
            let plan = context.sql(&plan).await.unwrap().collect().await.unwrap();
            let plan = pretty_format_batches(&plan).unwrap().to_string();
            plan.matches("CAST(").count()
        };
        let expected = casts(expression.clone()).await;
        assert_eq!(casts(format!("f{position}({expression})")).await, expected);
    }
}

#[tokio::test]
async fn dictionary_values_are_evaluated_once() {
    let session = session();
    let create = "CREATE FUNCTION place(VARCHAR) RETURNS BIGINT STRICT LANGUAGE WASM
                      AS 'wat/place.wat'";
    run(&session, create).await.unwrap();
    run(&session, NUMBERS).await.unwrap();
    // Three values, and a null before the last one.
    let query =
        "SELECT max(place(arrow_cast(repeat('x', n % 3), 'Dictionary(Int32, Utf8)'))) FROM t";
    assert_eq!(number(&run(&session, query).await.unwrap()), 4);
    let query = "SELECT max(place(repeat('x', n % 3))) FROM t";
    assert!(number(&run(&session, query).await.unwrap()) > 1_000);
}

#[tokio::test]
async fn failure_at_a_dictionary_value_has_the_row_of_the_batch() {
    let session = session();
    // Fails at the second row of a call; succeeds with one row.
    let create = r#"CREATE FUNCTION second(VARCHAR) RETURNS BIGINT STRICT LANGUAGE WASM AS $$(module
        (memory (export "memory") 3)
        (func (export "fusebox_abi_1"))
        (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 65536))
        (func (export "fusebox_udf_second") (param i32 i32 i32) (result i32)
            (i64.store (local.get 2) (i64.const 1)) ;; failed row, or number of rows
            (if (i32.gt_u (local.get 1) (i32.const 1)) (then (return (i32.const 1))))
            (i64.store offset=24 (local.get 2) (i64.const 2))
            (i32.store offset=40 (local.get 2) (i32.const 16)) ;; addresses of the buffers
            (i32.const 0)))$$"#;
    run(&session, create).await.unwrap();
    let texts = "CASE WHEN value < 70 THEN 'a' ELSE 'b' END";
    let query =
        format!("SELECT second(arrow_cast({texts}, 'Dictionary(Int32, Utf8)')) FROM range(0, 100)");
    let error = run(&session, &query).await.unwrap_err();
    let Some(Error::Failed { row, .. }) = Error::find_in(&error) else {
        panic!("{error}");
    };
    assert_eq!(*row, Some(70));
}

#[tokio::test]
async fn nested_batch_that_does_not_fit_in_memory_is_split() {
    // 20,000 lists of 8 numbers take 1.4 MB; the guest has 1 MiB. One list of 200,000
    // numbers takes 1.6 MB and cannot be split.
    let config = SessionConfig::new().with_batch_size(20_000);
    let factory = Engine::builder()
        .files(FileAccess::under(udfs()).unwrap())
        .limits(Limits {
            memory_bytes_max: 1 << 20,
            ..Limits::default()
        })
        .build()
        .unwrap()
        .function_factory();
    let context = SessionContext::new_with_config(config).with_function_factory(Arc::new(factory));
    let create =
        "CREATE FUNCTION f(BIGINT[]) RETURNS BIGINT[] LANGUAGE WASM AS 'wat/same.wat#same'";
    context.sql(create).await.unwrap();
    let query = "SELECT sum(array_length(f(range(value, value + 8)))) FROM range(0, 20000)";
    let frame = context.sql(query).await.unwrap();
    let batches = frame.collect().await.unwrap();
    let sum = pretty_format_batches(&batches).unwrap().to_string();
    assert!(sum.contains("160000"), "{sum}");

    let query = "SELECT f(range(value, value + 200000)) FROM range(3, 4)";
    let error = context
        .sql(query)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap_err();
    let Some(Error::Limit {
        limit: LimitExceeded::Arguments { row: 0, bytes, .. },
        ..
    }) = Error::find_in(&error)
    else {
        panic!("{error}");
    };
    assert!((1_600_000..1_700_000).contains(bytes), "{bytes}");
}

#[tokio::test]
async fn types_nested_too_deep_are_rejected() {
    let context = with_function_factory(SessionContext::new());
    for (lists, rejected) in [(31, false), (32, true)] {
        let nested = format!("BIGINT{}", "[]".repeat(lists));
        let create = format!(
            "CREATE FUNCTION f{lists}({nested}) RETURNS BIGINT LANGUAGE WASM AS 'wat/same.wat#same'"
        );
        let created = context.sql(&create).await.map(drop);
        assert_eq!(created.is_err(), rejected);
        if let Err(error) = created {
            let error = Error::find_in(&error).unwrap();
            let message = "function `f32` has a type that is nested more than 32 deep";
            assert_eq!(error.to_string(), message);
        }
    }
}
