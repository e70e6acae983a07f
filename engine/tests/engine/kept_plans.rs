//! Plans that a session keeps, of views, prepared statements, defaults and orders: they call the
//! functions of the time when they run, and hold no others.

// Calls in all places of a plan.
mod places;

use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use fusebox::{Error, FileAccess, Privileges, Session};
use fusebox_testing::{TWO_ARENAS, passes_in_own_process, resident_bytes};

use crate::{number, run, session};

/// Large blocks are mappings of their own, so that freed modules leave resident memory at once:
/// as the allocator learns, it would keep them in its heaps, in pieces.
const MAPPED_BLOCKS: (&str, &str) = ("MALLOC_MMAP_THRESHOLD_", "1048576");

/// Returns the statement that creates a function that adds `n` to its argument.
fn adds(n: i64) -> String {
    format!(
        r#"CREATE OR REPLACE FUNCTION f(a BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$
        (module (func (export "f") (param i64) (result i64)
            (i64.add (local.get 0) (i64.const {n})))) $$"#
    )
}

async fn value(session: &Session, sql: &str) -> i64 {
    let batches = run(session, sql).await;
    number(&batches.unwrap_or_else(|error| panic!("{sql}: {error}")))
}

async fn message(session: &Session, sql: &str) -> String {
    let Err(error) = run(session, sql).await else {
        panic!("{sql} succeeds");
    };
    let found = Error::find_in(&error);
    found.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Opens a session that may read the files of a folder.
fn session_over(folder: &std::path::Path) -> Session {
    let privileges = Privileges {
        files: FileAccess::under(folder).unwrap(),
        ..Privileges::all()
    };
    Session::builder().privileges(privileges).build().unwrap()
}

/// Returns a module of 8 MiB that adds `n`.
fn padded(n: i64) -> String {
    let padding = "x".repeat(8 << 20);
    format!(
        r#"(module (@custom "padding" "{padding}") (func (export "f") (param i64) (result i64)
            (i64.add (local.get 0) (i64.const {n}))))"#
    )
}

const OF_MODULE: &str =
    "CREATE OR REPLACE FUNCTION f(a BIGINT) RETURNS BIGINT LANGUAGE WASM FROM MODULE m";

/// Each round keeps plans that call the function, and then replaces it.
#[test]
fn kept_plans_hold_no_modules() {
    let name = "kept_plans::kept_plans_hold_no_modules";
    if passes_in_own_process(name, &[TWO_ARENAS, MAPPED_BLOCKS]) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.csv"), "1\n2\n").unwrap();
        let session = session_over(folder.path());
        run(&session, "CREATE TABLE one AS SELECT CAST(1 AS BIGINT) AS x")
            .await
            .unwrap();
        let mut resident = Vec::new();
        for n in 0..16 {
            session.replace_module("m", padded(n)).await.unwrap();
            let create = format!(
                "{OF_MODULE};
                 CREATE VIEW v{n} AS SELECT f(x) AS y FROM one WHERE x <= (SELECT max(f(x)) FROM one);
                 PREPARE p{n} AS SELECT f(x) FROM one;
                 CREATE TABLE d{n} (x BIGINT DEFAULT f(1));
                 CREATE EXTERNAL TABLE e{n} (x BIGINT) STORED AS CSV LOCATION 'x.csv'
                     OPTIONS ('format.has_header' 'false') WITH ORDER (f(x))"
            );
            run(&session, &create).await.unwrap();
            assert_eq!(value(&session, "SELECT y FROM v0").await, 1 + n);
            resident.push(resident_bytes() >> 20);
        }
        // The modules of the last eleven rounds alone are 88 MiB.
        let growth = resident[15].saturating_sub(resident[4]);
        assert!(growth < 40, "MiB after each round: {resident:?}");
        // All plans call the present function.
        assert_eq!(value(&session, "EXECUTE p3").await, 16);
        run(&session, "INSERT INTO d3 DEFAULT VALUES").await.unwrap();
        assert_eq!(value(&session, "SELECT x FROM d3").await, 16);
        let last = "SELECT x FROM e3 ORDER BY f(x) DESC";
        assert_eq!(value(&session, last).await, 2);
    });
}

