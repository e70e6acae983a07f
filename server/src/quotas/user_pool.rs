//! The memory of a user's queries, as a part of that of all.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

/// Memory pool of one user.
#[derive(Debug)]
pub(super) struct UserPool {
    all: Arc<dyn MemoryPool>,
    reserved: AtomicUsize,
    /// `usize::MAX` for any.
    max: AtomicUsize,
}

impl UserPool {
    pub(super) fn new(all: Arc<dyn MemoryPool>) -> Self {
        Self {
            all,
            reserved: AtomicUsize::new(0),
            max: AtomicUsize::new(usize::MAX),
        }
    }

    pub(super) fn set_max(&self, bytes: Option<u64>) {
        let bytes = bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        self.max
            .store(bytes.unwrap_or(usize::MAX), Ordering::Release);
    }

    fn max(&self) -> usize {
        self.max.load(Ordering::Acquire)
    }
}

impl MemoryPool for UserPool {
    fn name(&self) -> &str {
        "user"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.all.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.all.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.all.grow(reservation, additional);
        self.reserved.fetch_add(additional, Ordering::AcqRel);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.reserved.fetch_sub(shrink, Ordering::AcqRel);
        self.all.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let max = self.max();
        let more = |reserved: usize| {
            let reserved = reserved.checked_add(additional)?;
            (reserved <= max).then_some(reserved)
        };
        let grown = self
            .reserved
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        if let Err(reserved) = grown {
            let name = reservation.consumer().name();
            return Err(DataFusionError::ResourcesExhausted(format!(
                "expected at most {max} bytes of all queries of the user \
                 (fusebox.quota.memory), found {reserved} and {additional} more for {name}"
            )));
        }
        let grown = self.all.try_grow(reservation, additional);
        if grown.is_err() {
            self.reserved.fetch_sub(additional, Ordering::AcqRel);
        }
        grown
    }

    fn reserved(&self) -> usize {
        self.reserved.load(Ordering::Acquire)
    }

    fn memory_limit(&self) -> MemoryLimit {
        match self.max() {
            usize::MAX => self.all.memory_limit(),
            max => MemoryLimit::Finite(max),
        }
    }
}

impl fmt::Display for UserPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user(reserved: {})", self.reserved())
    }
}
