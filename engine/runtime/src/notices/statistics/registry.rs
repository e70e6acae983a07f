//! Sums of the functions of a session, and the counts of one execution.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fusebox_definition::{Definition, FunctionKey};

use super::FunctionStatistics;
use crate::error::Error;
use crate::notices::FailureCause;

/// Statistics of the functions of a session, or of all sessions of a catalog.
///
/// A function is known by name and argument types: one that is altered or replaced keeps its
/// sums, and one that is dropped and created again does not.
#[derive(Default)]
pub struct StatisticsRegistry {
    functions: Mutex<Functions>,
    /// Statistics of the functions that are not temporary, of a session.
    shared: Option<Arc<Self>>,
}

#[derive(Default)]
struct Functions {
    sums: BTreeMap<FunctionKey, Sums>,
    /// Version of the catalog by which functions were last forgotten.
    version: u64,
}

type Sums = Arc<Mutex<FunctionStatistics>>;

impl StatisticsRegistry {
    /// Creates the statistics of a session, whose temporary functions have their own, and
    /// the others those of `shared`.
    pub fn of_session(shared: Arc<Self>) -> Self {
        Self {
            functions: Mutex::default(),
            shared: Some(shared),
        }
    }

    /// Returns the sums of a function so far; zeros if it was never called.
    pub fn get(&self, definition: &Definition) -> FunctionStatistics {
        let functions = &self.of(definition).functions;
        let found = lock(functions).sums.get(&definition.key()).cloned();
        found.map(|sums| *lock(&sums)).unwrap_or_default()
    }

    /// Forgets functions of this registry that `exists` denies, those that are shared apart.
    /// Ignored if it was called for a later `version` of the catalog before.
    pub fn retain(&self, version: u64, exists: impl Fn(&FunctionKey) -> bool) {
        let mut functions = lock(&self.functions);
        if version >= functions.version {
            functions.version = version;
            functions.sums.retain(|key, _| exists(key));
        }
    }

    fn of(&self, definition: &Definition) -> &Self {
        match &self.shared {
            Some(shared) if !definition.temporary => shared,
            _ => self,
        }
    }

    fn sums(&self, definition: &Definition) -> Sums {
        let mut functions = lock(&self.of(definition).functions);
        Arc::clone(functions.sums.entry(definition.key()).or_default())
    }
}

impl fmt::Debug for StatisticsRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatisticsRegistry").finish_non_exhaustive()
    }
}

/// Guest time that an execution keeps to itself at most: the sums of a long query are seen
/// while it runs.
const PENDING_TIME_MAX: Duration = Duration::from_millis(10);

/// Statistics of one function in one execution.
///
/// Partitions that run at the same time each count for themselves: the lock of the session's
/// sums is taken when an execution ends, after an error, and after some guest time.
pub(crate) struct CallStatistics {
    counts: Mutex<Counts>,
    /// Sums of the session.
    sums: Option<Sums>,
}

#[derive(Default)]
struct Counts {
    all: FunctionStatistics,
    /// Part of `all` that was not added to the sums yet.
    pending: FunctionStatistics,
}

impl CallStatistics {
    /// Creates the statistics of a function, to be added to those of `registry`.
    pub(crate) fn new(registry: Option<&StatisticsRegistry>, definition: &Definition) -> Self {
        Self {
            counts: Mutex::default(),
            sums: registry.map(|registry| registry.sums(definition)),
        }
    }

    /// Returns the sums of this execution.
    pub(crate) fn get(&self) -> FunctionStatistics {
        lock(&self.counts).all
    }

    /// Adds a call.
    pub(crate) fn add(&self, call: &FunctionStatistics) {
        let mut counts = lock(&self.counts);
        counts.all.add(call);
        counts.pending.add(call);
        if counts.pending.guest_time >= PENDING_TIME_MAX {
            self.flush(&mut counts);
        }
    }

    /// Counts a call that is repeated.
    pub(crate) fn count_retry(&self) {
        self.add(&FunctionStatistics {
            retries: 1,
            ..FunctionStatistics::default()
        });
    }

    /// Counts rows that were not asked since an equal row was.
    pub(crate) fn count_reused(&self, rows: usize) {
        if rows > 0 {
            self.add(&FunctionStatistics {
                reused_rows: rows as u64,
                ..FunctionStatistics::default()
            });
        }
    }

    /// Counts a row that failed and is null.
    pub(crate) fn count_failed_row(&self, cause: FailureCause) {
        let mut call = FunctionStatistics {
            failed_rows: 1,
            ..FunctionStatistics::default()
        };
        *call.failures.of_cause(cause) = 1;
        self.add(&call);
    }