#[tokio::test]
async fn kept_plans_call_the_present_function() {
    let session = session();
    run(&session, &adds(1)).await.unwrap();
    let create = "CREATE TABLE one AS SELECT CAST(1 AS BIGINT) AS x;
        CREATE VIEW v AS SELECT f(x) AS y FROM one;
        CREATE VIEW w AS SELECT f(y) AS z FROM v;
        PREPARE p AS SELECT f(x) FROM one;
        PREPARE of_view AS SELECT z FROM w;
        PREPARE with_parameter(BIGINT) AS SELECT f($1);
        CREATE TABLE d (a BIGINT, x BIGINT DEFAULT f(1));
        CREATE TABLE into_ (x BIGINT);
        PREPARE i AS INSERT INTO into_ SELECT f(x) FROM one;
        PREPARE u AS UPDATE into_ SET x = f(100)";
    run(&session, create).await.unwrap();
    for n in [1, 1, 10, 100, 100] {
        run(&session, &adds(n)).await.unwrap();
        // The second time, too.
        for _ in 0..2 {
            assert_eq!(value(&session, "SELECT y FROM v").await, 1 + n);
            assert_eq!(value(&session, "SELECT z FROM w").await, 1 + 2 * n);
            assert_eq!(value(&session, "EXECUTE p").await, 1 + n);
            assert_eq!(value(&session, "EXECUTE of_view").await, 1 + 2 * n);
            assert_eq!(value(&session, "EXECUTE with_parameter(7)").await, 7 + n);
        }
        run(
            &session,
            "DELETE FROM d; INSERT INTO d DEFAULT VALUES; INSERT INTO d (a) VALUES (1);
             INSERT INTO d VALUES (2, DEFAULT)",
        )
        .await
        .unwrap();
        assert_eq!(value(&session, "SELECT sum(x) FROM d").await, 3 * (1 + n));
        run(&session, "UPDATE d SET x = 0; UPDATE d SET x = DEFAULT")
            .await
            .unwrap();
        assert_eq!(value(&session, "SELECT sum(x) FROM d").await, 3 * (1 + n));
        run(&session, "DELETE FROM into_; EXECUTE i").await.unwrap();
        assert_eq!(value(&session, "SELECT x FROM into_").await, 1 + n);
        run(&session, "EXECUTE u").await.unwrap();
        assert_eq!(value(&session, "SELECT x FROM into_").await, 100 + n);
    }
}

#[tokio::test]
async fn kept_plans_of_dropped_functions_are_gone() {
    let session = session();
    run(&session, &adds(1)).await.unwrap();
    let create = "CREATE VIEW v AS SELECT f(1) AS y; CREATE VIEW w AS SELECT y FROM v;
        PREPARE p AS SELECT f(1);
        CREATE TABLE d (a BIGINT, x BIGINT DEFAULT f(1))";
    run(&session, create).await.unwrap();
    assert_eq!(
        message(&session, "DROP FUNCTION f").await,
        "function `f` is needed by the default of `x` of table `d`, view `v`, view `w`; DROP … \
         CASCADE would drop them too"
    );
    run(&session, "DROP FUNCTION f CASCADE").await.unwrap();
    for view in ["v", "w"] {
        let error = message(&session, &format!("SELECT * FROM {view}")).await;
        assert!(error.contains("not found"), "{error}");
    }
    let gone = "function `f` is gone since the view or statement that calls it was planned: create \
                it again";
    assert_eq!(message(&session, "EXECUTE p").await, gone);
    run(&session, "INSERT INTO d (a) VALUES (1)").await.unwrap();
    assert_eq!(
        value(&session, "SELECT count(*) - count(x) FROM d").await,
        1
    );
    run(&session, &adds(5)).await.unwrap();
    assert_eq!(value(&session, "EXECUTE p").await, 6);
}

