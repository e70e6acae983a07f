//! Memory of aggregate functions: reserved as it grows, and spilled by DataFusion.

use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::memory_pool::{FairSpillPool, GreedyMemoryPool, MemoryPool};
use datafusion::physical_plan::{self, ExecutionPlan};
use fusebox::{Error, FileAccess, LimitExceeded, Privileges, Session};
#[cfg(target_os = "linux")]
use fusebox_testing::{passes_in_own_process, peak_resident_bytes, resident_bytes};

use crate::pools::ObservedPool;
use crate::{number, run, udfs};

const MEGABYTE: usize = 1 << 20;

/// Size of the pools of these tests in bytes.
const POOL_BYTES: usize = 100 * MEGABYTE;

fn session_of(pool: Option<&Arc<ObservedPool>>) -> Session {
    let files = FileAccess::under(udfs().join("..")).unwrap();
    let mut builder = Session::builder().privileges(Privileges {
        files,
        ..Privileges::all()
    });
    if let Some(pool) = pool {
        builder = builder.memory_pool(Arc::clone(pool) as Arc<dyn MemoryPool>);
    }
    builder.build().unwrap()
}

/// Tasks of a query that failed end some time after its error was returned.
async fn assert_released(pool: &ObservedPool) {
    for _ in 0..1_000 {
        if pool.reserved() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} bytes are reserved", pool.reserved());
}

/// Returns the bytes by which the memory of this process has grown at most while `work` ran.
#[cfg(target_os = "linux")]
async fn peak_growth<T>(work: impl Future<Output = T>) -> (T, usize) {
    let before = resident_bytes();
    let done = work.await;
    let grown = peak_resident_bytes().saturating_sub(before);
    (done, grown as usize)
}

const FATTENS: &str = "CREATE AGGREGATE FUNCTION fattens(BIGINT) RETURNS BIGINT STATE (a BIGINT)
    LANGUAGE WASM AS 'udfs/hostile/fattens.wat'
    WITH (fuel_per_row = 1000000000, fuel_per_call = 1000000000000)";

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accumulators_do_not_grow_beyond_the_pool() {
    let name = "accumulators::accumulators_do_not_grow_beyond_the_pool";
    if passes_in_own_process(name, &[]) {
        return;
    }
    for query in [
        "SELECT fattens(value) FROM range(0, 100000)",
        "SELECT value % 100, fattens(value) FROM range(0, 100000) GROUP BY 1",
        "SELECT fattens(value) OVER (PARTITION BY value % 10) FROM range(0, 100)",
        "SELECT fattens(DISTINCT value) FROM range(0, 100000)",
    ] {
        let pool = ObservedPool::new(GreedyMemoryPool::new(POOL_BYTES));
        let session = session_of(Some(&pool));
        run(&session, FATTENS).await.unwrap();
        run(&session, "SET datafusion.execution.target_partitions = 4")
            .await
            .unwrap();
        let (result, grown) = peak_growth(run(&session, query)).await;
        let error = result.unwrap_err();
        assert!(
            matches!(
                Error::find_in(&error),
                Some(Error::Limit {
                    limit: LimitExceeded::MemoryPool { .. },
                    ..
                })
            ),
            "{query}: {error}"
        );
        assert!(pool.peak() <= POOL_BYTES);
        assert_released(&pool).await;
        assert!(grown < POOL_BYTES + 100 * MEGABYTE, "{query}: {grown}");
    }
}

fn spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count());
    let children = plan.children().into_iter();
    own.unwrap_or(0) + children.map(spills).sum::<usize>()
}

const DISTINCT: &str = "SELECT count(*), sum(d), max(d) FROM
    (SELECT value % 4000 AS g, approx_distinct_hll(value::VARCHAR) AS d
         FROM range(0, 6000000) GROUP BY g)";

/// Runs the query over 4,000 groups with states of 16 kB, some 64 MB in all.
async fn run_with_spills(session: &Session) -> Result<([i64; 3], usize), Error> {
    let module = "CREATE MODULE stats LANGUAGE WASM FROM 'target/guests/stats.wasm';
        IMPORT FUNCTIONS FROM MODULE stats;
        SET datafusion.execution.batch_size = 512;
        SET datafusion.execution.target_partitions = 2";
    run(session, module).await?;
    let failed = |error| Error::Query(Box::new(error));
    let frame = session.sql(DISTINCT).await?;
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.map_err(failed)?;
    let collected = physical_plan::collect(Arc::clone(&plan), context).await;
    let batches = collected.map_err(failed)?;
    let value = |column: usize| number(&[batches[0].project(&[column]).unwrap()]);
    Ok(([value(0), value(1), value(2)], spills(&plan)))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn states_are_spilled_within_the_pool() {
    if passes_in_own_process("accumulators::states_are_spilled_within_the_pool", &[]) {
        return;
    }
    let bytes = POOL_BYTES;
    let pool = ObservedPool::new(FairSpillPool::new(bytes));
    let session = session_of(Some(&pool));
    let (result, grown) = peak_growth(run_with_spills(&session)).await;
    let (spilled, spills) = result.unwrap();
    assert!(spills > 0);
    let peak = pool.peak();
    assert!(peak <= bytes, "{peak}");
    assert_released(&pool).await;
    // DataFusion materialises the states that it spills, and sorts them, beside the pool. The
    // compiled module, plans and batches in flight are not of it either.
    assert!(grown < 3 * bytes + 50 * MEGABYTE, "{grown}");
    let (expected, _) = run_with_spills(&session_of(None)).await.unwrap();
    assert_eq!(spilled, expected);
}
