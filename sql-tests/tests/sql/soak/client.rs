//! A client: one session after the other, each with random statements.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fusebox::{Error, MemoryCatalog, Session};
use futures::StreamExt;
use sqllogictest::harness::Failed;

use super::Shared;
use super::actions::{self, Action, End};
use crate::rng::Rng;
use crate::sessions::TestResult;

/// Progress of a client, for the watchdog.
#[derive(Debug, Default)]
pub(super) struct Progress {
    statement: Mutex<Option<(Instant, String)>>,
    ended: AtomicBool,
    failed: AtomicBool,
}

impl Progress {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Returns the statement that runs for longer than `time`.
    pub(super) fn hangs(&self, time: Duration) -> Option<String> {
        let statement = self
            .statement
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (since, text) = statement.as_ref()?;
        (since.elapsed() > time).then(|| text.clone())
    }

    fn set(&self, text: Option<&str>) {
        let mut statement = self
            .statement
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *statement = text.map(|text| (Instant::now(), text.to_owned()));
    }
}

/// Marks the end of a client, also of one that panics.
struct Ending(Arc<Progress>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0
            .failed
            .fetch_or(std::thread::panicking(), Ordering::Relaxed);
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

/// One of the sessions at a time.
pub(super) struct Client {
    random: Rng,
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    /// True to share the engine's catalog with other clients.
    shares_catalog: bool,
}

impl Client {
    pub(super) fn new(n: usize, seed: u64, shared: Arc<Shared>, progress: Arc<Progress>) -> Self {
        Self {
            random: Rng(seed.wrapping_mul(1_000_003).wrapping_add(n as u64)),
            shared,
            progress,
            shares_catalog: n.is_multiple_of(2),
        }
    }

    /// Executes statements until the soak stops; an error if one is unexpected.
    pub(super) async fn run(mut self) -> TestResult {
        let _ending = Ending(Arc::clone(&self.progress));
        while !self.shared.stop.load(Ordering::Relaxed) {
            let session = self.session()?;
            for _ in 0..1 + self.random.below(60) {
                if self.shared.stop.load(Ordering::Relaxed) {
                    break;
                }
                let action = actions::random(&mut self.random);
                self.progress.set(Some(&action.text));
                let ended = self.perform(&session, &action).await;
                self.progress.set(None);
                if let Err(error) = self.count(&action, ended) {
                    self.progress.failed.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn session(&mut self) -> Result<Session, Failed> {
        let builder = self.shared.engine.session();
        let builder = builder.memory_pool(Arc::clone(&self.shared.pool));
        let builder = match self.shares_catalog {
            true => builder,
            false => builder.catalog(Arc::new(MemoryCatalog::default())),
        };
        Ok(builder.build()?)
    }

    async fn perform(&mut self, session: &Session, action: &Action) -> Result<(), Error> {
        let pause = Duration::from_millis(self.random.below(30));
        match action.end {
            End::Awaited => execute(session, &action.text).await,
            End::Cancelled => {
                let cancel = async {
                    tokio::time::sleep(pause).await;
                    session.cancel();
                };
                tokio::join!(execute(session, &action.text), cancel).0
            }
            End::Dropped => {
                let statement = execute(session, &action.text);
                match tokio::time::timeout(pause, statement).await {
                    Ok(ended) => ended,
                    Err(_) => Err(Error::Cancelled),
                }
            }
        }
    }

    fn count(&self, action: &Action, ended: Result<(), Error>) -> TestResult {
        let counts = &self.shared.counts;
        let counter = match &ended {
            Ok(()) => &counts.succeeded,
            Err(error) => match Error::find_in(error) {
                Some(Error::Cancelled) => &counts.cancelled,
                _ if actions::is_expected(error) => &counts.failed,
                _ => return Err(format!("{error}: {}", action.text).into()),
            },
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Executes a text, and reads results in a task, as a server does.
async fn execute(session: &Session, text: &str) -> Result<(), Error> {
    let query = |error| Error::Query(Box::new(error));
    for statement in session.statements(text) {
        let frame = session.execute(statement?).await?;
        let mut batches = frame.execute_stream().await.map_err(query)?;
        while let Some(batch) = batches.next().await {
            batch.map_err(query)?;
        }
    }
    Ok(())
}
