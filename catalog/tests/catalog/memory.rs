//! Memory of stored rows: there while a statement uses them, charged, and of one version.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use fusebox::{Engine, Privileges, Session};
use fusebox_catalog::SqliteCatalog;
use fusebox_testing::{TWO_ARENAS, passes_in_own_process, resident_bytes};
use rusqlite::Connection;

use crate::{at_the_same_time, folder, number, open, run};

const MEBIBYTE: usize = 1 << 20;

/// Some 8 MiB in eight chunks.
const EIGHT_MEBIBYTES: &str =
    "CREATE TABLE t AS SELECT value AS n, value AS v FROM range(0, 500000)";

/// Opens an engine of its own over a file.
fn engine(path: &Path) -> Engine {
    let catalog = SqliteCatalog::open(path).unwrap();
    let builder = Engine::builder().catalog(Arc::new(catalog));
    builder.privileges(Privileges::all()).build().unwrap()
}

/// Opens a session with a memory pool of so many bytes.
async fn session(engine: &Engine, bytes: usize) -> (Session, Arc<GreedyMemoryPool>) {
    let pool = Arc::new(GreedyMemoryPool::new(bytes));
    let builder = engine.session();
    let builder = builder.memory_pool(Arc::clone(&pool) as Arc<dyn MemoryPool>);
    let session = builder.build().unwrap();
    // Partitions that wait for each other are charged, too.
    let alone = "SET datafusion.execution.target_partitions = 1";
    run(&session, alone).await.unwrap();
    (session, pool)
}

/// Returns the bytes that a pool has reserved, once they are within a range or do not come there:
/// tasks of a query may end a little after it.
async fn reserved(pool: &GreedyMemoryPool, expected: Range<usize>) -> usize {
    for _ in 0..1_000 {
        if expected.contains(&pool.reserved()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
        tokio::task::yield_now().await;
    }
    pool.reserved()
}

/// Replaces all rows of `t`, past the sessions that have it.
async fn replace_rows(path: &Path) {
    run(&open(path), "UPDATE t SET v = v + 1").await.unwrap();
}

/// A table of some 75 MB is written, changed and read; between the statements, it is not there.
#[test]
fn rows_do_not_stay_in_memory() {
    let name = "memory::rows_do_not_stay_in_memory";
    // Memory that is freed is returned: the test is about memory that is not freed.
    let environment = [
        TWO_ARENAS,
        ("MALLOC_MMAP_THRESHOLD_", "65536"),
        ("MALLOC_TRIM_THRESHOLD_", "65536"),
    ];
    if passes_in_own_process(name, &environment) {
        return;
    }
    let folder = folder();
    let file = folder.path().join("c.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let (one, other) = (open(&file), open(&file));
        let rows = "SELECT value AS n, repeat('x', 100) AS s FROM range(0, 600000)";
        let warm_up = "CREATE TABLE t AS SELECT 1 AS n, repeat('x', 100) AS s;
            INSERT INTO t SELECT * FROM t; UPDATE t SET s = 'y' WHERE n = 1; DELETE FROM t";
        run(&one, warm_up).await.unwrap();
        let sum = "SELECT sum(length(s)) FROM t";
        run(&other, sum).await.unwrap();
        let before = resident_bytes();
        let mut grown = Vec::new();
        for (session, statement) in [
            (&one, format!("CREATE OR REPLACE TABLE t AS {rows}")),
            (&one, format!("INSERT INTO t {rows}")),
            (&one, "UPDATE t SET s = repeat('y', 100)".to_owned()),
            (&one, "DELETE FROM t WHERE n % 3 = 0".to_owned()),
            (&other, sum.to_owned()),
            (
                &other,
                "SELECT count(*) FROM t AS a, t AS b WHERE a.n = 7 AND b.n = 8".to_owned(),
            ),
            (&one, format!("CREATE OR REPLACE TABLE t AS {rows}")),
            (&other, sum.to_owned()),
        ] {
            run(session, &statement).await.unwrap();
            let mebibytes = resident_bytes().saturating_sub(before) >> 20;
            grown.push((mebibytes, statement));
        }
        assert_eq!(number(&one, sum).await.unwrap(), 60_000_000);
        // The caches of SQLite, and what the allocator keeps.
        assert!(
            grown.iter().all(|(grown, _)| *grown < 40),
            "MiB after each: {grown:#?}"
        );
    });
}

