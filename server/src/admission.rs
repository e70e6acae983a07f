//! Sessions of users: their places, and what is asked before each statement.

use std::sync::Arc;

use datafusion::execution::memory_pool::MemoryPool;
use fusebox::{Error, Session};

use crate::execution::Planning;
use crate::quotas::{Load, Place, QueryPlace, UserLoad};
use crate::report::{INVALID_AUTHORIZATION, QUOTA_EXCEEDED, Report, TOO_MANY_CONNECTIONS};
use crate::shared::Shared;
use crate::users::{User, UserKind};

/// Session of a user, as far as quotas and the audit are concerned.
pub(crate) struct Admission {
    shared: Arc<Shared>,
    kind: UserKind,
    /// Name that was verified.
    user: Option<String>,
    load: Option<Arc<UserLoad>>,
    _place: Option<Place>,
}

impl Admission {
    /// Opens a session of a user who has logged in.
    ///
    /// # Errors
    ///
    /// A report of too many sessions of the user, or of limits that exceed those of the engine.
    pub(crate) fn open(
        shared: &Arc<Shared>,
        user: &User,
        name: &str,
    ) -> Result<(Session, Arc<Self>), Report> {
        let is_of_catalog = user.kind == UserKind::OfCatalog;
        let load = is_of_catalog.then(|| shared.loads.of(name, &shared.memory_pool));
        let place = match &load {
            Some(load) => {
                let place = load.take(Load::Sessions, user.quotas.sessions);
                Some(place.ok_or_else(|| {
                    let message = format!("too many connections for role \"{name}\"");
                    Report::fatal(TOO_MANY_CONNECTIONS, message)
                })?)
            }
            None => None,
        };
        let pool: Arc<dyn MemoryPool> = match &load {
            Some(load) => {
                load.set_memory_max(user.quotas.memory_bytes);
                load.pool()
            }
            None => Arc::clone(&shared.memory_pool),
        };
        let mut session = shared
            .engine
            .session()
            .privileges(user.privileges.clone())
            .memory_pool(pool);
        session = match user.kind {
            UserKind::OfCatalog => session.user(name),
            UserKind::Configured => session.audit_name(name),
            UserKind::Everyone => session,
        };
        if let Some(timeout) = user.statement_timeout {
            session = session.statement_timeout(timeout);
        }
        let admission = Self {
            shared: Arc::clone(shared),
            kind: user.kind,
            user: (user.kind != UserKind::Everyone).then(|| name.to_owned()),
            load,
            _place: place,
        };
        Ok((session.build()?, Arc::new(admission)))
    }

    /// Makes a plan ask for the user's rights first, and returns the place of its query.
    pub(crate) fn admitted(
        self: &Arc<Self>,
        session: &Session,
        planning: Planning,
    ) -> (Planning, QueryPlace) {
        let place = QueryPlace::default();
        let (admission, session, taken) = (Arc::clone(self), session.clone(), place.clone());
        let admitted = async move {
            let entered = admission.enter(&session)?;
            taken.take(entered);
            planning.await
        };
        (Box::pin(admitted), place)
    }

    /// Checks that the user may still have a session. May read a file.
    pub(crate) fn check(&self, session: &Session) -> Result<(), Report> {
        session.refresh_user()?;
        match self.kind {
            UserKind::Everyone => self.check_trust(),
            UserKind::Configured | UserKind::OfCatalog => Ok(()),
        }
    }

    /// Checks the user and takes a place for a query. May read a file.
    pub(crate) fn enter(&self, session: &Session) -> Result<Option<Place>, Report> {
        self.check(session)?;
        let Some(load) = &self.load else {
            return Ok(None);
        };
        let quotas = session.user_quotas();
        load.set_memory_max(quotas.memory_bytes);
        let place = load.take(Load::Queries, quotas.queries);
        let max = quotas.queries.unwrap_or_default();
        Ok(Some(place.ok_or_else(|| {
            let message =
                format!("expected at most {max} queries of the user at a time, found more");
            let report = Report::error(QUOTA_EXCEEDED, message);
            report.with_hint(
                "wait for another to end, or a superuser can raise fusebox.quota.queries",
            )
        })?))
    }

    /// Refuses a session without a password once there are users.
    fn check_trust(&self) -> Result<(), Report> {
        let contents = self.shared.engine.catalog().contents();
        let contents = contents.map_err(|error| Error::Catalog(error.to_string()))?;
        if !contents.access().has_users() {
            return Ok(());
        }
        let message =
            "expected a user with a password, since the catalog has users now, found none";
        let report = Report::error(INVALID_AUTHORIZATION, message);
        Err(report.with_hint("connect again as one of them"))
    }

    /// Notes a statement that was stopped.
    pub(crate) fn stopped(&self, report: &Report) {
        self.shared.audit.stopped(self.user.as_deref(), report);
    }
}
