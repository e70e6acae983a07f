//! Limits of the tables, views, rows and prepared statements that a session keeps in memory.

use fusebox::{CatalogLimits, Engine, Error, Session};
use fusebox_testing::{passes_in_own_process, peak_resident_bytes};

use crate::{number, run};

const MEBIBYTE: u64 = 1 << 20;

fn session(row_bytes_max: u64) -> Session {
    let limits = CatalogLimits {
        row_bytes_max,
        relations_max: 12,
        ..CatalogLimits::default()
    };
    let engine = Engine::builder().catalog_limits(limits).build().unwrap();
    engine.session().build().unwrap()
}

async fn refused(session: &Session, sql: &str) -> String {
    let error = run(session, sql).await.unwrap_err();
    assert!(
        matches!(Error::find_in(&error), Some(Error::Refused { .. })),
        "{error:?}"
    );
    error.to_string()
}

async fn count(session: &Session, table: &str) -> i64 {
    number(
        &run(session, &format!("SELECT count(*) FROM {table}"))
            .await
            .unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_new_tables_are_bounded() {
    let session = session(10 * MEBIBYTE);
    let million = "SELECT value FROM range(0, 1000000)";
    run(&session, &format!("CREATE TABLE t AS {million}"))
        .await
        .unwrap();
    let message = refused(&session, &format!("CREATE TABLE u AS {million}")).await;
    assert!(
        message.contains("table `u`") && message.contains("row_bytes_max"),
        "{message}"
    );
    // What was there stays, and nothing of the refused table does.
    let replace = format!("CREATE OR REPLACE TABLE t AS {million} UNION ALL {million}");
    refused(&session, &replace).await;
    assert_eq!(count(&session, "t").await, 1_000_000);
    assert!(run(&session, "SELECT * FROM u").await.is_err());
    run(&session, "DROP TABLE t").await.unwrap();
    run(&session, &format!("CREATE TABLE u AS {million}"))
        .await
        .unwrap();
    assert_eq!(count(&session, "u").await, 1_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_inserted_are_bounded() {
    // 30,000 rows take 4 buffers of 8,192 rows, and something for each batch.
    let session = session(1_100_000);
    run(&session, "CREATE TABLE t (x BIGINT)").await.unwrap();
    let insert = "INSERT INTO t SELECT value FROM range(0, 30000)";
    for n in 1..=4 {
        run(&session, insert).await.unwrap();
        assert_eq!(count(&session, "t").await, 30_000 * n);
    }
    refused(&session, insert).await;
    refused(&session, &format!("EXPLAIN ANALYZE {insert}")).await;
    run(&session, &format!("PREPARE p AS {insert}"))
        .await
        .unwrap();
    refused(&session, "EXECUTE p").await;
    run(&session, &format!("EXPLAIN {insert}")).await.unwrap();
    assert_eq!(count(&session, "t").await, 120_000);
    // Rows that are deleted make room.
    run(&session, "DELETE FROM t WHERE x >= 10000")
        .await
        .unwrap();
    assert_eq!(count(&session, "t").await, 40_000);
    run(&session, "EXECUTE p").await.unwrap();
    run(&session, insert).await.unwrap();
    refused(&session, insert).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_plan_that_is_executed_again_are_bounded() {
    // 30,000 rows take 4 buffers of 8,192 rows, and something for each batch.
    let session = session(1_100_000);
    run(&session, "CREATE TABLE t (x BIGINT)").await.unwrap();
    let insert = "INSERT INTO t SELECT value FROM range(0, 30000)";
    let frame = session.sql(insert).await.unwrap();
    for n in 1..=4 {
        frame.clone().collect().await.unwrap();
        assert_eq!(count(&session, "t").await, 30_000 * n);
    }
    assert!(frame.collect().await.is_err());
    assert_eq!(count(&session, "t").await, 120_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_batches_are_counted_and_queries_within_are_not() {
    let session = session(MEBIBYTE);
    // The rows of a query that several parts of a statement share are not those of the table.
    let shared = "CREATE TABLE t AS WITH c AS (SELECT random() AS r FROM range(0, 200000)) \
                  SELECT a.r FROM c a JOIN c b ON a.r = b.r LIMIT 10";
    run(&session, shared).await.unwrap();
    assert_eq!(count(&session, "t").await, 10);
    run(&session, "SET datafusion.execution.batch_size = 1")
        .await
        .unwrap();
    refused(
        &session,
        "CREATE TABLE u AS SELECT NULL FROM range(0, 20000)",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_updated_are_bounded() {
    let session = session(MEBIBYTE);
    run(
        &session,
        "CREATE TABLE t AS SELECT value, 'x' AS s FROM range(0, 1000)",
    )
    .await
    .unwrap();
    refused(&session, "UPDATE t SET s = repeat('y', 10000)").await;
    run(&session, "UPDATE t SET s = repeat('y', 200)")
        .await
        .unwrap();
    let lengths = "SELECT sum(length(s)) FROM t";
    assert_eq!(number(&run(&session, lengths).await.unwrap()), 200_000);
    refused(&session, "CREATE TABLE u AS SELECT * FROM range(0, 110000)").await;
    // Rows that get smaller are never refused.
    run(&session, "UPDATE t SET s = ''").await.unwrap();
    run(&session, "CREATE TABLE u AS SELECT * FROM range(0, 110000)")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_are_deleted_make_room() {
    let session = session(16 * MEBIBYTE);
    let texts = "SELECT value, repeat('x', 10000) || value AS s FROM range(0, 1000)";
    run(&session, &format!("CREATE TABLE t AS {texts}"))
        .await
        .unwrap();
    let second = format!("CREATE TABLE u AS {texts}");
    refused(&session, &second).await;
    run(&session, "DELETE FROM t WHERE value > 0")
        .await
        .unwrap();
    run(&session, &second).await.unwrap();
    run(&session, "UPDATE u SET s = 'y' WHERE value > 0")
        .await
        .unwrap();
    let third = format!("CREATE TABLE v AS {texts}");
    run(&session, &third).await.unwrap();
    let lengths = "SELECT sum(length(s)) FROM (SELECT s FROM t UNION ALL SELECT s FROM u)";
    assert_eq!(number(&run(&session, lengths).await.unwrap()), 21_001);
}

#[tokio::test]
async fn views_and_schemas_are_bounded() {
    let session = session(MEBIBYTE);
    // The schema `public` is one of them.
    for n in 0..10 {
        run(&session, &format!("CREATE VIEW v{n} AS SELECT {n}"))
            .await
            .unwrap();
    }
    run(&session, "CREATE SCHEMA s").await.unwrap();
    for sql in [
        "CREATE VIEW w AS SELECT 1",
        "CREATE TABLE w AS SELECT 1",
        "CREATE TEMPORARY TABLE w (x INT)",
        "CREATE SCHEMA w",
        "CREATE DATABASE w",
    ] {
        let message = refused(&session, sql).await;
        assert!(message.contains("relations_max"), "{message}");
    }
    run(&session, "CREATE OR REPLACE VIEW v0 AS SELECT 7")
        .await
        .unwrap();
    assert_eq!(number(&run(&session, "SELECT * FROM v0").await.unwrap()), 7);
    run(&session, "DROP VIEW v1").await.unwrap();
    run(&session, "CREATE DATABASE w").await.unwrap();
    refused(&session, "CREATE DATABASE x").await;
    run(&session, "DROP VIEW v2").await.unwrap();
    run(&session, "CREATE TABLE w (x INT)").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_that_are_created_at_once_are_bounded() {
    for _ in 0..20 {
        let session = session(MEBIBYTE);
        let creations = (0..40).map(|n| {
            let session = session.clone();
            tokio::spawn(async move {
                let sql = format!("CREATE VIEW v{n} AS SELECT {n}");
                run(&session, &sql).await.is_ok()
            })
        });
        let mut created = 0;
        for creation in creations.collect::<Vec<_>>() {
            created += usize::from(creation.await.unwrap());
        }
        // Those beside the schema `public`.
        assert!((1..=11).contains(&created), "{created}");
        while created < 11 {
            run(&session, &format!("CREATE VIEW w{created} AS SELECT 1"))
                .await
                .unwrap();
            created += 1;
        }
        refused(&session, "CREATE VIEW w AS SELECT 1").await;
    }
}

#[tokio::test]
async fn prepared_statements_are_bounded() {
    let session = session(MEBIBYTE);
    for n in 0..1_000 {
        run(&session, &format!("PREPARE p{n} AS SELECT {n}"))
            .await
            .unwrap();
    }
    let error = run(&session, "PREPARE more AS SELECT 1").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("at most 1000 prepared statements"),
        "{error}"
    );
    run(&session, "DEALLOCATE p7").await.unwrap();
    run(&session, "PREPARE more AS SELECT 1").await.unwrap();
    assert_eq!(number(&run(&session, "EXECUTE more").await.unwrap()), 1);
}

#[tokio::test]
async fn plans_that_are_kept_are_bounded() {
    let limits = CatalogLimits {
        plan_bytes_max: MEBIBYTE,
        ..CatalogLimits::default()
    };
    let engine = Engine::builder().catalog_limits(limits).build().unwrap();
    let session = engine.session().build().unwrap();
    // Texts, and views within views.
    let text = "x".repeat(100_000);
    let prepare = |name: &str| format!("PREPARE {name} AS SELECT '{text}' AS x");
    for n in 0..10 {
        run(&session, &prepare(&format!("p{n}"))).await.unwrap();
    }
    let message = refused(&session, &prepare("one_more")).await;
    assert!(
        message.contains("prepared statement `one_more`") && message.contains("plan_bytes_max"),
        "{message}"
    );
    refused(&session, &format!("CREATE VIEW v AS SELECT '{text}' AS x")).await;
    for n in 0..10 {
        run(&session, &format!("DEALLOCATE p{n}")).await.unwrap();
    }
    run(&session, "CREATE VIEW v0 AS SELECT 1 AS x")
        .await
        .unwrap();
    let double = |n: u32| {
        let within = n - 1;
        format!("CREATE VIEW v{n} AS SELECT a.x FROM v{within} a JOIN v{within} b ON a.x = b.x")
    };
    let mut n = 1;
    while run(&session, &double(n)).await.is_ok() {
        n += 1;
        assert!(n < 12);
    }
    let message = refused(&session, &double(n)).await;
    assert!(message.contains("plan_bytes_max"), "{message}");
    let columns: Vec<_> = (0..10_000).map(|n| format!("c{n} INT")).collect();
    refused(
        &session,
        &format!("CREATE TABLE w ({})", columns.join(", ")),
    )
    .await;
    // Those that are dropped or replaced make room.
    let smaller = format!("CREATE OR REPLACE VIEW v{} AS SELECT 1", n - 1);
    run(&session, &smaller).await.unwrap();
    run(&session, &format!("CREATE VIEW w AS SELECT '{text}' AS x"))
        .await
        .unwrap();
    assert_eq!(number(&run(&session, "SELECT x FROM v3").await.unwrap()), 1);
}

/// Clones of one session create views at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn plans_of_clones_are_bounded_together() {
    let session = || {
        let limits = CatalogLimits {
            plan_bytes_max: MEBIBYTE,
            ..CatalogLimits::default()
        };
        let engine = Engine::builder().catalog_limits(limits).build().unwrap();
        engine.session().build().unwrap()
    };
    let text = "x".repeat(60_000);
    let create = |n: u32| format!("CREATE VIEW v{n} AS SELECT '{text}' AS x");
    // One after another.
    let alone = session();
    let mut created_max = 0;
    while run(&alone, &create(created_max)).await.is_ok() {
        created_max += 1;
        assert!(created_max < 12);
    }
    assert!(created_max > 1);
    for _ in 0..10 {
        let session = session();
        let tasks = (0..12).map(|n| {
            let (session, create) = (session.clone(), create(n));
            tokio::spawn(async move { run(&session, &create).await.map(drop) })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut created = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => created += 1,
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.contains("plan_bytes_max"), "{error}");
                }
            }
        }
        assert!(created <= created_max, "{created} > {created_max}");
    }
}

/// Statements that would keep 80 GB and 10 GB are refused before much of it is there.
#[test]
fn refused_rows_need_little_memory() {
    let name = "memory_limits::refused_rows_need_little_memory";
    if passes_in_own_process(name, &[]) {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let session = session(16 * MEBIBYTE);
        let rows = "CREATE TABLE t AS SELECT * FROM range(0, 10000000000)";
        refused(&session, rows).await;
        let rows = "CREATE TABLE t AS SELECT value, 'x' AS s FROM range(0, 100000)";
        run(&session, rows).await.unwrap();
        run(&session, "SET datafusion.execution.batch_size = 100")
            .await
            .unwrap();
        refused(&session, "UPDATE t SET s = repeat('y', 100000)").await;
        let peak = peak_resident_bytes() >> 20;
        assert!(peak < 300, "{peak} MiB");
    });
}