#[tokio::test]
async fn rows_are_charged_while_a_column_of_them_lives() {
    let folder = folder();
    let engine = engine(&folder.path().join("c.db"));
    let (writer, written) = session(&engine, 256 * MEBIBYTE).await;
    run(&writer, EIGHT_MEBIBYTES).await.unwrap();
    assert_eq!(reserved(&written, 0..1).await, 0);
    // More than the pool has.
    let (small, pool) = session(&engine, 4 * MEBIBYTE).await;
    for statement in [
        "SELECT max(n) FROM t",
        "UPDATE t SET v = 0 WHERE n = 1",
        "DELETE FROM t WHERE n = 1",
        "INSERT INTO t SELECT * FROM t",
    ] {
        let error = run(&small, statement).await.unwrap_err().to_string();
        assert!(error.contains("rows of a table"), "{statement}: {error}");
        assert_eq!(reserved(&pool, 0..1).await, 0, "{statement}");
    }
    // Twice in a statement, and once in memory.
    let (session, pool) = session(&engine, 12 * MEBIBYTE).await;
    let twice = "SELECT n FROM t UNION ALL SELECT v FROM t";
    let batches = run(&session, twice).await.unwrap();
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 1_000_000);
    let expected = 7 * MEBIBYTE..9 * MEBIBYTE;
    let bytes = reserved(&pool, expected.clone()).await;
    assert!(expected.contains(&bytes), "{bytes}");
    // A slice of a column keeps its chunk.
    let slice = batches[0].column(0).slice(5, 10);
    drop(batches);
    let expected = MEBIBYTE / 2..2 * MEBIBYTE;
    let bytes = reserved(&pool, expected.clone()).await;
    assert!(expected.contains(&bytes), "{bytes}");
    drop(slice);
    assert_eq!(reserved(&pool, 0..1).await, 0);
    let max = number(&session, "SELECT max(n) FROM t").await;
    assert_eq!(max.unwrap(), 499_999);
}

#[tokio::test]
async fn concurrent_sessions_share_rows_in_memory() {
    let folder = folder();
    let engine = engine(&folder.path().join("c.db"));
    let (one, pool) = session(&engine, 256 * MEBIBYTE).await;
    run(&one, EIGHT_MEBIBYTES).await.unwrap();
    let (small, small_pool) = session(&engine, MEBIBYTE).await;
    let max = "SELECT max(n) FROM t";
    run(&small, max).await.unwrap_err();
    let held = run(&one, "SELECT * FROM t").await.unwrap();
    let expected = 7 * MEBIBYTE..9 * MEBIBYTE;
    let charged = reserved(&pool, expected.clone()).await;
    assert!(expected.contains(&charged), "{charged}");
    assert_eq!(number(&small, max).await.unwrap(), 499_999);
    assert_eq!(reserved(&small_pool, 0..1).await, 0);
    assert_eq!(pool.reserved(), charged);
    drop(held);
    assert_eq!(reserved(&pool, 0..1).await, 0);
    run(&small, max).await.unwrap_err();
}

