//! A running server: its threads, its listeners, and its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fusebox::Engine;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};

use crate::config::{ConfigError, ServerConfig};
use crate::connection;
use crate::flight;
use crate::http;
use crate::shared::{Phase, Shared};

/// Threads that pass bytes between clients and queries.
const NETWORK_THREADS: usize = 2;

/// Stack of a thread of queries in bytes. The planner recurses into expressions; memory is
/// committed only as far as the stack is used.
const STACK_BYTES: usize = 64 << 20;

/// Time to wait for connections after statements were cancelled.
const STOP_TIME: Duration = Duration::from_secs(1);

/// Time between two looks at what still runs.
const TICK: Duration = Duration::from_millis(10);

/// Error at the start of a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The configuration is refused.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason, which the message states.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

/// Server that serves until it is [stopped](Self::stop), or dropped.
///
/// Connections share the engine and its catalog. Each has a session of its own, with the
/// privileges of its user. Queries run on threads apart from those of connections.
pub struct Server {
    /// Taken by the end, in this order.
    network: Option<Runtime>,
    queries: Option<Runtime>,
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    postgres: Option<SocketAddr>,
    http: Option<SocketAddr>,
    flight: Option<SocketAddr>,
}

impl Server {
    /// Starts threads, and listens.
    ///
    /// # Errors
    ///
    /// [`ServerError`] for a refused configuration, a bad certificate or directory, and an address
    /// that is taken.
    pub fn start(config: ServerConfig, engine: Engine) -> Result<Self, ServerError> {
        let mut queries = Builder::new_multi_thread();
        queries
            .enable_all()
            .thread_name("fusebox-query")
            .thread_stack_size(STACK_BYTES);
        if config.query_threads > 0 {
            queries.worker_threads(config.query_threads);
        }
        let queries = queries.build().map_err(ServerError::Thread)?;
        let network = Builder::new_multi_thread()
            .enable_all()
            .worker_threads(NETWORK_THREADS)
            .thread_name("fusebox-network")
            .build()
            .map_err(ServerError::Thread)?;
        let (phase, phases) = watch::channel(Phase::Running);
        let threads = queries.handle().clone();
        let shared = Arc::new(Shared::new(config, engine, threads, phases)?);
        let auditing = Arc::clone(&shared);
        queries.spawn(async move { auditing.audit.run().await });
        let postgres = listen(&network, shared.config.postgres)?;
        let http = listen(&network, shared.config.http)?;
        let flight = listen(&network, shared.config.flight)?;
        let [postgres_address, http_address, flight_address] =
            [&postgres, &http, &flight].map(|bound| bound.as_ref().map(|(address, _)| *address));
        serve(&network, &shared, [postgres, http, flight]);
        Ok(Self {
            network: Some(network),
            queries: Some(queries),
            shared,
            phase,
            postgres: postgres_address,
            http: http_address,
            flight: flight_address,
        })
    }

    /// Returns the address of PostgreSQL's protocol, with the port that was free.
    pub fn postgres_address(&self) -> Option<SocketAddr> {
        self.postgres
    }

    /// Returns the address of HTTP, with the port that was free.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Returns the address of Flight SQL, with the port that was free.
    pub fn flight_address(&self) -> Option<SocketAddr> {
        self.flight
    }

    /// Stops the server: no new connections and statements from now on. Those that run end
    /// within `drain_seconds_max`, or are cancelled. Blocks meanwhile.
    pub fn stop(mut self) {
        tracing::info!("stopping: no new connections and statements");
        self.phase.send_replace(Phase::Draining);
        let is_drained = self.wait(self.shared.config.drain_timeout());
        self.phase.send_replace(Phase::Stopping);
        if !is_drained {
            tracing::warn!("cancelling the statements that still run");
            self.wait(STOP_TIME);
        }
        self.shared.audit.flush();
        self.end();
        tracing::info!("stopped");
    }

    /// Waits until no session is open; returns false if some are after a time.
    fn wait(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            let sessions = self.shared.sessions.available_permits();
            if sessions == self.shared.config.connections_max {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            thread::sleep(TICK);
        }
    }

    fn end(&mut self) {
        for runtime in [self.network.take(), self.queries.take()] {
            // Waiting for a query that does not stop would delay the exit.
            runtime.into_iter().for_each(Runtime::shutdown_background);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Stopping);
        self.end();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("postgres", &self.postgres)
            .field("http", &self.http)
            .field("flight", &self.flight)
            .finish_non_exhaustive()
    }
}

/// Address with a port, and what listens on it.
type Bound = Option<(SocketAddr, TcpListener)>;

/// Listens on an address, if one is stated.
fn listen(network: &Runtime, address: Option<SocketAddr>) -> Result<Bound, ServerError> {
    let Some(address) = address else {
        return Ok(None);
    };
    let bound = network.block_on(TcpListener::bind(address));
    let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let bound = bound.map_err(|source| ServerError::Listen { address, source })?;
    Ok(Some(bound))
}

/// Accepts clients of each protocol. Those of HTTP are accepted up to the end, since probes are
/// answered up to it.
fn serve(network: &Runtime, shared: &Arc<Shared>, [postgres, http, flight]: [Bound; 3]) {
    let until_draining = |accepting: BoxFuture<'static, ()>| {
        let shared = Arc::clone(shared);
        network.spawn(async move {
            tokio::select! {
                () = accepting => {}
                () = shared.reached(Phase::Draining) => {}
            }
        });
    };
    if let Some((address, listener)) = postgres {
        tracing::info!(%address, "listening for PostgreSQL clients");
        let permits = Arc::clone(&shared.connections);
        let serve = {
            let shared = Arc::clone(shared);
            move |stream, peer| connection::serve(stream, peer, Arc::clone(&shared))
        };
        until_draining(accept(listener, permits, serve).boxed());
    }
    if let Some((address, listener)) = flight {
        tracing::info!(%address, "listening for Flight SQL clients");
        let permits = Arc::clone(&shared.flight_connections);
        let door = Arc::new(flight::Door::new(Arc::clone(shared)));
        network.spawn(Arc::clone(&door).sweep());
        let serve = move |stream, peer| flight::serve(stream, peer, Arc::clone(&door));
        until_draining(accept(listener, permits, serve).boxed());
    }
    if let Some((address, listener)) = http {
        tracing::info!(%address, "listening for HTTP clients");
        let permits = Arc::clone(&shared.http_connections);
        let shared = Arc::clone(shared);
        let serve = move |stream, peer| http::serve(stream, peer, Arc::clone(&shared));
        network.spawn(accept(listener, permits, serve));
    }
}

/// Accepts connections as long as there are permits, each in a task of its own.
async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    permits: Arc<Semaphore>,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) {
    loop {
        // Without a permit, clients wait in the queue of the operating system.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let serving = serve(stream, peer);
                tokio::spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Mostly too many open files: some are closed soon.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
