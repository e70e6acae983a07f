//! Native stacks: guests and SQL that would overflow that of a thread.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field};
use datafusion::config::ConfigOptions;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use fusebox::{Error, LimitExceeded, Session};
use fusebox_testing::passes_in_own_process;

use crate::{number, run, session};

/// Runs a test in its own process, which an overflow would abort, on a thread with a stack of
/// `kib` KiB.
fn on_thread(name: &str, kib: usize, test: impl Future<Output = ()> + Send + 'static) {
    if passes_in_own_process(&format!("native_stack::{name}"), &[]) {
        return;
    }
    let thread = std::thread::Builder::new().stack_size(kib << 10);
    let thread = thread.spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(test);
    });
    thread.unwrap().join().unwrap();
}

/// Creates `deep(levels)`, which recurses with `terms` values alive across the call, and
/// returns its argument.
fn create_deep(terms: usize) -> String {
    let sum: String = (3..terms + 3)
        .map(|k| format!("(i64.mul (local.get $level) (i64.const {k})) (i64.add)"))
        .collect();
    format!(
        r#"CREATE OR REPLACE FUNCTION deep(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
  (memory (export "memory") 4)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 4096))
  (func $down (param $level i64) (result i64)
    (if (i64.eqz (local.get $level)) (then (return (i64.const 0))))
    (i64.const 0) {sum}
    (i64.add (i64.const 1) (call $down (i64.sub (local.get $level) (i64.const 1))))
    (i64.add)
    (i64.const 0) {sum} (i64.sub))
  (func (export "fusebox_udf_deep") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i64.store (i32.const 64)
      (call $down (i64.load (i32.load (i32.add (i32.load offset=40 (local.get $args)) (i32.const 4))))))
    (i32.store (i32.const 20) (i32.const 64))
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16))
    (i32.const 0)))$$ WITH (fuel_per_row = 1000000000)"#
    )
}

fn is_stack(error: &Error) -> bool {
    let limit = |error: &Error| {
        matches!(
            error,
            Error::Limit {
                limit: LimitExceeded::Stack { .. },
                ..
            }
        )
    };
    Error::find_in(error).is_some_and(limit)
}

async fn deep(session: &Session, levels: u64) -> Result<i64, Error> {
    let batches = run(session, &format!("SELECT deep({levels})")).await?;
    Ok(number(&batches))
}

#[test]
fn guest_whose_frames_are_large_recurses_until_its_own_limit() {
    let name = "guest_whose_frames_are_large_recurses_until_its_own_limit";
    on_thread(name, 2 << 10, async {
        let session = session();
        for terms in [1, 350, 900] {
            run(&session, &create_deep(terms)).await.unwrap();
            assert_eq!(deep(&session, 100).await.unwrap(), 100, "{terms} terms");
            assert!(is_stack(&deep(&session, 1_000_000).await.unwrap_err()));
            // The limit is the same wherever it runs.
            let (mut returns, mut overflows) = (100, 1_000_000);
            while returns + 1 < overflows {
                let levels = (returns + overflows) / 2;
                match deep(&session, levels).await {
                    Ok(_) => returns = levels,
                    Err(error) if is_stack(&error) => overflows = levels,
                    Err(error) => panic!("{error}"),
                }
            }
            let other = session.clone();
            let verdicts = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                let of = |levels| runtime.block_on(deep(&other, levels)).is_ok();
                [of(returns), of(overflows)]
            });
            assert_eq!(verdicts.join().unwrap(), [true, false], "{terms} terms");
        }
    });
}

#[test]
fn guest_runs_on_a_thread_with_a_small_stack() {
    let name = "guest_runs_on_a_thread_with_a_small_stack";
    on_thread(name, 2 << 10, async {
        let session = session();
        run(&session, &create_deep(900)).await.unwrap();
        let function = session.context().udf("deep").unwrap();
        let call = move |levels: i64| {
            let field = || Arc::new(Field::new("f", DataType::Int64, true));
            let column: ArrayRef = Arc::new(Int64Array::from(vec![levels]));
            function.invoke_with_args(ScalarFunctionArgs {
                args: vec![ColumnarValue::Array(column)],
                arg_fields: vec![field()],
                number_rows: 1,
                return_field: field(),
                config_options: Arc::new(ConfigOptions::new()),
            })
        };
        for kib in [256, 128] {
            let call = call.clone();
            let thread = std::thread::Builder::new().stack_size(kib << 10);
            let results = thread.spawn(move || [100, 1_000_000].map(|levels| call(levels).is_ok()));
            assert_eq!(results.unwrap().join().unwrap(), [true, false], "{kib} KiB");
        }
    });
}

