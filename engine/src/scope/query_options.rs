//! The scope of a query among its options.
//!
//! The session puts it among the options with which it plans a statement, as an extension
//! without entries: it is not displayed, and plans compare equal whatever their query. A
//! context that is not a session's has none.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;
use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryPool;
use fusebox_runtime::{Cancellation, Error, Notices, Scope};

use super::memory::PoolBroker;
use super::timeout::Deadline;
use crate::activity::OpenStatement;
use crate::memory_tables::{CollectedRows, MemoryTables};
use crate::settings::Settings;

/// Token that cancels the queries of a session that began since it was last cancelled.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionCancellation {
    current: Arc<Mutex<Cancellation>>,
    /// True for a part of a session, which ends when it is cancelled.
    is_part: bool,
}

impl SessionCancellation {
    /// Creates the token of a query that begins now.
    pub(crate) fn query(&self) -> Cancellation {
        let current = self.current.lock();
        current.unwrap_or_else(PoisonError::into_inner).child()
    }

    /// Creates the token of a part of the session that begins now: it is cancelled with the
    /// session, or alone.
    pub(crate) fn part(&self) -> Self {
        Self {
            current: Arc::new(Mutex::new(self.query())),
            is_part: true,
        }
    }

    /// Cancels all queries that have begun, and none that begins later, unless it is in a part.
    pub(crate) fn cancel(&self) {
        let current = self.current.lock();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        match self.is_part {
            true => current.cancel(),
            false => std::mem::take(&mut *current).cancel(),
        }
    }
}

/// Cancels a token when dropped.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(pub(crate) Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Scope of a query, for functions that are evaluated outside of a scope node.
#[derive(Clone, Debug)]
pub(crate) struct QueryScope {
    scope: Arc<Scope>,
    deadline: Option<Deadline>,
    /// Ends with the query.
    _statement: Option<Arc<OpenStatement>>,
    kept_rows: Option<KeptRows>,
}

/// Rows that a statement puts into a table in memory.
#[derive(Clone, Debug)]
pub(crate) struct KeptRows {
    /// Name of the table.
    pub(crate) table: String,
    /// Rows of the plan, until the table has them; `None` if the plan inserts rows.
    pub(crate) collected: Option<Arc<CollectedRows>>,
    /// Table of rows that are inserted.
    pub(crate) target: Option<Arc<dyn TableProvider>>,
    /// Tables that share a limit.
    pub(crate) tables: Arc<MemoryTables>,
}

impl QueryScope {
    /// Creates the scope of a query that begins now, charged to `memory_pool`. Rows that fail and
    /// are null are counted in `notices`.
    pub(crate) fn new(
        cancellation: Cancellation,
        memory_pool: Arc<dyn MemoryPool>,
        settings: Settings,
        notices: &Arc<Notices>,
    ) -> Self {
        let memory = Arc::new(PoolBroker(memory_pool));
        let scope = Scope::new(cancellation, memory)
            .with_batch_bytes_max(settings.batch_bytes_max)
            .with_reuse(settings.reuse)
            .with_notices(Arc::clone(notices))
            .with_timestamp(Utc::now().timestamp_nanos_opt().unwrap_or(Scope::TIMESTAMP));
        Self {
            scope: Arc::new(scope),
            deadline: None,
            _statement: None,
            kept_rows: None,
        }
    }

    /// Sets the statement that ends with the query.
    pub(crate) fn with_statement(mut self, statement: Arc<OpenStatement>) -> Self {
        self._statement = Some(statement);
        self
    }

    /// Sets the deadline at which the whole statement ends.
    pub(crate) fn with_deadline(mut self, deadline: Option<Deadline>) -> Self {
        self.deadline = deadline;
        self
    }

    /// Finds the deadline among the options of a query.
    pub(crate) fn deadline(options: &ConfigOptions) -> Option<Deadline> {
        let found: &Self = options.extensions.get()?;
        found.deadline
    }

    /// States that the query of these options puts rows into a table in memory, or none.
    pub(crate) fn set_kept_rows(options: &mut ConfigOptions, rows: Option<KeptRows>) {
        if let Some(found) = options.extensions.get_mut::<Self>() {
            found.kept_rows = rows;
        }
    }

