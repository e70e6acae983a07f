//! Arrow Flight SQL: clients of ADBC, JDBC and Arrow.
//!
//! Each call is read to its command, and statements are executed as those of other clients. One
//! that has no rows is executed when its first call arrives, whichever it is, and the ticket that
//! this returns has no rows; so drivers that ask for rows of every statement execute it once.
//!
//! `FlightService` is implemented rather than `FlightSqlService` of the same crate, which leaves
//! no way to answer `GetSchema`, and has messages of its own for malformed commands.

// Calls.
mod service;

// Actions.
mod actions;

// Statements, and those that are prepared.
mod prepared;
mod statements;

// Rows of results.
mod results;

// Catalogs, tables, and features of the server.
mod metadata;
mod sql_info;

// Names, passwords and tokens.
mod login;

// Sessions of clients, and what they keep.
mod kept;
mod running;
mod sessions;

// Values of parameters.
mod parameters;

// Errors.
mod status;

// Requests that come in time, and answers that are read in time.
mod answers;
mod body;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arrow_flight::flight_service_server::FlightServiceServer;
use arrow_flight::sql::metadata::SqlInfoData;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tonic::body::Body;
use tonic::codegen::Service;

use crate::execution::on_threads;
use crate::metrics::Counted;
use crate::report::{Report, TOO_MANY_CONNECTIONS};
use crate::shared::{Phase, Shared};
use crate::timed::Timed;
use crate::tls::MaybeTls;

use answers::{Answer, Answers};
use body::TimedBody;
use service::Calls;
use sessions::{FlightSession, OpenConnection, Sessions, is_unused, retire};
use status::status;

/// Maximum number of calls of a connection at a time.
const CALLS_MAX: u32 = 32;

/// Maximum size of the headers of a request in bytes.
const HEADERS_BYTES_MAX: u32 = 32 << 10;

/// Maximum size of a message before a login in bytes.
const LOGIN_BYTES_MAX: usize = 10_000;

/// Maximum size of a message to a client in bytes: more than a row has.
const ANSWER_BYTES_MAX: usize = 1 << 29;

/// Time after which a silent connection is asked for a sign, and in which it has to give it.
const PING_TIME: Duration = Duration::from_secs(30);

/// Time between two searches for what has expired.
const SWEEP_TIME: Duration = Duration::from_secs(1);

/// Path of the call that logs in.
const HANDSHAKE: &str = "/arrow.flight.protocol.FlightService/Handshake";

/// State that connections of Flight SQL share.
pub(crate) struct Door {
    shared: Arc<Shared>,
    sessions: Sessions,
    sql_info: SqlInfoData,
}

impl Door {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            sessions: Sessions::new(Arc::clone(&shared)),
            sql_info: sql_info::data(),
            shared,
        }
    }

    /// Forgets what was not used for long, until the server stops.
    pub(crate) async fn sweep(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.shared.reached(Phase::Draining) => break,
                () = tokio::time::sleep(SWEEP_TIME) => self.sessions.sweep(),
            }
        }
        self.sessions.clear();
    }
}

/// Connection of a client.
struct Connection {
    door: Arc<Door>,
    open: Arc<OpenConnection>,
    address: SocketAddr,
    /// True if no other machine reads what is sent.
    is_private: bool,
    /// Session of calls without a token, where everyone is trusted.
    session: Mutex<Option<Arc<FlightSession>>>,
    /// Sessions of its calls and logins.
    known: Mutex<Vec<Weak<FlightSession>>>,
    /// Held by a login: there is one at a time.
    login: Arc<tokio::sync::Mutex<()>>,
    /// Told when the client does not read.
    stalled: Notify,
    /// Answers that the client reads.
    answers: Answers,
}

impl Connection {
    fn session(&self) -> MutexGuard<'_, Option<Arc<FlightSession>>> {
        lock(&self.session)
    }

    /// Notes the session of a call or a login.
    fn note_session(&self, session: &Arc<FlightSession>) {
        let own = Arc::downgrade(session);
        let mut known = lock(&self.known);
        known.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&own));
        known.push(own);
    }

    fn has_session(&self) -> bool {
        let known = lock(&self.known);
        known.iter().any(|session| session.strong_count() > 0)
    }

    /// Ends the session of calls without a token.
    fn close_session(&self) {
        let session = self.session().take();
        if let Some(session) = session {
            session.close();
        }
    }

    /// Waits until the session of calls without a token was not used for the time that a session
    /// may be idle.
    async fn idle(&self) {
        let Some(timeout) = self.door.shared.config.idle_timeout() else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(SWEEP_TIME).await;
            let session = self.session();
            let mut session = session.iter();
            if session.any(|session| is_unused(session) && session.idle().0 > timeout) {
                return;
            }
        }
    }

    /// Waits until the connection was without a session for the time that a client has to log in:
    /// connections that last longer are bounded by the sessions that use them.
    async fn without_session(&self) {
        let timeout = self.door.shared.config.login_timeout();
        let mut since = Instant::now();
        while since.elapsed() < timeout {
            tokio::time::sleep(SWEEP_TIME).await;
            if self.has_session() {
                since = Instant::now();
            }
        }
    }

    /// Waits until the client has not read an answer for the time that it has for that.
    async fn unread(&self) {
        let timeout = self.door.shared.config.write_timeout();
        while !self.answers.is_unread(timeout) {
            tokio::time::sleep(SWEEP_TIME).await;
        }
    }
}

