//! Answers that are used again: their counts, and their memory.

use std::sync::Arc;

use arrow::array::AsArray;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::Session;

use crate::{number, privileges, run};

/// A plain function that burns some hundred units of fuel.
const TWICE: &str = r#"CREATE FUNCTION twice(BIGINT) RETURNS BIGINT LANGUAGE WASM AS $$(module
    (func (export "twice") (param $n i64) (result i64) (local $left i32)
        (local.set $left (i32.const 100))
        (loop $again
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $again (local.get $left)))
        (i64.shl (local.get $n) (i64.const 1))))$$ EXPORT 'twice'"#;

/// Opens a session with one partition, whose memory pool has so many bytes.
async fn session(bytes: usize) -> (Session, Arc<dyn MemoryPool>) {
    let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(bytes));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(&pool));
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config_rt(config, runtime.build_arc().unwrap());
    let builder = Session::builder().context(context);
    let session = builder.privileges(privileges()).build().unwrap();
    run(&session, TWICE).await.unwrap();
    (session, pool)
}

async fn asked_and_reused(session: &Session) -> (i64, i64) {
    let stats = "SELECT CAST(rows AS BIGINT), CAST(reused_rows AS BIGINT) FROM fusebox.stats";
    let rows = run(session, stats).await.unwrap();
    let cell = |column: usize| number(&[rows[0].project(&[column]).unwrap()]);
    (cell(0), cell(1))
}

#[tokio::test]
async fn analyzed_plan_counts_rows_that_were_not_asked() {
    let (session, _) = session(1 << 30).await;
    run(&session, "SET fusebox.reuse = 'always'").await.unwrap();
    let explain = "EXPLAIN ANALYZE SELECT twice(value % 10) FROM range(0, 900)";
    let plan = run(&session, explain).await.unwrap();
    let plan = plan[0].column(1).as_string::<i32>().value(0);
    for expected in [
        "wasm_reused_rows=890",
        "twice()={calls=1, rows=10, fuel=",
        ", reused_rows=890}",
    ] {
        assert!(plan.contains(expected), "{expected}: {plan}");
    }
}

#[tokio::test]
async fn memory_that_the_pool_refuses_is_no_error() {
    const QUERY: &str = "SELECT sum(twice(value % 10)) FROM range(0, 20000)";
    for (bytes, expected) in [(1 << 20, (20_000, 0)), (256 << 20, (10, 19_990))] {
        let (session, pool) = session(bytes).await;
        run(&session, "SET fusebox.reuse = 'always'").await.unwrap();
        let sum = run(&session, QUERY).await.unwrap();
        assert_eq!(number(&sum), 180_000);
        assert_eq!(asked_and_reused(&session).await, expected, "{bytes}");
        assert_eq!(pool.reserved(), 0);
    }
}
