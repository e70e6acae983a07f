//! Memory pool that observes the reservations of a session.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

/// Pool that records its peak, and the reservations that Wasm functions ask for.
#[derive(Debug)]
pub(crate) struct ObservedPool {
    inner: Box<dyn MemoryPool>,
    peak: AtomicUsize,
    reservations: Mutex<Vec<(String, usize)>>,
}

impl ObservedPool {
    pub(crate) fn new(inner: impl MemoryPool + 'static) -> Arc<Self> {
        Arc::new(Self {
            inner: Box::new(inner),
            peak: AtomicUsize::default(),
            reservations: Mutex::default(),
        })
    }

    /// Returns the most bytes that were reserved at one time.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    /// Takes the reservations since the previous `take`, refused ones included.
    pub(crate) fn take(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut *self.reservations.lock().unwrap())
    }

    fn record_peak(&self) {
        self.peak
            .fetch_max(self.inner.reserved(), Ordering::Relaxed);
    }
}

impl fmt::Display for ObservedPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl MemoryPool for ObservedPool {
    fn name(&self) -> &str {
        "observed"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.inner.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.inner.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.inner.grow(reservation, additional);
        self.record_peak();
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.inner.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let name = reservation.consumer().name();
        if name.starts_with("wasm ") {
            let reservation = (name.to_owned(), additional);
            self.reservations.lock().unwrap().push(reservation);
        }
        self.inner.try_grow(reservation, additional)?;
        self.record_peak();
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.inner.reserved()
    }
}