#[tokio::test]
async fn kept_plans_refuse_another_type() {
    let session = session();
    run(&session, &adds(1)).await.unwrap();
    let create = "CREATE VIEW v AS SELECT f(1) AS y; CREATE VIEW w AS SELECT y FROM v;
        PREPARE p AS SELECT f(1);
        CREATE TABLE d (a BIGINT, x BIGINT DEFAULT f(1))";
    run(&session, create).await.unwrap();
    let other = r#"CREATE OR REPLACE FUNCTION f(a BIGINT) RETURNS DOUBLE LANGUAGE WASM AS $$
        (module (func (export "f") (param i64) (result f64)
            (f64.convert_i64_s (local.get 0)))) $$"#;
    run(&session, other).await.unwrap();
    let changed = "function `f` returned BIGINT when the view or statement that calls it was \
                   planned, and returns DOUBLE now: create the view or prepare the statement again";
    for sql in [
        "SELECT y FROM v",
        "SELECT y FROM w",
        "EXECUTE p",
        "INSERT INTO d (a) VALUES (1)",
    ] {
        assert_eq!(message(&session, sql).await, changed, "{sql}");
    }
    run(&session, &adds(2)).await.unwrap();
    assert_eq!(value(&session, "SELECT y FROM w").await, 3);
}

#[tokio::test]
async fn kept_views_are_explained_and_summarized() {
    let session = session();
    run(&session, &adds(1)).await.unwrap();
    let create = "CREATE TABLE t AS SELECT value AS x FROM range(0, 9);
        CREATE VIEW v AS SELECT f(x) AS y FROM t";
    run(&session, create).await.unwrap();
    for sql in [
        "EXPLAIN SELECT y FROM v",
        "EXPLAIN VERBOSE SELECT y FROM v",
        "EXPLAIN ANALYZE SELECT y FROM v",
        "SUMMARIZE v",
        "SUMMARIZE SELECT y FROM v",
        "SHOW CREATE TABLE v",
        "CREATE TABLE u AS SELECT y, now() AS made FROM v",
        "INSERT INTO t SELECT y FROM v",
        "DELETE FROM t WHERE x IN (SELECT y FROM v WHERE y > 5)",
    ] {
        let batches = run(&session, sql).await;
        let batches = batches.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let printed = pretty_format_batches(&batches).unwrap().to_string();
        assert!(
            !sql.starts_with("EXPLAIN") || printed.contains("f("),
            "{printed}"
        );
    }
    assert_eq!(value(&session, "SELECT sum(y) FROM u").await, 45);
}

#[tokio::test]
async fn view_follows_a_temporary_function() {
    let session = session();
    let temporary = |n| adds(n).replace("REPLACE FUNCTION", "REPLACE TEMPORARY FUNCTION");
    let view = "CREATE OR REPLACE VIEW v AS SELECT f(1) AS y";
    run(&session, &temporary(1)).await.unwrap();
    run(&session, view).await.unwrap();
    assert_eq!(value(&session, "SELECT y FROM v").await, 2);
    run(&session, &temporary(2)).await.unwrap();
    assert_eq!(value(&session, "SELECT y FROM v").await, 3);
    run(&session, "DROP FUNCTION f CASCADE").await.unwrap();
    run(&session, &adds(3)).await.unwrap();
    run(&session, view).await.unwrap();
    run(&session, &temporary(4)).await.unwrap();
    assert_eq!(value(&session, "SELECT y FROM v").await, 5);
    run(&session, "DROP FUNCTION f").await.unwrap();
    assert_eq!(value(&session, "SELECT y FROM v").await, 4);
}

