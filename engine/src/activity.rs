//! Activity of a catalog's sessions: their statements, and the statistics of their calls.
//!
//! Sessions of one catalog see each other's activity, and those of another catalog nothing of
//! it: each catalog has its own numbers of sessions and its own sums.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use fusebox_runtime::StatisticsRegistry;

/// Activity of the sessions of an engine that share a catalog.
#[derive(Debug, Default)]
pub(crate) struct CatalogActivity {
    statistics: Arc<StatisticsRegistry>,
    sessions: Mutex<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions {
    begun: u64,
    all: Vec<Weak<SessionActivity>>,
}

/// Activity of one session.
#[derive(Debug)]
pub(crate) struct SessionActivity {
    catalog: Arc<CatalogActivity>,
    id: u64,
    started: SystemTime,
    statements: Mutex<Statements>,
}

#[derive(Debug, Default)]
struct Statements {
    begun: u64,
    /// Times at which the statements that have not ended began, by their number.
    open: BTreeMap<u64, SystemTime>,
}

/// State of a session at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionState {
    /// Number of the session among those of its catalog, from 1.
    pub(crate) id: u64,
    pub(crate) started: SystemTime,
    /// Number of statements that have begun.
    pub(crate) statements: u64,
    /// Time at which the oldest statement that has not ended began.
    pub(crate) active_since: Option<SystemTime>,
}

impl CatalogActivity {
    /// Returns the statistics of the functions that are not temporary.
    pub(crate) fn statistics(&self) -> &Arc<StatisticsRegistry> {
        &self.statistics
    }

    /// Adds a session, until it is dropped.
    pub(crate) fn begin_session(self: &Arc<Self>) -> Arc<SessionActivity> {
        let mut sessions = lock(&self.sessions);
        sessions.begun += 1;
        let session = Arc::new(SessionActivity {
            catalog: Arc::clone(self),
            id: sessions.begun,
            started: SystemTime::now(),
            statements: Mutex::default(),
        });
        // Swept when there is no free slot, so that an addition takes constant time on average.
        if sessions.all.len() == sessions.all.capacity() {
            sessions.all.retain(|session| session.strong_count() > 0);
        }
        sessions.all.push(Arc::downgrade(&session));
        session
    }

    /// Returns the states of all sessions, in the order in which they began.
    pub(crate) fn sessions(&self) -> Vec<SessionState> {
        let sessions: Vec<_> = lock(&self.sessions).all.clone();
        let live = sessions.iter().filter_map(Weak::upgrade);
        live.map(|session| session.state()).collect()
    }
}

impl SessionActivity {
    /// Returns the activity of the session's catalog.
    pub(crate) fn catalog(&self) -> &Arc<CatalogActivity> {
        &self.catalog
    }

    /// Returns the number of the session among those of its catalog, from 1.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Notes a statement that begins.
    pub(crate) fn begin_statement(self: &Arc<Self>) -> Arc<OpenStatement> {
        let mut statements = lock(&self.statements);
        statements.begun += 1;
        let number = statements.begun;
        statements.open.insert(number, SystemTime::now());
        Arc::new(OpenStatement {
            session: Arc::clone(self),
            number,
        })
    }

    fn state(&self) -> SessionState {
        let statements = lock(&self.statements);
        SessionState {
            id: self.id,
            started: self.started,
            statements: statements.begun,
            active_since: statements.open.values().next().copied(),
        }
    }
}

/// Statement that has begun; it ends when the last holder drops it, which is the plan of a
/// query.
#[derive(Debug)]
pub(crate) struct OpenStatement {
    session: Arc<SessionActivity>,
    number: u64,
}

impl Drop for OpenStatement {
    fn drop(&mut self) {
        lock(&self.session.statements).open.remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_is_active_while_a_statement_is_held() {
        let catalog = Arc::new(CatalogActivity::default());
        let [one, other] = [(); 2].map(|()| catalog.begin_session());
        assert_eq!([one.id(), other.id()], [1, 2]);
        let first = one.begin_statement();
        let second = one.begin_statement();
        drop(first);
        let [state, idle] = catalog.sessions()[..] else {
            unreachable!("there are two sessions");
        };
        assert_eq!((state.id, state.statements), (1, 2));
        assert!(state.active_since.is_some() && idle.active_since.is_none());
        drop(second);
        assert!(catalog.sessions()[0].active_since.is_none());
        drop(one);
        assert_eq!(catalog.sessions().len(), 1);
    }
}