const TABLE: &str = "CREATE TABLE t(a BIGINT, b BOOLEAN, s VARCHAR) AS VALUES (1, true, 'x');";

/// A statement whose middle is repeated.
fn repeated(begin: &str, link: &str, times: usize, end: &str) -> String {
    format!("{begin}{}{end}", link.repeat(times))
}

#[test]
fn deep_statement_is_refused_with_a_place() {
    on_thread("deep_statement_is_refused_with_a_place", 2 << 10, async {
        let session = session();
        run(&session, TABLE).await.unwrap();
        const TIMES: usize = 100_000;
        for raised in [false, true] {
            for (begin, link, end) in [
                ("SELECT 1", "+1", ""),
                ("SELECT a", "::INT::BIGINT", " FROM t"),
                ("SELECT a FROM t WHERE b", " AND b", ""),
                ("SELECT a FROM t WHERE b", " OR a = 1", ""),
                ("SELECT s", "||s", " FROM t"),
                ("SELECT b", " IS NOT TRUE", " FROM t"),
                ("SELECT ", "NOT ", "b FROM t"),
                ("SELECT ", "- ", "a FROM t"),
                ("SELECT ", "(", "a"),
                ("SELECT ", "abs(", "a"),
                ("SELECT ", "CASE WHEN b THEN a ELSE ", "a"),
                ("SELECT t.a FROM t", " JOIN t ON true", ""),
                ("SELECT a FROM t", ", t", ""),
                ("SELECT 1", " UNION ALL SELECT 1", ""),
                ("SELECT 1", " EXCEPT SELECT 1", ""),
                ("SELECT * FROM ", "(SELECT * FROM ", "t"),
                ("SELECT ", "(SELECT ", "1"),
                ("SELECT ", "[", "1"),
                ("SELECT ", "{'a':", "1"),
                ("SELECT NULL::", "ARRAY<", "INT"),
                ("SELECT NULL::INT", "[]", ""),
                ("SELECT NULL::", "STRUCT<a ", "INT"),
                ("SELECT arrow_cast(NULL, '", "List(", "Int8')"),
                ("CREATE FUNCTION f(", "STRUCT<a ", "INT"),
                ("", "EXPLAIN ", "SELECT 1"),
            ] {
                let text = repeated(begin, link, TIMES, end);
                let error = run(&session, &text).await.unwrap_err().to_string();
                assert!(
                    error.contains(" at Line: 1, Column: "),
                    "{link}: {error:.200}"
                );
                assert!(
                    error.contains(" levels deep, found more at "),
                    "{link}: {error:.200}"
                );
            }
            if !raised {
                let set =
                    |limit: usize| format!("SET datafusion.sql_parser.recursion_limit = {limit}");
                let error = run(&session, &set(100_000_000))
                    .await
                    .unwrap_err()
                    .to_string();
                assert!(error.contains("of at most 200, found 100000000"), "{error}");
                run(&session, &set(201)).await.unwrap_err();
                run(&session, &set(200)).await.unwrap();
            }
        }
        assert_eq!(number(&run(&session, "SELECT a FROM t").await.unwrap()), 1);
    });
}

