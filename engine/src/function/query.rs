//! The query that a function runs in, which DataFusion does not tell it.
//!
//! A scalar function sees its arguments and the session's options. So the
//! session puts the query among the options with which it plans a statement,
//! as an extension that has no entries: nothing else sees it, and two plans are
//! equal whichever query they belong to. In a plain `SessionContext` there is
//! none.

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

use crate::sandbox::{Account, Cancellation};

/// What stops the queries of a session that begin now.
///
/// An aggregate or a window function is not told which query it runs in. It
/// begins to run when its query does, and takes what stops the queries that
/// begin at that time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Current(Arc<Mutex<Cancellation>>);

impl Current {
    pub(crate) fn cancellation(&self) -> Cancellation {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Stops all queries that have begun, and none that begins later.
    pub(crate) fn cancel(&self) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *current).cancel();
    }
}

/// One query of a session.
pub(crate) struct QueryContext {
    /// Tells it from the other queries of this process.
    id: u64,
    cancellation: Cancellation,
    memory_pool: Arc<dyn MemoryPool>,
}

impl QueryContext {
    /// A new query, which `cancellation` stops and `memory_pool` pays for.
    pub(crate) fn new(cancellation: Cancellation, memory_pool: Arc<dyn MemoryPool>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            cancellation,
            memory_pool,
        }
    }

    /// Puts the query among the options with which it is planned.
    pub(crate) fn enter(self, options: &mut ConfigOptions) {
        options.extensions.insert(Extension(Arc::new(self)));
    }

    /// The query that these are the options of.
    pub(crate) fn of(options: &ConfigOptions) -> Option<Arc<Self>> {
        let extension: &Extension = options.extensions.get()?;
        Some(Arc::clone(&extension.0))
    }

    /// Opens an account with the memory pool, for one call of a function.
    pub(crate) fn account(&self, function: &str) -> Box<dyn Account> {
        let consumer = MemoryConsumer::new(format!("wasm {function}"));
        Box::new(Reservation(consumer.register(&self.memory_pool)))
    }

    /// Whether the query is to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// What stops the query.
    pub(crate) fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }
}

impl fmt::Debug for QueryContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryContext")
            .field("id", &self.id)
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

struct Reservation(MemoryReservation);

impl Account for Reservation {
    fn charge(&self, bytes: usize) -> bool {
        self.0.try_grow(bytes).is_ok()
    }
}

#[derive(Clone, Debug)]
struct Extension(Arc<QueryContext>);

impl ConfigExtension for Extension {
    const PREFIX: &'static str = "fusebox";
}

impl ExtensionOptions for Extension {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    /// Options that are copied still belong to the query.
    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        let message = format!("there is no option \"fusebox.{key}\"");
        Err(DataFusionError::Configuration(message))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    fn query(cancellation: &Cancellation) -> QueryContext {
        let memory_pool = Arc::new(GreedyMemoryPool::new(100));
        QueryContext::new(cancellation.clone(), memory_pool)
    }

    #[test]
    fn copied_options_belong_to_the_same_query() {
        let cancellation = Cancellation::default();
        let mut options = ConfigOptions::new();
        assert!(QueryContext::of(&options).is_none());
        query(&cancellation).enter(&mut options);
        let copy = options.clone();
        cancellation.cancel();
        assert!(QueryContext::of(&copy).unwrap().is_cancelled());
    }

    #[test]
    fn nobody_sees_the_query_among_the_options() {
        let mut options = ConfigOptions::new();
        let before = options.entries().len();
        query(&Cancellation::default()).enter(&mut options);
        assert_eq!(options.entries().len(), before);
        assert!(options.set("fusebox.id", "1").is_err());
    }

    #[test]
    fn account_is_charged_up_to_the_pool_and_gives_all_back() {
        let query = query(&Cancellation::default());
        let account = query.account("f");
        assert!(account.charge(60));
        assert!(!account.charge(41));
        assert!(account.charge(40));
        assert_eq!(query.memory_pool.reserved(), 100);
        drop(account);
        assert_eq!(query.memory_pool.reserved(), 0);
    }
}
