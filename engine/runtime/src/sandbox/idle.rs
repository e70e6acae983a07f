//! Idle instances of all pools of a runtime.
//!
//! An idle instance is charged to no query, so the runtime bounds them together: their
//! number, their memory, and the memory mappings that the operating system counts. Where
//! a bound is exceeded, the instances that have been idle longest are dropped, whatever
//! their pool.
//!
//! Each pool has a queue with a lock of its own. The lock of all queues is taken only to
//! evict, which makes room for many instances at once. No instance is dropped under a
//! lock, because that unmaps its memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::instance::Instance;

/// Bounds of the idle instances of a runtime.
///
/// An instance whose module has a bound function is kept after a call, so that the next
/// call need not create one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleLimits {
    /// Maximum number of idle instances; 1,000 unless given.
    pub instances_max: u64,
    /// Maximum bytes of their linear memories, of the snapshots that these are reset to, and
    /// of their tables; 256 MiB unless given.
    pub memory_bytes_max: u64,
    /// Maximum number of their memory mappings; 8,192 unless given. Linux permits a
    /// process 65,530, and aborts it at the next.
    pub mappings_max: u64,
}

impl Default for IdleLimits {
    fn default() -> Self {
        Self {
            instances_max: 1_000,
            memory_bytes_max: 256 << 20,
            mappings_max: 8_192,
        }
    }
}

/// Idle instances of a runtime at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdleMetrics {
    /// Number of idle instances.
    pub instances: u64,
    /// Bytes of their linear memories, snapshots and tables.
    pub memory_bytes: u64,
    /// Number of their memory mappings.
    pub mappings: u64,
    /// Number of instances that were dropped because a bound was exceeded, since the
    /// runtime was created.
    pub evictions: u64,
}

/// Part of each bound that stays when instances are evicted, so that the next eviction is
/// not the next call's.
const KEPT_EIGHTHS: u64 = 7;

/// Maximum idle instances of one pool.
const OF_POOL_MAX: usize = 64;

/// Maximum linear memory of an idle instance in bytes, unless it is pinned.
pub(super) const MEMORY_BYTES_MAX: usize = 4 << 20;

/// Idle instances of all pools of a runtime. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct IdleInstances(Arc<Shared>);

#[derive(Default)]
struct Shared {
    limits: IdleLimits,
    instances: AtomicU64,
    memory_bytes: AtomicU64,
    mappings: AtomicU64,
    evictions: AtomicU64,
    /// Time of the next instance that becomes idle.
    next: AtomicU64,
    queues: Mutex<Vec<Weak<Queue>>>,
}

/// Idle instances of one pool.
pub(super) struct IdleQueue(Arc<Queue>);

struct Queue {
    shared: Arc<Shared>,
    entries: Mutex<Vec<Entry>>,
    /// Number of executions that need the state of the instances.
    pins: AtomicU64,
}

struct Entry {
    instance: Instance,
    since: u64,
    size: Size,
}

/// Share of one instance in the totals.
#[derive(Clone, Copy)]
struct Size {
    memory_bytes: u64,
    mappings: u64,
}

/// Keeps the idle instances of a pool while it lives: they hold state that an execution
/// needs.
pub(crate) struct Pin(Arc<Queue>);

impl IdleInstances {
    pub(crate) fn new(limits: IdleLimits) -> Self {
        Self(Arc::new(Shared {
            limits,
            ..Shared::default()
        }))
    }

    /// Adds the queue of a new pool.
    pub(super) fn queue(&self) -> IdleQueue {
        let queue = Arc::new(Queue {
            shared: Arc::clone(&self.0),
            entries: Mutex::default(),
            pins: AtomicU64::new(0),
        });
        let mut queues = self.0.queues();
        // Swept when no free slot is left, so that adding takes constant time on average.
        if queues.len() == queues.capacity() {
            queues.retain(|queue| queue.strong_count() > 0);
            let live = queues.len();
            queues.shrink_to(2 * live + 8);
        }
        queues.push(Arc::downgrade(&queue));
        IdleQueue(queue)
    }

    pub(crate) fn metrics(&self) -> IdleMetrics {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        IdleMetrics {
            instances: load(&self.0.instances),
            memory_bytes: load(&self.0.memory_bytes),
            mappings: load(&self.0.mappings),
            evictions: load(&self.0.evictions),
        }
    }
}

impl Shared {
    fn add(&self, size: Size) {
        self.instances.fetch_add(1, Ordering::Relaxed);
        let bytes = size.memory_bytes;
        self.memory_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.mappings.fetch_add(size.mappings, Ordering::Relaxed);
    }

