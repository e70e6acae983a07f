//! Sessions of clients: one for each token, and one for each connection without.
//!
//! A client that is gone may leave its token: its session ends some time after its last
//! connection, or makes place for another. What a session keeps is found in it alone, so that a
//! handle of another session is no handle.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use fusebox::Session;
use ring::digest::{SHA256, digest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::kept::Kept;
use super::lock;
use super::running::RUNNING_MAX;
use crate::admission::Admission;
use crate::metrics::Counted;
use crate::report::{Report, TOO_MANY_CONNECTIONS};
use crate::scram::random;
use crate::shared::Shared;
use crate::users::User;

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// Time in which a token is kept whose last connection is closed.
const ORPHAN_TIME: Duration = Duration::from_secs(60);

/// Maximum number of open connections that use a session.
const CONNECTIONS_MAX: usize = 32;

/// Maximum number of calls of a session at a time: those that send the rows of its statements, and
/// as many others.
const CALLS_MAX: usize = 2 * RUNNING_MAX;

/// Connection that is open as long as this lives.
pub(super) struct OpenConnection;

/// Session of a client.
pub(super) struct FlightSession {
    pub(super) session: Session,
    pub(super) admission: Arc<Admission>,
    /// Name of the user.
    pub(super) user: String,
    /// Place among the sessions of the server, which what cannot be stopped keeps too.
    pub(super) permit: Arc<OwnedSemaphorePermit>,
    kept: Mutex<Kept>,
    closed: watch::Sender<bool>,
    /// Permits of its calls.
    calls: Arc<Semaphore>,
    used: Mutex<Used>,
    _counted: Counted,
}

/// Time of the last use of a session, and the connections that use it.
struct Used {
    at: Instant,
    connections: Vec<Weak<OpenConnection>>,
}

/// Sessions by the hashes of their tokens: no time of a search tells of a token.
pub(super) struct Sessions {
    shared: Arc<Shared>,
    tokens: Mutex<HashMap<[u8; 32], Arc<FlightSession>>>,
    /// All that are open, also those of connections.
    all: Mutex<Vec<Weak<FlightSession>>>,
}

impl FlightSession {
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        lock(&self.kept)
    }

    /// Notes that a connection uses the session.
    ///
    /// # Errors
    ///
    /// A report if too many others do.
    pub(super) fn join(&self, connection: &Arc<OpenConnection>) -> Result<(), Report> {
        let own = Arc::downgrade(connection);
        let mut used = lock(&self.used);
        used.connections.retain(|other| other.strong_count() > 0);
        if !used.connections.iter().any(|other| other.ptr_eq(&own)) {
            if used.connections.len() >= CONNECTIONS_MAX {
                let message = format!(
                    "expected at most {CONNECTIONS_MAX} connections of a session at a time, found \
                     more; close others"
                );
                return Err(Report::error(TOO_MANY_CONNECTIONS, message));
            }
            used.connections.push(own);
        }
        used.at = Instant::now();
        Ok(())
    }

    /// Notes that the session is used.
    pub(super) fn note_use(&self) {
        lock(&self.used).at = Instant::now();
    }

    /// Returns a place for a call.
    ///
    /// # Errors
    ///
    /// A report if there are too many.
    pub(super) fn call(&self) -> Result<OwnedSemaphorePermit, Report> {
        let permit = Arc::clone(&self.calls).try_acquire_owned();
        permit.map_err(|_| {
            let message = format!(
                "expected at most {CALLS_MAX} calls of a session at a time, found more; wait for \
                 the end of others"
            );
            Report::error(TOO_MANY_CONNECTIONS, message)
        })
    }

    /// Waits until the session is closed.
    pub(super) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        let _ = closed.wait_for(|is_closed| *is_closed).await;
    }

    /// Ends what the session runs and keeps.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        let kept = std::mem::take(&mut *self.kept());
        drop(kept);
        self.session.cancel();
    }

    /// Returns the time since the last use, and whether the connections are gone that used it.
    pub(super) fn idle(&self) -> (Duration, bool) {
        let used = lock(&self.used);
        let mut open = used.connections.iter().map(Weak::strong_count);
        (used.at.elapsed(), open.all(|count| count == 0))
    }
}

