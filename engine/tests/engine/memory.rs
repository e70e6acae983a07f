//! Memory: charged while a call has it, refused without the guest's knowledge.

use std::env;
use std::fmt;
use std::process::Command;
use std::sync::{Arc, Mutex};

use datafusion::error::Result as DfResult;
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use fusebox::{Error, Exhausted, Paths, Session};

use crate::{number, passes_alone, run, session, udfs};

/// A pool that remembers what it was asked for by functions of ours.
#[derive(Debug)]
struct Ledger {
    inner: GreedyMemoryPool,
    entries: Mutex<Vec<(String, usize)>>,
}

impl Ledger {
    fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: GreedyMemoryPool::new(bytes_max),
            entries: Mutex::default(),
        })
    }

    /// What was asked for since the last time.
    fn take(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut *self.entries.lock().unwrap())
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ledger")
    }
}

impl MemoryPool for Ledger {
    fn name(&self) -> &str {
        "ledger"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.inner.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.inner.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.inner.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.inner.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DfResult<()> {
        let name = reservation.consumer().name();
        if name.starts_with("wasm ") {
            let entry = (name.to_owned(), additional);
            self.entries.lock().unwrap().push(entry);
        }
        self.inner.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.inner.reserved()
    }
}

fn context(pool: &Arc<Ledger>) -> SessionContext {
    let pool = Arc::clone(pool) as Arc<dyn MemoryPool>;
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc();
    SessionContext::new_with_config_rt(SessionConfig::new(), runtime.unwrap())
}

fn session_of(pool: &Arc<Ledger>) -> Session {
    let paths = Paths::under(udfs()).unwrap();
    let builder = Session::builder().context(context(pool)).paths(paths);
    builder.build().unwrap()
}

/// Grows by a MiB as often as it may, and answers how many pages it has.
fn hungry(memory: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION hungry(BIGINT) RETURNS BIGINT LANGUAGE WASM VOLATILE
             AS 'hostile/hungry.wat' WITH (memory = '{memory}', fuel_per_row = 1000000000)"
    )
}

const CALL: &str = "SELECT hungry(value) FROM range(0, 1)";

/// Its pages, and a MiB, in bytes.
const FIRST: usize = 2 << 16;
const MORE: usize = 1 << 20;

#[track_caller]
fn assert_refused(error: &(dyn std::error::Error + 'static), expected: usize) {
    match Error::behind(error) {
        Some(Error::Limit {
            limit: Exhausted::MemoryPool { bytes },
            ..
        }) => assert_eq!(*bytes, expected as u64),
        _ => panic!("{error}"),
    }
}

#[tokio::test]
async fn memory_is_charged_while_a_call_has_it() {
    let pool = Ledger::new(64 << 20);
    let session = session_of(&pool);
    run(&session, &hungry("1152kB")).await.unwrap();
    assert_eq!(pool.take(), []);
    let wasm = |bytes| ("wasm hungry".to_owned(), bytes);
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 18);
    assert_eq!(pool.take(), [wasm(FIRST), wasm(MORE)]);
    assert_eq!(pool.reserved(), 0);
    // The instance is lent again, as large as it is now.
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 18);
    assert_eq!(pool.take(), [wasm(FIRST + MORE)]);
    assert_eq!(pool.reserved(), 0);
}

#[tokio::test]
async fn large_instance_is_not_kept() {
    let pool = Ledger::new(64 << 20);
    let session = session_of(&pool);
    for (memory, kept) in [("4MB", true), ("5248kB", false)] {
        run(&session, &hungry(memory)).await.unwrap();
        run(&session, CALL).await.unwrap();
        pool.take();
        run(&session, CALL).await.unwrap();
        assert_eq!(pool.take()[0].1 > FIRST, kept, "{memory}");
        assert_eq!(pool.reserved(), 0);
    }
}

#[tokio::test]
async fn guest_does_not_see_that_the_pool_refuses() {
    let pool = Ledger::new(3 << 20);
    let session = session_of(&pool);
    run(&session, &hungry("64MB")).await.unwrap();
    let error = run(&session, CALL).await.unwrap_err();
    assert_refused(&error, MORE);
    assert_eq!(
        error.to_string(),
        "function `hungry` needs 1048576 bytes of memory more than the query's memory pool gives"
    );
    assert_eq!(pool.take().len(), 4);
    assert_eq!(pool.reserved(), 0);
    run(&session, &hungry("1152kB")).await.unwrap();
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 18);
}

#[tokio::test]
async fn instance_is_not_lent_to_who_cannot_pay() {
    let pool = Ledger::new(FIRST - 1);
    let session = session_of(&pool);
    run(&session, &hungry("64MB")).await.unwrap();
    // The first of these has an idle instance, the second has none.
    for _ in 0..2 {
        assert_refused(&run(&session, CALL).await.unwrap_err(), FIRST);
        assert_eq!(pool.reserved(), 0);
    }
}

#[tokio::test]
async fn pool_is_the_one_that_the_session_has_when_the_query_begins() {
    let session = session();
    run(&session, &hungry("64MB")).await.unwrap();
    let limit = "SET datafusion.runtime.memory_limit = '3M'";
    run(&session, limit).await.unwrap();
    assert_refused(&run(&session, CALL).await.unwrap_err(), MORE);
    run(&session, "RESET datafusion.runtime.memory_limit")
        .await
        .unwrap();
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 1010);
}

#[tokio::test]
async fn plain_context_pays_too() {
    let pool = Ledger::new(3 << 20);
    let paths = Paths::under(udfs()).unwrap();
    let factory = Session::builder().paths(paths).factory().unwrap();
    let context = context(&pool).with_function_factory(Arc::new(factory));
    let create = "CREATE FUNCTION hungry(BIGINT) RETURNS BIGINT VOLATILE LANGUAGE WASM
                      AS 'hostile/hungry.wat'";
    context.sql(create).await.unwrap();
    let frame = context.sql(CALL).await.unwrap();
    assert_refused(&frame.collect().await.unwrap_err(), MORE);
    assert_eq!(pool.reserved(), 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn guest_does_not_see_that_the_machine_refuses() {
    // In a process that may have a GiB of data.
    let name = "memory::guest_does_not_see_that_the_machine_refuses";
    let limited = "ulimit -d 1048576 && exec \"$0\" --exact \"$1\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", limited])
        .arg(env::current_exe().unwrap());
    if passes_alone(command.arg(name)) {
        return;
    }
    let session = session();
    run(&session, &hungry("4GB")).await.unwrap();
    let error = run(&session, CALL).await.unwrap_err();
    assert!(
        matches!(
            Error::behind(&error),
            Some(Error::Limit {
                limit: Exhausted::Machine { .. },
                ..
            })
        ),
        "{error}"
    );
    run(&session, &hungry("1152kB")).await.unwrap();
    assert_eq!(number(&run(&session, CALL).await.unwrap()), 18);
}