/// Places of a call among those of its session and of the server, held until its answer is sent.
type CallPlace = Arc<[OwnedSemaphorePermit; 2]>;

/// Session of a call, and its places.
#[derive(Clone)]
struct Admitted {
    session: Arc<FlightSession>,
    place: CallPlace,
}

/// Session of a call, its connection, and its places.
struct Caller {
    connection: Arc<Connection>,
    session: Arc<FlightSession>,
    place: CallPlace,
}

impl Caller {
    fn shared(&self) -> &Arc<Shared> {
        &self.connection.door.shared
    }

    /// Polls what may block a thread for long on the threads of queries, to its end, if the user
    /// may still have a session. It keeps the places of the call if the client leaves, which could
    /// collect more of it.
    ///
    /// # Errors
    ///
    /// A report if it panics, and of a user without a session.
    async fn on_threads<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Report> {
        let (session, place) = (Arc::clone(&self.session), Arc::clone(&self.place));
        let work = async move {
            let _place = place;
            session.admission.check(&session.session)?;
            Ok::<_, Report>(work.await)
        };
        on_threads(&self.shared().threads, work).await?
    }
}

/// Serves a client until it is gone.
pub(crate) async fn serve(stream: TcpStream, address: SocketAddr, door: Arc<Door>) {
    let _ = stream.set_nodelay(true);
    let is_local = stream
        .local_addr()
        .is_ok_and(|local| local.ip().is_loopback());
    let shared = Arc::clone(&door.shared);
    let stream = match &shared.flight_tls {
        None => MaybeTls::Plain(stream),
        Some(acceptor) => {
            let timeout = shared.config.login_timeout();
            match tokio::time::timeout(timeout, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => MaybeTls::Tls(Box::new(stream)),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    let connection = Arc::new(Connection {
        door,
        open: Arc::new(OpenConnection),
        address,
        is_private: stream.is_tls() || is_local,
        session: Mutex::default(),
        known: Mutex::default(),
        login: Arc::default(),
        stalled: Notify::new(),
        answers: Answers::default(),
    });
    let _counted = Counted::new(&shared.metrics.flight_connections);
    run(stream, &connection, &shared).await;
    connection.close_session();
}

/// Answers the calls of a connection until it ends.
async fn run(stream: MaybeTls, connection: &Arc<Connection>, shared: &Shared) {
    let stream = Timed::new(stream, shared.config.write_timeout());
    let answering = Arc::clone(connection);
    let service = service_fn(move |request| {
        let connection = Arc::clone(&answering);
        async move { Ok::<_, Infallible>(answer(request, &connection).await) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_TIME)
        .keep_alive_timeout(PING_TIME)
        .max_concurrent_streams(CALLS_MAX)
        .max_header_list_size(HEADERS_BYTES_MAX);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut is_draining = false;
    loop {
        tokio::select! {
            served = serving.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(peer = %connection.address, %error, "a connection failed");
                }
                return;
            }
            () = connection.without_session() => {
                tracing::info!(peer = %connection.address, "a client did not log in in time");
                return;
            }
            () = shared.reached(Phase::Draining), if !is_draining => {
                is_draining = true;
                let session = connection.session().take();
                session.into_iter().for_each(retire);
                serving.as_mut().graceful_shutdown();
            }
            () = shared.reached(Phase::Stopping) => return,
            () = connection.stalled.notified() => return,
            () = connection.idle() => return,
            () = connection.unread() => {
                tracing::info!(peer = %connection.address, "a client does not read");
                return;
            }
        }
    }
}

/// Answers a call, and watches that the answer is read.
async fn answer(
    request: Request<Incoming>,
    connection: &Arc<Connection>,
) -> Response<Answer<Body>> {
    let (response, place) = called(request, connection).await;
    response.map(|body| connection.answers.add(body, place))
}

/// Calls the service; returns its answer and the places of the call. Only calls of a session have
/// large messages.
async fn called(
    request: Request<Incoming>,
    connection: &Arc<Connection>,
) -> (Response<Body>, Option<CallPlace>) {
    let shared = &connection.door.shared;
    let (mut head, body) = request.into_parts();
    let body = TimedBody::new(body, shared.config.write_timeout());
    let server = FlightServiceServer::new(Calls(Arc::clone(connection)))
        .max_encoding_message_size(ANSWER_BYTES_MAX);
    let mut place = None;
    let mut server = match head.uri.path() {
        HANDSHAKE => server.max_decoding_message_size(LOGIN_BYTES_MAX),
        _ => match admitted(connection, &head.headers).await {
            Ok(admitted) => {
                place = Some(Arc::clone(&admitted.place));
                head.extensions.insert(admitted);
                server.max_decoding_message_size(shared.config.message_bytes_max())
            }
            Err(report) => return (status(&report).into_http(), None),
        },
    };
    let Ok(response) = server.call(Request::from_parts(head, body)).await;
    (response, place)
}

/// Returns the session of a call, and its places.
async fn admitted(connection: &Arc<Connection>, headers: &HeaderMap) -> Result<Admitted, Report> {
    let session = connection.authorized(headers).await?;
    let own = session.call()?;
    let shared = &connection.door.shared;
    let permit = Arc::clone(&shared.flight_requests).try_acquire_owned();
    let permit = permit.map_err(|_| {
        shared.metrics.refused.inc();
        Report::error(TOO_MANY_CONNECTIONS, "too many clients already")
    })?;
    let place = Arc::new([own, permit]);
    Ok(Admitted { session, place })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