    /// Finds the rows that the query of these options puts into a table in memory.
    pub(crate) fn kept_rows(options: &ConfigOptions) -> Option<&KeptRows> {
        let found: &Self = options.extensions.get()?;
        found.kept_rows.as_ref()
    }

    /// Returns the time at which the query began.
    pub(crate) fn began(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(self.scope.timestamp())
    }

    /// Returns the scope.
    pub(crate) fn into_scope(self) -> Arc<Scope> {
        self.scope
    }

    /// Puts the scope among the options with which the query is planned.
    pub(crate) fn enter(self, options: &mut ConfigOptions) {
        options.extensions.insert(self);
    }

    /// Finds the scope among the options of a query, and makes a sibling of it: partitions are
    /// evaluated on several threads, and none may see what another did before.
    pub(crate) fn find(options: &ConfigOptions) -> Option<Arc<Scope>> {
        let found: &Self = options.extensions.get()?;
        Some(Arc::new(found.scope.sibling()))
    }

    /// Returns true if the options are those of a query.
    pub(crate) fn is_in(options: &ConfigOptions) -> bool {
        options.extensions.get::<Self>().is_some()
    }

    /// Checks that the query of these options goes on.
    ///
    /// # Errors
    ///
    /// [`Error::StatementTimeout`] after its deadline, and [`Error::Cancelled`] if it was cancelled.
    pub(crate) fn check(options: &ConfigOptions) -> Result<()> {
        let Some(found) = options.extensions.get::<Self>() else {
            return Ok(());
        };
        match (found.scope.is_cancelled(), found.deadline) {
            (false, _) => Ok(()),
            (true, Some(deadline)) if Instant::now() >= deadline.at() => {
                Err(DataFusionError::External(Box::new(deadline.error())))
            }
            (true, _) => Err(DataFusionError::External(Box::new(Error::Cancelled))),
        }
    }

    /// As [`find`](Self::find), for a part of the query that ends earlier.
    pub(crate) fn part(options: &ConfigOptions) -> Option<Arc<Scope>> {
        let found: &Self = options.extensions.get()?;
        Some(Arc::new(found.scope.part()))
    }
}

impl ConfigExtension for QueryScope {
    const PREFIX: &'static str = "fusebox_query";
}

impl ExtensionOptions for QueryScope {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    /// Copied options belong to the same query.
    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        let message = format!("there is no option \"fusebox_query.{key}\"");
        Err(DataFusionError::Configuration(message))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::UnboundedMemoryPool;

    use super::*;

    fn scope(session: &SessionCancellation) -> QueryScope {
        let pool = Arc::new(UnboundedMemoryPool::default());
        QueryScope::new(session.query(), pool, Settings::default(), &Arc::default())
    }

    #[test]
    fn copied_options_belong_to_the_same_query() {
        let session = SessionCancellation::default();
        let mut options = ConfigOptions::new();
        assert!(QueryScope::find(&options).is_none());
        scope(&session).enter(&mut options);
        let copy = options.clone();
        session.cancel();
        assert!(QueryScope::find(&copy).unwrap().is_cancelled());
        scope(&session).enter(&mut options);
        assert!(!QueryScope::find(&options).unwrap().is_cancelled());
    }

    #[test]
    fn part_of_a_session_is_cancelled_alone_or_with_it() {
        let session = SessionCancellation::default();
        let (one, other) = (session.part(), session.part());
        let (of_one, of_other) = (one.query(), other.query());
        one.cancel();
        assert!(of_one.is_cancelled() && one.query().is_cancelled());
        assert!(!of_other.is_cancelled() && !session.query().is_cancelled());
        session.cancel();
        assert!(of_other.is_cancelled() && other.query().is_cancelled());
        assert!(!session.query().is_cancelled());
    }

    #[test]
    fn scope_is_not_displayed_among_the_options() {
        let mut options = ConfigOptions::new();
        let before = options.entries().len();
        scope(&SessionCancellation::default()).enter(&mut options);
        assert_eq!(options.entries().len(), before);
        assert!(options.set("fusebox_query.id", "1").is_err());
    }
}