#[tokio::test]
async fn plan_of_a_view_runs_in_another_context() {
    let session = session();
    run(&session, &adds(1)).await.unwrap();
    let create = "CREATE TABLE one AS SELECT CAST(1 AS BIGINT) AS x;
        CREATE VIEW v AS SELECT f(x) AS y FROM one";
    run(&session, create).await.unwrap();
    let view = session.context().table("v").await.unwrap();
    let plan = view.into_unoptimized_plan();
    let other = SessionContext::new();
    let run_there = async || {
        let frame = other.execute_logical_plan(plan.clone()).await?;
        frame.collect().await
    };
    assert_eq!(number(&run_there().await.unwrap()), 2);
    run(&session, &adds(2)).await.unwrap();
    assert_eq!(number(&run_there().await.unwrap()), 3);
    run(&session, "DROP FUNCTION f CASCADE").await.unwrap();
    let error = run_there().await.unwrap_err().to_string();
    assert!(error.contains("function `f` is gone"), "{error}");
    // The plan holds nothing of its session.
    drop(session);
    let error = run_there().await.unwrap_err().to_string();
    assert!(error.contains("function `f` is gone"), "{error}");
}

/// A merge of ordered files evaluates the order that the table states.
#[tokio::test]
async fn orders_of_files_follow_their_functions() {
    let folder = tempfile::tempdir().unwrap();
    for (file, rows) in [("a.csv", "1,1\n1,3\n2,5\n"), ("b.csv", "1,2\n2,4\n2,6\n")] {
        std::fs::write(folder.path().join(file), rows).unwrap();
    }
    let session = session_over(folder.path());
    run(&session, &adds(1)).await.unwrap();
    let create = "SET datafusion.execution.target_partitions = 2;
        CREATE EXTERNAL TABLE e (a BIGINT, b BIGINT) STORED AS CSV LOCATION ('a.csv', 'b.csv')
            OPTIONS ('format.has_header' 'false') WITH ORDER (f(b)) WITH ORDER (a, f(b))";
    run(&session, create).await.unwrap();
    let ordered = async |key: &str| {
        let all = format!("SELECT a, b FROM e ORDER BY {key}");
        let batches = run(&session, &all).await;
        let batches = batches.unwrap_or_else(|error| panic!("{all}: {error}"));
        let printed = pretty_format_batches(&batches).unwrap().to_string();
        let lines = printed
            .lines()
            .filter(|line| line.contains(|c: char| c.is_ascii_digit()));
        let values = lines.filter_map(|line| line.split('|').nth(2)?.trim().parse().ok());
        values.collect::<Vec<i64>>()
    };
    for n in [1, 1, 7] {
        run(&session, &adds(n)).await.unwrap();
        assert_eq!(ordered("f(b)").await, [1, 2, 3, 4, 5, 6]);
        assert_eq!(ordered("f(b) DESC").await, [6, 5, 4, 3, 2, 1]);
        assert_eq!(ordered("a, f(b)").await, [1, 2, 3, 4, 5, 6]);
        assert_eq!(ordered("a").await.len(), 6);
    }
    let error = message(&session, "DROP FUNCTION f").await;
    assert!(error.contains("the order of table `e`"), "{error}");
    run(&session, "DROP FUNCTION f CASCADE").await.unwrap();
    assert!(
        message(&session, "SELECT * FROM e")
            .await
            .contains("not found")
    );
}

/// Sessions of one context have functions of their own; the rules of the last one hold.
#[tokio::test]
async fn view_of_another_session_of_a_context_runs() {
    let first = session();
    let second = Session::builder().context(first.context().clone());
    let second = second.build().unwrap();
    run(&first, &adds(1)).await.unwrap();
    run(&first, "CREATE VIEW v AS SELECT f(1) AS y")
        .await
        .unwrap();
    assert_eq!(value(&second, "SELECT y FROM v").await, 2);
    assert_eq!(value(&first, "SELECT y FROM v").await, 2);
    let of_second = "CREATE VIEW w AS SELECT y + 1 AS z FROM v";
    run(&second, of_second).await.unwrap();
    run(&first, &adds(2)).await.unwrap();
    assert_eq!(value(&second, "SELECT z FROM w").await, 4);
}