impl Sessions {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            tokens: Mutex::default(),
            all: Mutex::default(),
        }
    }

    /// Opens a session of a user.
    ///
    /// # Errors
    ///
    /// A report if there are too many.
    pub(super) fn open(
        &self,
        user: &User,
        name: String,
        connection: &Arc<OpenConnection>,
    ) -> Result<Arc<FlightSession>, Report> {
        let permit = self.permit()?;
        let (session, admission) = match Admission::open(&self.shared, user, &name) {
            Err(report) if report.code == TOO_MANY_CONNECTIONS => {
                self.evict(Some(&name));
                Admission::open(&self.shared, user, &name)?
            }
            opened => opened?,
        };
        let session = Arc::new(FlightSession {
            session,
            admission,
            user: name,
            permit: Arc::new(permit),
            kept: Mutex::default(),
            closed: watch::channel(false).0,
            calls: Arc::new(Semaphore::new(CALLS_MAX)),
            used: Mutex::new(Used {
                at: Instant::now(),
                connections: vec![Arc::downgrade(connection)],
            }),
            _counted: Counted::new(&self.shared.metrics.flight_sessions),
        });
        lock(&self.all).push(Arc::downgrade(&session));
        Ok(session)
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Report> {
        let acquire = || Arc::clone(&self.shared.sessions).try_acquire_owned();
        if let Ok(permit) = acquire() {
            return Ok(permit);
        }
        self.evict(None);
        acquire().map_err(|_| {
            self.shared.metrics.refused.inc();
            Report::error(TOO_MANY_CONNECTIONS, "too many clients already")
        })
    }

    /// Closes the session, of a user if one is stated, that was not used for longest and whose
    /// connection is gone.
    fn evict(&self, user: Option<&str>) {
        let mut tokens = lock(&self.tokens);
        let idle = tokens.iter().filter(|(_, session)| {
            is_unused(session) && user.is_none_or(|user| session.user == user)
        });
        let orphans = idle.filter(|(_, session)| session.idle().1);
        let oldest = orphans.max_by_key(|(_, session)| session.idle().0);
        let oldest = oldest.map(|(token, _)| *token);
        let evicted = oldest.and_then(|token| tokens.remove(&token));
        drop(tokens);
        close_all(evicted);
    }

    /// Keeps a session under a new token, and returns the token.
    pub(super) fn keep(&self, session: Arc<FlightSession>) -> String {
        let token = BASE64.encode(random::<TOKEN_BYTES>());
        lock(&self.tokens).insert(hash(&token), session);
        token
    }

    /// Returns the session of a token.
    pub(super) fn find(&self, token: &str) -> Option<Arc<FlightSession>> {
        lock(&self.tokens).get(&hash(token)).cloned()
    }

    /// Closes a session, and forgets its token.
    pub(super) fn close(&self, session: &Arc<FlightSession>) {
        lock(&self.tokens).retain(|_, other| !Arc::ptr_eq(session, other));
        session.close();
    }

    /// Closes sessions that were not used for long, and forgets in the others what was not.
    pub(super) fn sweep(&self) {
        let config = &self.shared.config;
        let token_timeout = config.token_timeout();
        let idle_timeout = config.idle_timeout().unwrap_or(token_timeout);
        let timeout = token_timeout.min(idle_timeout);
        let mut tokens = lock(&self.tokens);
        let expired = tokens.extract_if(|_, session| {
            let (idle, is_orphan) = session.idle();
            let timeout = match is_orphan {
                true => timeout.min(ORPHAN_TIME),
                false => timeout,
            };
            is_unused(session) && idle > timeout
        });
        let expired: Vec<_> = expired.map(|(_, session)| session).collect();
        drop(tokens);
        close_all(expired);
        let mut all = lock(&self.all);
        all.retain(|session| session.strong_count() > 0);
        let open: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
        drop(all);
        for session in open {
            session.sweep(config.write_timeout(), token_timeout);
        }
    }

    /// Forgets all tokens. Sessions that run statements go on until these end.
    pub(super) fn clear(&self) {
        let sessions = std::mem::take(&mut *lock(&self.tokens));
        sessions.into_values().for_each(retire);
    }
}

impl FlightSession {
    /// Forgets results that were not fetched in time, and statements that were not used for long.
    pub(super) fn sweep(&self, result_timeout: Duration, statement_timeout: Duration) {
        let expired = self.kept().expired(result_timeout, statement_timeout);
        drop(expired);
    }
}

/// Returns true if no request and no stream of rows holds the session.
pub(super) fn is_unused(session: &Arc<FlightSession>) -> bool {
    Arc::strong_count(session) == 1
}

/// Closes a session that is not used, and forgets the results of another that wait: what it runs
/// goes on.
pub(super) fn retire(session: Arc<FlightSession>) {
    match is_unused(&session) {
        true => session.close(),
        false => {
            let waiting = session.kept().take_waiting();
            drop(waiting);
        }
    }
}

/// Closes sessions outside of all locks.
fn close_all(sessions: impl IntoIterator<Item = Arc<FlightSession>>) {
    for session in sessions {
        session.close();
    }
}

fn hash(token: &str) -> [u8; 32] {
    let digest = digest(&SHA256, token.as_bytes());
    std::array::from_fn(|index| digest.as_ref()[index])
}
