//! State that all connections of a server share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};
use fusebox::{Engine, Session};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::audit::Audit;
use crate::config::{ConfigError, ServerConfig};
use crate::metrics::Metrics;
use crate::quotas::Loads;
use crate::scram::random;
use crate::tls::acceptor;
use crate::users::Users;

/// Phase of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Running,
    /// No new connections and statements; those that run may end.
    Draining,
    /// Statements that run are cancelled.
    Stopping,
}

/// Connections that have not logged in, beyond those that have.
const STARTING_MAX: usize = 100;

/// Passwords that the server checks itself at a time: each takes a thread thousands of rounds of a
/// hash.
const PASSWORD_CHECKS_MAX: usize = 4;

/// State that connections share.
pub(crate) struct Shared {
    pub(crate) config: ServerConfig,
    pub(crate) engine: Engine,
    pub(crate) users: Users,
    pub(crate) loads: Loads,
    pub(crate) audit: Audit,
    pub(crate) metrics: Metrics,
    /// Threads of queries.
    pub(crate) threads: Handle,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) cancellations: Cancellations,
    pub(crate) postgres_tls: Option<TlsAcceptor>,
    pub(crate) http_tls: Option<TlsAcceptor>,
    pub(crate) flight_tls: Option<TlsAcceptor>,
    /// Permits of connections that have logged in.
    pub(crate) sessions: Arc<Semaphore>,
    /// Permits of all connections of PostgreSQL's protocol.
    pub(crate) connections: Arc<Semaphore>,
    /// Permits of all connections of HTTP.
    pub(crate) http_connections: Arc<Semaphore>,
    /// Permits of requests of `/sql`, which are fewer: connections are left for probes.
    pub(crate) http_requests: Arc<Semaphore>,
    /// Permits of all connections of Flight SQL.
    pub(crate) flight_connections: Arc<Semaphore>,
    /// Permits of requests of Flight SQL that are read and answered.
    pub(crate) flight_requests: Arc<Semaphore>,
    /// Permits of statements of Flight SQL that run, or whose rows wait to be fetched.
    pub(crate) flight_statements: Arc<Semaphore>,
    /// Permits of passwords that are checked.
    pub(crate) password_checks: Arc<Semaphore>,
    pub(crate) memory_pool: Arc<dyn MemoryPool>,
}

impl Shared {
    /// Reads certificates, and opens the directories of users.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] of the configuration.
    pub(crate) fn new(
        config: ServerConfig,
        engine: Engine,
        threads: Handle,
        phase: watch::Receiver<Phase>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let catalog = Arc::clone(engine.catalog());
        let contents = catalog.contents();
        let contents = contents.map_err(|error| ConfigError::Value(error.to_string()))?;
        config.check_addresses(contents.access().has_users() || !config.users.is_empty())?;
        let tls = |protocols: &[&[u8]]| {
            let files = config.tls.as_ref();
            files.map(|files| acceptor(files, protocols)).transpose()
        };
        let bytes = config.memory_megabytes_max.saturating_mul(1 << 20);
        Ok(Self {
            postgres_tls: tls(&[b"postgresql"])?,
            http_tls: tls(&[b"http/1.1"])?,
            flight_tls: tls(&[b"h2"])?,
            users: Users::new(&config, catalog.as_ref())?,
            loads: Loads::default(),
            audit: Audit::new(catalog),
            metrics: Metrics::new(),
            threads,
            phase,
            cancellations: Cancellations::default(),
            sessions: Arc::new(Semaphore::new(config.connections_max)),
            connections: Arc::new(Semaphore::new(config.connections_max + STARTING_MAX)),
            http_connections: Arc::new(Semaphore::new(config.connections_max + STARTING_MAX)),
            http_requests: Arc::new(Semaphore::new(config.connections_max)),
            flight_connections: Arc::new(Semaphore::new(config.connections_max + STARTING_MAX)),
            flight_requests: Arc::new(Semaphore::new(config.connections_max + STARTING_MAX)),
            flight_statements: Arc::new(Semaphore::new(config.connections_max)),
            password_checks: Arc::new(Semaphore::new(PASSWORD_CHECKS_MAX)),
            memory_pool: Arc::new(FairSpillPool::new(bytes)),
            engine,
            config,
        })
    }

    /// Returns true if so many connections of HTTP are open that none should be kept for further
    /// requests: probes have the rest.
    pub(crate) fn is_http_crowded(&self) -> bool {
        // The listener holds one for the next connection.
        self.http_connections.available_permits() + 1 < STARTING_MAX
    }

    /// Waits until the server has reached a phase.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut phases = self.phase.clone();
        // Whoever sends phases lives as long as the server.
        let _ = phases.wait_for(|found| *found >= phase).await;
    }
}

/// Connections whose statements can be cancelled, by their process number.
#[derive(Default)]
pub(crate) struct Cancellations(Mutex<HashMap<i32, Entry>>);

struct Entry {
    key: i32,
    session: Session,
    requests: watch::Sender<u64>,
}

/// Registration of a connection, until it is dropped.
pub(crate) struct Cancellable {
    shared: Arc<Shared>,
    pub(crate) process: i32,
    pub(crate) key: i32,
    /// Number of the requests to cancel.
    pub(crate) requests: watch::Receiver<u64>,
}

impl Cancellable {
    /// Registers a connection under a number that no other has.
    pub(crate) fn new(shared: &Arc<Shared>, session: &Session) -> Self {
        let (sender, requests) = watch::channel(0);
        let key = i32::from_be_bytes(random());
        let mut entries = shared.cancellations.lock();
        let process = loop {
            let process = i32::from_be_bytes(random()) & i32::MAX;
            if process > 0 && !entries.contains_key(&process) {
                break process;
            }
        };
        let entry = Entry {
            key,
            session: session.clone(),
            requests: sender,
        };
        entries.insert(process, entry);
        drop(entries);
        Self {
            shared: Arc::clone(shared),
            process,
            key,
            requests,
        }
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.shared.cancellations.lock().remove(&self.process);
    }
}

impl Cancellations {
    /// Cancels the statement of a connection, if the key is its own.
    pub(crate) fn cancel(&self, process: i32, key: i32, from: SocketAddr) {
        let entries = self.lock();
        match entries.get(&process).filter(|entry| entry.key == key) {
            Some(entry) => {
                entry.session.cancel();
                entry.requests.send_modify(|requests| *requests += 1);
            }
            None => tracing::warn!(%from, process, "request to cancel with a wrong key"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
