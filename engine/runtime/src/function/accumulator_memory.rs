//! Memory of accumulators, which their caller charges between calls.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fusebox_marshal::MemoryReservation;

use super::wasm_function::WasmFunction;
use crate::scope::Scope;

/// Memory of one accumulator.
///
/// The caller charges what the accumulator has between two calls to a reservation of
/// its own, and frees it by spilling. What is used beyond that, by a call in which it
/// grows, is charged here as it grows. So no byte is charged twice, and few are late: a call
/// in which the reservation is refused may go on for 4 MiB, so that the caller can spill
/// after it.
pub struct AccumulatorMemory {
    reservation: Box<dyn MemoryReservation>,
    overdraft_bytes_max: usize,
    bytes: Mutex<Bytes>,
}

/// Bytes of one accumulator that may be charged late, by its caller.
const OVERDRAFT_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Default)]
struct Bytes {
    /// In use.
    used: usize,
    /// Charged by the caller.
    settled: usize,
    /// Charged here.
    reserved: usize,
}

impl AccumulatorMemory {
    /// Opens the reservation of an accumulator of `function`.
    pub fn new(function: &WasmFunction, scope: &Scope) -> Arc<Self> {
        let reservation = scope.open(&function.definition().name);
        Arc::new(Self::of(reservation, OVERDRAFT_BYTES_MAX))
    }

    fn of(reservation: Box<dyn MemoryReservation>, overdraft_bytes_max: usize) -> Self {
        Self {
            reservation,
            overdraft_bytes_max,
            bytes: Mutex::default(),
        }
    }

    /// Uses `bytes` more; returns false if they are refused.
    pub fn try_grow(&self, bytes: usize) -> bool {
        let mut all = self.bytes();
        let used = all.used.saturating_add(bytes);
        let needed = used.saturating_sub(all.settled);
        let more = needed.saturating_sub(all.reserved);
        if more == 0 || self.reservation.try_grow(more) {
            all.used = used;
            all.reserved += more;
            return true;
        }
        let fits = more <= self.overdraft_bytes_max;
        if fits {
            all.used = used;
        }
        fits
    }

    /// Uses `bytes` less.
    pub fn shrink(&self, bytes: usize) {
        let mut all = self.bytes();
        all.used = all.used.saturating_sub(bytes);
        self.release_excess(&mut all);
    }

    /// Notes that the caller charges `bytes` from now on.
    pub fn settle(&self, bytes: usize) {
        let mut all = self.bytes();
        all.settled = bytes;
        self.release_excess(&mut all);
    }

    fn release_excess(&self, all: &mut Bytes) {
        let needed = all.used.saturating_sub(all.settled);
        let excess = all.reserved.saturating_sub(needed);
        if excess > 0 {
            self.reservation.shrink(excess);
            all.reserved -= excess;
        }
    }

    /// Opens a part of the memory, which is released when it is dropped.
    pub(super) fn open(self: &Arc<Self>) -> Box<dyn MemoryReservation> {
        Box::new(Part {
            memory: Arc::clone(self),
            used: AtomicUsize::default(),
        })
    }

    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for AccumulatorMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccumulatorMemory")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Part of the memory of an accumulator: an instance, or columns of results.
struct Part {
    memory: Arc<AccumulatorMemory>,
    used: AtomicUsize,
}

impl MemoryReservation for Part {
    fn try_grow(&self, bytes: usize) -> bool {
        let fits = self.memory.try_grow(bytes);
        if fits {
            self.used.fetch_add(bytes, Ordering::Relaxed);
        }
        fits
    }

    fn shrink(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.memory.shrink(bytes);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.memory.shrink(*self.used.get_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pool of 100 bytes.
    #[derive(Clone, Default)]
    struct SmallPool(Arc<AtomicUsize>);

    impl MemoryReservation for SmallPool {
        fn try_grow(&self, bytes: usize) -> bool {
            let fits = self.0.load(Ordering::Relaxed) + bytes <= 100;
            if fits {
                self.0.fetch_add(bytes, Ordering::Relaxed);
            }
            fits
        }

        fn shrink(&self, bytes: usize) {
            self.0.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    #[test]
    fn growth_beyond_what_the_caller_charges_is_reserved() {
        let pool = SmallPool::default();
        let reserved = || pool.0.load(Ordering::Relaxed);
        let memory = Arc::new(AccumulatorMemory::of(Box::new(pool.clone()), 0));
        let part = memory.open();
        assert!(part.try_grow(60));
        assert_eq!(reserved(), 60);
        memory.settle(120);
        assert_eq!(reserved(), 0);
        // The caller has charged up to 120.
        assert!(part.try_grow(60));
        assert_eq!(reserved(), 0);
        assert!(part.try_grow(30));
        assert_eq!(reserved(), 30);
        assert!(!part.try_grow(71));
        assert!(memory.try_grow(70));
        assert_eq!(reserved(), 100);
        memory.shrink(70);
        assert_eq!(reserved(), 30);
        drop(part);
        assert_eq!(reserved(), 0);
        memory.settle(0);
        assert!(memory.try_grow(100));
        assert!(!memory.try_grow(1));
    }
    #[test]
    fn overdraft_is_bounded_and_charged_with_the_next_growth() {
        let pool = SmallPool::default();
        let memory = AccumulatorMemory::of(Box::new(pool.clone()), 10);
        assert!(memory.try_grow(95));
        assert!(memory.try_grow(8));
        assert!(!memory.try_grow(3));
        assert_eq!(pool.0.load(Ordering::Relaxed), 95);
        memory.settle(50);
        assert_eq!(pool.0.load(Ordering::Relaxed), 53);
        assert!(memory.try_grow(20));
        assert_eq!(pool.0.load(Ordering::Relaxed), 73);
        memory.shrink(123);
        assert_eq!(pool.0.load(Ordering::Relaxed), 0);
    }
}
