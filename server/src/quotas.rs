//! Quotas of users: sessions, queries that run, and their memory.

// The memory of a user's queries.
mod user_pool;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use datafusion::execution::memory_pool::MemoryPool;

use user_pool::UserPool;

/// Loads of the users of the catalog who have sessions.
#[derive(Default)]
pub(crate) struct Loads(Mutex<HashMap<String, Weak<UserLoad>>>);

/// Load of one user.
#[derive(Debug)]
pub(crate) struct UserLoad {
    sessions: AtomicU64,
    queries: AtomicU64,
    pool: Arc<UserPool>,
}

/// Kind of a load that is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    Sessions,
    Queries,
}

/// One that is counted, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    user: Arc<UserLoad>,
    load: Load,
}

/// Place of a query among those of its user: taken when it begins, and held by its execution until
/// that ends, also after its client has left.
#[derive(Clone, Default)]
pub(crate) struct QueryPlace(Arc<Mutex<Option<Place>>>);

impl QueryPlace {
    pub(crate) fn take(&self, place: Option<Place>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

impl Loads {
    /// Returns the load of a user, whose memory is a part of a pool.
    pub(crate) fn of(&self, name: &str, pool: &Arc<dyn MemoryPool>) -> Arc<UserLoad> {
        let mut loads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = loads.get(name).and_then(Weak::upgrade) {
            return load;
        }
        // Swept when there is no free slot, so that an addition takes constant time on average.
        if loads.len() == loads.capacity() {
            loads.retain(|_, load| load.strong_count() > 0);
        }
        let load = Arc::new(UserLoad {
            sessions: AtomicU64::new(0),
            queries: AtomicU64::new(0),
            pool: Arc::new(UserPool::new(Arc::clone(pool))),
        });
        loads.insert(name.to_owned(), Arc::downgrade(&load));
        load
    }
}

impl UserLoad {
    /// Returns the pool of the user's queries.
    pub(crate) fn pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.pool) as Arc<dyn MemoryPool>
    }

    /// Sets the maximum memory in bytes; `None` for any. What is reserved stays.
    pub(crate) fn set_memory_max(&self, bytes: Option<u64>) {
        self.pool.set_max(bytes);
    }

    /// Counts one more; `None` beyond a maximum.
    pub(crate) fn take(self: &Arc<Self>, load: Load, max: Option<u64>) -> Option<Place> {
        let max = max.unwrap_or(u64::MAX);
        let more = |count: u64| (count < max).then_some(count + 1);
        let counter = self.counter(load);
        let taken = counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.ok().map(|_| Place {
            user: Arc::clone(self),
            load,
        })
    }

    fn counter(&self, load: Load) -> &AtomicU64 {
        match load {
            Load::Sessions => &self.sessions,
            Load::Queries => &self.queries,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.user.counter(self.load).fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::{MemoryConsumer, UnboundedMemoryPool};

    use super::*;

    #[test]
    fn places_are_counted_by_user() {
        let (loads, pool) = (Loads::default(), unbounded());
        let ada = loads.of("ada", &pool);
        let first = ada.take(Load::Sessions, Some(2)).unwrap();
        let again = loads.of("ada", &pool);
        let _second = again.take(Load::Sessions, Some(2)).unwrap();
        assert!(ada.take(Load::Sessions, Some(2)).is_none());
        assert!(ada.take(Load::Queries, Some(1)).is_some());
        let bob = loads.of("bob", &pool);
        assert!(bob.take(Load::Sessions, Some(1)).is_some());
        drop(first);
        assert!(ada.take(Load::Sessions, Some(2)).is_some());
        assert!(ada.take(Load::Sessions, Some(0)).is_none());
    }

    #[test]
    fn memory_is_a_part_of_the_servers() {
        let all = unbounded();
        let load = Loads::default().of("ada", &all);
        load.set_memory_max(Some(1_000));
        let pool = load.pool();
        let one = MemoryConsumer::new("one").register(&pool);
        let other = MemoryConsumer::new("other").register(&pool);
        one.try_grow(900).unwrap();
        assert!(other.try_grow(200).is_err());
        other.try_grow(100).unwrap();
        assert_eq!((pool.reserved(), all.reserved()), (1_000, 1_000));
        drop(one);
        assert_eq!((pool.reserved(), all.reserved()), (100, 100));
        load.set_memory_max(None);
        other.try_grow(1 << 20).unwrap();
    }

    fn unbounded() -> Arc<dyn MemoryPool> {
        Arc::new(UnboundedMemoryPool::default())
    }
}
