//! Guest memory in the memory pool: reserved during calls; a refusal is invisible to the guest.

use std::sync::Arc;

use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Error, LimitExceeded, Session};
#[cfg(target_os = "linux")]
use fusebox_testing::{TWO_ARENAS, passes_below_ulimit};

use crate::pools::ObservedPool;
use crate::{number, privileges, run, session, with_function_factory};

fn context(pool: &Arc<ObservedPool>) -> SessionContext {
    let pool = Arc::clone(pool) as Arc<dyn MemoryPool>;
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc();
    SessionContext::new_with_config_rt(SessionConfig::new(), runtime.unwrap())
}

fn session_of(pool: &Arc<ObservedPool>) -> Session {
    let builder = Session::builder().context(context(pool));
    builder.privileges(privileges()).build().unwrap()
}

/// Returns `CREATE FUNCTION` for a function that grows its memory by 1 MiB until it fails, and
/// returns its number of pages.
fn create_hungry(memory: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION hungry(BIGINT) RETURNS BIGINT LANGUAGE WASM VOLATILE
             AS 'hostile/hungry.wat' WITH (memory = '{memory}', fuel_per_row = 1000000000)"
    )
}

const CALL: &str = "SELECT hungry(value) FROM range(0, 1)";

/// Initial memory of `hungry` in bytes.
const INITIAL_BYTES: usize = 2 << 16;

/// Step of its growth in bytes.
const STEP_BYTES: usize = 1 << 20;

#[track_caller]
fn assert_pool_refuses(error: &(dyn std::error::Error + 'static), expected: usize) {
    match Error::find_in(error) {
        Some(Error::Limit {
            limit: LimitExceeded::MemoryPool { bytes },
            ..
        }) => assert_eq!(*bytes, expected as u64),
        _ => panic!("{error}"),
    }
}

#[tokio::test]
async fn memory_is_reserved_during_a_call() {
    let pool = ObservedPool::new(GreedyMemoryPool::new(64 << 20));
    let session = session_of(&pool);
    run(&session, &create_hungry("1152kB")).await.unwrap();
    assert_eq!(pool.take(), []);
    let wasm = |bytes| ("wasm hungry".to_owned(), bytes);
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 18);
    assert_eq!(pool.take(), [wasm(INITIAL_BYTES), wasm(STEP_BYTES)]);
    assert_eq!(pool.reserved(), 0);
    // The pooled instance is reused, at its present size.
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 18);
    assert_eq!(pool.take(), [wasm(INITIAL_BYTES + STEP_BYTES)]);
    assert_eq!(pool.reserved(), 0);
}

#[tokio::test]
async fn instance_over_4_mib_is_not_kept() {
    let pool = ObservedPool::new(GreedyMemoryPool::new(64 << 20));
    let session = session_of(&pool);
    for (memory, kept) in [("4MB", true), ("5248kB", false)] {
        run(&session, &create_hungry(memory)).await.unwrap();
        run(&session, CALL).await.unwrap();
        pool.take();
        run(&session, CALL).await.unwrap();
        assert_eq!(pool.take()[0].1 > INITIAL_BYTES, kept, "{memory}");
        assert_eq!(pool.reserved(), 0);
    }
}

#[tokio::test]
async fn refusal_by_the_memory_pool_is_invisible_to_the_guest() {
    let pool = ObservedPool::new(GreedyMemoryPool::new(3 << 20));
    let session = session_of(&pool);
    run(&session, &create_hungry("64MB")).await.unwrap();
    let error = run(&session, CALL).await.unwrap_err();
    assert_pool_refuses(&error, STEP_BYTES);
    assert_eq!(
        error.to_string(),
        "function `hungry` needs 1048576 bytes of memory that the query's memory pool refuses"
    );
    assert_eq!(pool.take().len(), 4);
    assert_eq!(pool.reserved(), 0);
    run(&session, &create_hungry("1152kB")).await.unwrap();
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 18);
}

#[tokio::test]
async fn instance_whose_memory_the_pool_refuses_is_not_used() {
    let pool = ObservedPool::new(GreedyMemoryPool::new(INITIAL_BYTES - 1));
    let session = session_of(&pool);
    run(&session, &create_hungry("64MB")).await.unwrap();
    // Once with an idle instance, once without.
    for _ in 0..2 {
        assert_pool_refuses(&run(&session, CALL).await.unwrap_err(), INITIAL_BYTES);
        assert_eq!(pool.reserved(), 0);
    }
}

#[tokio::test]
async fn query_uses_the_memory_pool_of_its_session_at_its_start() {
    let session = session();
    run(&session, &create_hungry("64MB")).await.unwrap();
    let limit = "SET datafusion.runtime.memory_limit = '3M'";
    run(&session, limit).await.unwrap();
    assert_pool_refuses(&run(&session, CALL).await.unwrap_err(), STEP_BYTES);
    run(&session, "RESET datafusion.runtime.memory_limit")
        .await
        .unwrap();
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 1010);
}

#[tokio::test]
async fn plain_context_reserves_memory_too() {
    let pool = ObservedPool::new(GreedyMemoryPool::new(3 << 20));
    let context = with_function_factory(context(&pool));
    let create = "CREATE FUNCTION hungry(BIGINT) RETURNS BIGINT VOLATILE LANGUAGE WASM
                      AS 'hostile/hungry.wat'";
    context.sql(create).await.unwrap();
    let frame = context.sql(CALL).await.unwrap();
    assert_pool_refuses(&frame.collect().await.unwrap_err(), STEP_BYTES);
    assert_eq!(pool.reserved(), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn refusal_by_the_system_is_invisible_to_the_guest() {
    // In a process with at most 1 GiB of data.
    let name = "memory::refusal_by_the_system_is_invisible_to_the_guest";
    if passes_below_ulimit(name, "-d 1048576", &[]) {
        return;
    }
    let session = session();
    run(&session, &create_hungry("4GB")).await.unwrap();
    let error = run(&session, CALL).await.unwrap_err();
    assert!(
        matches!(
            Error::find_in(&error),
            Some(Error::Limit {
                limit: LimitExceeded::System { .. },
                ..
            })
        ),
        "{error}"
    );
    run(&session, &create_hungry("1152kB")).await.unwrap();
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 18);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn function_without_addresses_for_an_instance_says_what_to_raise() {
    // In a process with at most 3 GiB of addresses: an instance reserves 4 GiB.
    let name = "memory::function_without_addresses_for_an_instance_says_what_to_raise";
    if passes_below_ulimit(name, "-v 3145728", &[TWO_ARENAS]) {
        return;
    }
    let session = session();
    let create_and_call = format!("{}; {CALL}", create_hungry("1152kB"));
    let error = run(&session, &create_and_call).await.unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("function `hungry` cannot be called: ")
            && message.contains("raise `ulimit -v` or `vm.max_map_count`"),
        "{message}"
    );
    assert!(!message.contains('\n'), "{message}");
    let one = run(&session, "SELECT CAST(1 AS BIGINT)").await;
    assert_eq!(number(&one.unwrap()), 1);
}