    /// Counts an error that ends a query.
    pub(crate) fn count_error(&self, error: &Error) {
        let mut call = FunctionStatistics::default();
        if let Some(count) = call.failures.of_error(error) {
            *count = 1;
            self.add(&call);
            // The execution may end after its statement.
            self.flush(&mut lock(&self.counts));
        }
    }

    fn flush(&self, counts: &mut Counts) {
        let pending = std::mem::take(&mut counts.pending);
        if let Some(sums) = &self.sums {
            lock(sums).add(&pending);
        }
    }
}

impl Drop for CallStatistics {
    fn drop(&mut self) {
        self.flush(&mut lock(&self.counts));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use fusebox_definition::{Digest, Signature};

    use super::*;
    use crate::error::LimitExceeded;

    fn function(name: &str, temporary: bool) -> Definition {
        let signature = Signature {
            arguments: Vec::new(),
            returns: arrow_schema::DataType::Int64,
        };
        let mut definition = Definition::new(name.to_owned(), signature, Digest::of(b""));
        definition.temporary = temporary;
        definition
    }

    fn call(guest_millis: u64) -> FunctionStatistics {
        FunctionStatistics {
            calls: 1,
            rows: 5,
            guest_time: Duration::from_millis(guest_millis),
            memory_bytes_max: guest_millis,
            ..FunctionStatistics::default()
        }
    }

    #[test]
    fn execution_adds_to_the_sums_after_some_time_and_when_it_ends() {
        let registry = StatisticsRegistry::default();
        let f = function("f", false);
        let execution = CallStatistics::new(Some(&registry), &f);
        execution.add(&call(9));
        assert_eq!(registry.get(&f).calls, 0);
        execution.add(&call(1));
        assert_eq!(registry.get(&f).calls, 2);
        execution.add(&call(2));
        assert_eq!((registry.get(&f).calls, execution.get().calls), (2, 3));
        drop(execution);
        let sums = registry.get(&f);
        assert_eq!((sums.calls, sums.rows), (3, 15));
        assert_eq!(sums.guest_time, Duration::from_millis(12));
        assert_eq!(sums.memory_bytes_max, 9);
    }

    #[test]
    fn error_is_added_to_the_sums_at_once() {
        let registry = StatisticsRegistry::default();
        let f = function("f", false);
        let execution = CallStatistics::new(Some(&registry), &f);
        execution.add(&call(1));
        execution.count_error(&Error::Cancelled);
        let sums = registry.get(&f);
        assert_eq!((sums.calls, sums.failures.cancelled), (1, 1));
    }

    #[test]
    fn failures_are_counted_by_cause() {
        let registry = StatisticsRegistry::default();
        let f = function("f", false);
        let execution = CallStatistics::new(Some(&registry), &f);
        execution.count_failed_row(FailureCause::Trap);
        execution.count_error(&Error::Cancelled);
        execution.count_error(&Error::Limit {
            function: "f".to_owned(),
            limit: LimitExceeded::MemoryPool { bytes: 1 },
            created_with: None,
        });
        execution.count_error(&Error::Internal("not of a call".to_owned()));
        drop(execution);
        let sums = registry.get(&f);
        assert_eq!(sums.failures.all(), [0, 0, 1, 0, 0, 1, 1]);
        assert_eq!(sums.failed_rows, 1);
    }

    #[test]
    fn sessions_share_the_sums_of_functions_that_are_not_temporary() {
        let shared = Arc::new(StatisticsRegistry::default());
        let [one, other] = [(); 2].map(|()| StatisticsRegistry::of_session(Arc::clone(&shared)));
        for temporary in [false, true] {
            let f = function("f", temporary);
            CallStatistics::new(Some(&one), &f).add(&call(1));
            let seen = u64::from(!temporary);
            assert_eq!((one.get(&f).calls, other.get(&f).calls), (1, seen));
        }
    }

    #[test]
    fn dropped_functions_are_forgotten_unless_the_version_is_old() {
        let registry = StatisticsRegistry::default();
        let [f, g] = ["f", "g"].map(|name| function(name, false));
        let add = |f| CallStatistics::new(Some(&registry), f).add(&call(1));
        [&f, &g].into_iter().for_each(add);
        registry.retain(2, |key| key.name == "f");
        assert_eq!([&f, &g].map(|f| registry.get(f).calls), [1, 0]);
        registry.retain(1, |_| false);
        assert_eq!(registry.get(&f).calls, 1);
    }
}