    fn subtract(&self, size: Size) {
        self.instances.fetch_sub(1, Ordering::Relaxed);
        let bytes = size.memory_bytes;
        self.memory_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.mappings.fetch_sub(size.mappings, Ordering::Relaxed);
    }

    /// Returns true if a total exceeds the given part of its bound.
    fn exceeds(&self, eighths: u64) -> bool {
        let exceeds = |total: &AtomicU64, max: u64| {
            total.load(Ordering::Relaxed) > max - max / 8 * (8 - eighths)
        };
        let limits = self.limits;
        exceeds(&self.instances, limits.instances_max)
            || exceeds(&self.memory_bytes, limits.memory_bytes_max)
            || exceeds(&self.mappings, limits.mappings_max)
    }

    /// Evicts the instances that have been idle longest, if a bound is exceeded.
    fn evict(&self) {
        if !self.exceeds(8) {
            return;
        }
        let mut evicted = Vec::new();
        let queues = self.queues();
        let live: Vec<_> = queues.iter().filter_map(Weak::upgrade).collect();
        let mut idle: Vec<(u64, usize)> = Vec::new();
        for (number, queue) in live.iter().enumerate() {
            if queue.pins.load(Ordering::Acquire) == 0 {
                let entries = queue.entries();
                idle.extend(entries.iter().map(|entry| (entry.since, number)));
            }
        }
        idle.sort_unstable();
        for (since, number) in idle {
            if !self.exceeds(KEPT_EIGHTHS) {
                break;
            }
            // It may have been taken meanwhile.
            evicted.extend(live[number].remove(|entry| entry.since == since));
        }
        drop(queues);
        let count = evicted.len() as u64;
        self.evictions.fetch_add(count, Ordering::Relaxed);
        if count > 0 {
            tracing::debug!(count, "evicted idle instances");
        }
    }

    fn queues(&self) -> MutexGuard<'_, Vec<Weak<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdleQueue {
    /// Takes the instance that became idle last among those that fit.
    pub(super) fn take(&self, fits: impl Fn(&Instance) -> bool) -> Option<Instance> {
        self.0.remove(|entry| fits(&entry.instance))
    }

    /// Keeps an instance, unless it is too large.
    pub(super) fn put(&self, mut instance: Instance) {
        let queue = &self.0;
        let is_pinned = queue.pins.load(Ordering::Acquire) > 0;
        if instance.release() > MEMORY_BYTES_MAX && !is_pinned {
            return;
        }
        let shared = &queue.shared;
        let size = Size {
            memory_bytes: instance.idle_bytes() as u64,
            mappings: instance.mappings(),
        };
        shared.add(size);
        let entry = Entry {
            instance,
            since: shared.next.fetch_add(1, Ordering::Relaxed),
            size,
        };
        let mut entries = queue.entries();
        // The one that has been idle longest may fit no call any more.
        let is_full = entries.len() >= OF_POOL_MAX && !is_pinned;
        let oldest = is_full.then(|| entries.remove(0));
        entries.push(entry);
        drop(entries);
        if let Some(oldest) = oldest {
            shared.subtract(oldest.size);
        }
        shared.evict();
    }

    /// Keeps the instances while the pin lives, for the state that they hold.
    pub(super) fn pin(&self) -> Pin {
        self.0.pins.fetch_add(1, Ordering::AcqRel);
        Pin(Arc::clone(&self.0))
    }
}

impl Queue {
    /// Removes the entry that became idle last among those that fit.
    fn remove(&self, fits: impl Fn(&Entry) -> bool) -> Option<Instance> {
        let entry = {
            let mut entries = self.entries();
            let found = entries.iter().rposition(fits);
            found.map(|position| entries.remove(position))
        }?;
        self.shared.subtract(entry.size);
        Some(entry.instance)
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let entries = std::mem::take(
            self.entries
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for entry in entries {
            self.shared.subtract(entry.size);
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let queue = &self.0;
        if queue.pins.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        // What was kept for the pin alone.
        let is_large = |entry: &Entry| entry.instance.memory_bytes() > MEMORY_BYTES_MAX;
        while queue.remove(is_large).is_some() {}
        while queue.entries().len() > OF_POOL_MAX {
            let oldest = queue.entries().first().map(|entry| entry.since);
            drop(queue.remove(|entry| Some(entry.since) == oldest));
        }
        queue.shared.evict();
    }
}
