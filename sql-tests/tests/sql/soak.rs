//! Many sessions of one engine that create, replace, alter, drop, call and cancel at
//! random, for a time: memory stays flat, no statement hangs, and no error is unexpected.
//!
//! It runs in a process of its own, since other tests allocate memory too.
//! `FUSEBOX_SOAK_SECONDS` sets its time and `FUSEBOX_SOAK_SEED` its seed, as `cargo xtask
//! soak` does.

// Sessions and their memory pool.
mod client;

// Statements of a client, and the errors that they may have.
mod actions;

// Resident memory over time.
mod memory;

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use fusebox::{Engine, FileAccess};
use fusebox_sql_tests::workspace_root;
use fusebox_testing::{TWO_ARENAS, passes_in_own_process};
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Builder;

use crate::sessions::TestResult;
use client::{Client, Progress};
use memory::Samples;

const NAME: &str = "sessions_that_create_call_and_cancel_at_random_leave_memory_flat";

/// Time of the test, unless the environment has another.
const TIME: Duration = Duration::from_secs(60);

/// Sessions at any time.
const SESSIONS: usize = 64;

/// Memory of all queries in bytes.
const POOL_BYTES: usize = 256 << 20;

/// Time of one statement after which the engine hangs, on a busy machine.
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(90);

const TICK: Duration = Duration::from_millis(100);

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(NAME, test)]
}

fn test() -> TestResult {
    match passes_in_own_process(NAME, &[TWO_ARENAS]) {
        true => Ok(()),
        false => soak(),
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Counts of all clients.
#[derive(Debug, Default)]
struct Counts {
    succeeded: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
}

/// Everything that clients share.
struct Shared {
    engine: Engine,
    pool: Arc<dyn MemoryPool>,
    counts: Counts,
    stop: AtomicBool,
}

fn soak() -> TestResult {
    let time = number("FUSEBOX_SOAK_SECONDS").map_or(TIME, Duration::from_secs);
    let seed = number("FUSEBOX_SOAK_SEED").unwrap_or(1);
    println!("soak of {time:?} with {SESSIONS} sessions, seed {seed}");
    let engine = Engine::builder().files(FileAccess::under(workspace_root())?);
    let shared = Arc::new(Shared {
        engine: engine.build()?,
        pool: Arc::new(GreedyMemoryPool::new(POOL_BYTES)),
        counts: Counts::default(),
        stop: AtomicBool::new(false),
    });
    // The watchdog is this thread, which waits for no task.
    let runtime = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?;
    let progress: Vec<Arc<Progress>> = (0..SESSIONS).map(|_| Arc::default()).collect();
    let clients = progress.iter().enumerate().map(|(n, progress)| {
        let client = Client::new(n, seed, Arc::clone(&shared), Arc::clone(progress));
        runtime.spawn(client.run())
    });
    let clients: Vec<_> = clients.collect();
    let outcome = watch(&shared, &progress, time);
    let joined = outcome.and_then(|samples| {
        for client in clients {
            runtime.block_on(client)??;
        }
        Ok(samples)
    });
    // A hung guest would hold up a runtime that is dropped.
    runtime.shutdown_background();
    check(&shared, &joined?)
}

/// Samples memory until the clients have ended; an error if one of them hangs.
fn watch(shared: &Shared, clients: &[Arc<Progress>], time: Duration) -> Result<Samples, Failed> {
    let begin = Instant::now();
    let mut samples = Samples::default();
    while clients.iter().any(|client| !client.has_ended()) {
        thread::sleep(TICK);
        if begin.elapsed() < time {
            samples.take();
        } else {
            shared.stop.store(true, Ordering::Relaxed);
        }
        for (n, client) in clients.iter().enumerate() {
            if let Some(statement) = client.hangs(STATEMENT_TIME_MAX) {
                let counts = &shared.counts;
                return Err(format!("session {n} hangs after {counts:?}: {statement}").into());
            }
            if client.has_failed() {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
    }
    Ok(samples)
}

fn check(shared: &Shared, samples: &Samples) -> TestResult {
    let counts = &shared.counts;
    let [succeeded, failed, cancelled] = [&counts.succeeded, &counts.failed, &counts.cancelled]
        .map(|count| count.load(Ordering::Relaxed));
    let compilations = shared.engine.runtime().compilations();
    println!(
        "{} statements: {succeeded} succeeded, {failed} failed as expected, {cancelled} cancelled; \
         {compilations} compilations; {samples}",
        succeeded + failed + cancelled
    );
    // Otherwise the soak proves nothing.
    for (name, count) in [
        ("succeeded", succeeded),
        ("failed", failed),
        ("cancelled", cancelled),
    ] {
        if count < 20 {
            return Err(format!("only {count} statements {name}").into());
        }
    }
    match shared.pool.reserved() {
        0 => samples.check(),
        bytes => Err(format!("{bytes} bytes are not returned to the pool").into()),
    }
}