/// Plans are made when a frame is collected, and find rows that others have replaced since.
#[tokio::test]
async fn scans_of_a_statement_see_one_version() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    run(&session, EIGHT_MEBIBYTES).await.unwrap();
    let all = session.sql("SELECT n, v FROM t").await.unwrap();
    let joined = session
        .sql(
            "SELECT s + m FROM (SELECT max(v) AS m FROM t) AS k,
             (SELECT sum(a.v - a.n) * 1000000 + sum(b.v - b.n) AS s
              FROM t AS a JOIN t AS b ON a.n = b.n WHERE a.n < 1000) AS j",
        )
        .await
        .unwrap();
    let check = async |version: i64| {
        let batches = joined.clone().collect().await.unwrap();
        let found = batches[0].column(0).as_primitive::<Int64Type>().value(0);
        assert_eq!(found, 1_000 * version * 1_000_001 + 499_999 + version);
    };
    // Nothing has the replaced rows: all scans see newer ones.
    replace_rows(&file).await;
    check(1).await;
    // Rows in memory are seen by all scans of the session, although the file has them no more.
    let held = all.collect().await.unwrap();
    replace_rows(&file).await;
    check(1).await;
    // A part of them is no version.
    let part = held[0].slice(0, 1);
    drop(held);
    check(2).await;
    drop(part);
    replace_rows(&file).await;
    check(3).await;
}

#[test]
fn self_join_sees_one_version_while_others_replace_the_rows() {
    const ROUNDS: usize = 25;
    let folder = folder();
    let file = folder.path().join("c.db");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let create = "CREATE TABLE t AS SELECT value AS n, 0 AS v FROM range(0, 150000)";
    let created = async { run(&open(&file), create).await };
    runtime.unwrap().block_on(created).unwrap();
    at_the_same_time(&file, 3, |n, session| async move {
        let differing = [
            "SELECT count(*) FROM t AS a JOIN t AS b ON a.n = b.n WHERE a.v <> b.v",
            "SELECT (SELECT max(v) FROM t) - (SELECT min(v) FROM t)",
            "SELECT count(DISTINCT v) - 1 FROM (SELECT v FROM t UNION ALL SELECT v FROM t)",
        ];
        for round in 0..ROUNDS {
            if n == 0 {
                // Its subquery sees the rows that it changes.
                let update = "UPDATE t SET v = (SELECT max(v) FROM t) + 1";
                run(&session, update).await.unwrap();
            } else {
                let query = differing[round % differing.len()];
                assert_eq!(number(&session, query).await.unwrap(), 0, "{query}");
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let last = async { number(&open(&file), "SELECT max(v) FROM t").await };
    let last = runtime.unwrap().block_on(last).unwrap();
    assert_eq!(last, ROUNDS as i64);
}

/// Rows that were read once are read again, and checked again.
#[tokio::test]
async fn rows_that_are_damaged_after_they_were_read_fail() {
    let folder = folder();
    let file = folder.path().join("c.db");
    let session = open(&file);
    let create =
        "CREATE TABLE t AS SELECT * FROM range(0, 10); CREATE TABLE whole AS SELECT 1 AS a";
    run(&session, create).await.unwrap();
    let sum = "SELECT sum(value) FROM t";
    assert_eq!(number(&session, sum).await.unwrap(), 45);
    let of_t = "(SELECT digest FROM chunk WHERE table_name LIKE '%.t')";
    for (damage, expected) in [
        (
            format!("UPDATE blob SET bytes = zeroblob(length(bytes)) WHERE digest = {of_t}"),
            "another digest",
        ),
        (
            format!("DELETE FROM blob WHERE digest = {of_t}"),
            "are gone",
        ),
    ] {
        let connection = Connection::open(&file).unwrap();
        let damage = format!("PRAGMA foreign_keys = OFF; {damage}");
        connection.execute_batch(&damage).unwrap();
        drop(connection);
        for statement in [
            sum,
            "UPDATE t SET value = 1",
            "DELETE FROM t WHERE value = 1",
        ] {
            let error = run(&session, statement).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{statement}: {error}");
        }
        assert_eq!(number(&session, "SELECT a FROM whole").await.unwrap(), 1);
    }
}