#[test]
fn statement_of_maximum_depth_runs_on_a_thread_of_2_mib() {
    let name = "statement_of_maximum_depth_runs_on_a_thread_of_2_mib";
    on_thread(name, 2 << 10, async {
        let session = session();
        run(&session, TABLE).await.unwrap();
        run(&session, "SET datafusion.sql_parser.recursion_limit = 200")
            .await
            .unwrap();
        for (begin, link, times, end) in [
            ("SELECT a", "+1", 545, " FROM t"),
            ("SELECT a", "::INT::BIGINT", 272, " FROM t"),
            ("SELECT a FROM t WHERE b", " AND b", 1_090, ""),
            ("SELECT a FROM t WHERE b", " AND a <> 5", 1_085, ""),
            ("SELECT a FROM t WHERE b", " OR a = 1 AND b", 1_080, ""),
            ("SELECT s", "||s", 545, " FROM t"),
            ("SELECT b", " IS NOT TRUE", 180, " FROM t"),
            ("SELECT a FROM t", " UNION ALL SELECT a FROM t", 1_085, ""),
            ("SELECT a FROM t", " EXCEPT SELECT a FROM t", 180, ""),
        ] {
            let text = repeated(begin, link, times, end);
            run(&session, &text)
                .await
                .unwrap_or_else(|error| panic!("{link}: {error:.300}"));
            run(&session, &format!("EXPLAIN {text}")).await.unwrap();
        }
        // Brackets, as deep as parsers allow.
        for (open, close) in [
            ("(", ")"),
            ("(1 + ", ")"),
            ("abs(", ")"),
            ("- ", ""),
            ("CASE WHEN b THEN 1 ELSE ", " END"),
        ] {
            let nested = |times: usize| {
                format!(
                    "SELECT {}a{} FROM t",
                    open.repeat(times),
                    close.repeat(times)
                )
            };
            let mut runs = 0;
            for times in [50, 90, 140, 190] {
                runs += usize::from(run(&session, &nested(times)).await.is_ok());
            }
            assert!(runs > 0, "{open}");
        }
        let subqueries = |times: usize| {
            let text = repeated("SELECT * FROM ", "(SELECT a + 1 AS a FROM ", times, "t");
            format!("{text}{}", ")".repeat(times))
        };
        for times in [10, 20, 40, 60, 80, 90] {
            let result = run(&session, &subqueries(times)).await;
            assert!(result.is_ok() || times > 30, "{:?}", result.err());
        }
    });
}

#[test]
fn wide_statement_runs() {
    on_thread("wide_statement_runs", 2 << 10, async {
        let session = session();
        run(&session, TABLE).await.unwrap();
        let list = |count: usize| {
            let numbers: Vec<String> = (0..count).map(|n| n.to_string()).collect();
            numbers.join(", ")
        };
        let text = format!("SELECT count(*) FROM t WHERE a IN ({})", list(10_000));
        assert_eq!(number(&run(&session, &text).await.unwrap()), 1);
        let values: Vec<String> = (0..10_000).map(|n| format!("({n}, 'x')")).collect();
        let text = format!("SELECT count(*) FROM (VALUES {})", values.join(", "));
        assert_eq!(number(&run(&session, &text).await.unwrap()), 10_000);
        let text = repeated("SELECT a FROM t", " UNION ALL SELECT a FROM t", 200, "");
        let text = format!("SELECT count(*) FROM ({text})");
        assert_eq!(number(&run(&session, &text).await.unwrap()), 201);
    });
}

#[test]
fn views_add_to_the_depth_of_a_statement() {
    on_thread("views_add_to_the_depth_of_a_statement", 2 << 10, async {
        let session = session();
        run(&session, TABLE).await.unwrap();
        run(&session, "CREATE VIEW v0 AS SELECT a FROM t")
            .await
            .unwrap();
        let mut views = 0;
        let error = loop {
            let view = format!(
                "CREATE VIEW v{} AS SELECT a + 1 AS a FROM v{views}",
                views + 1
            );
            match run(&session, &view).await {
                Ok(_) if views < 1_000 => views += 1,
                ended => break ended.unwrap_err().to_string(),
            }
        };
        assert!(
            error.contains("levels of operators, joins and subqueries"),
            "{error}"
        );
        assert!(views > 20, "{views}");
        let text = repeated(
            &format!("SELECT a FROM v{views} WHERE a > 0"),
            " AND a > 0",
            1_080,
            "",
        );
        assert_eq!(number(&run(&session, &text).await.unwrap()), 1 + views);
    });
}
