//! Memory pools of DataFusion as memory brokers.

use std::sync::Arc;

use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryPool, MemoryReservation as PoolReservation,
};
use fusebox_runtime::{MemoryBroker, MemoryReservation};

/// Broker that charges a memory pool.
pub(crate) struct PoolBroker(pub(crate) Arc<dyn MemoryPool>);

impl MemoryBroker for PoolBroker {
    fn open(&self, function: &str) -> Box<dyn MemoryReservation> {
        let consumer = MemoryConsumer::new(format!("wasm {function}"));
        Box::new(Reservation(consumer.register(&self.0)))
    }
}

struct Reservation(PoolReservation);

impl MemoryReservation for Reservation {
    fn try_grow(&self, bytes: usize) -> bool {
        self.0.try_grow(bytes).is_ok()
    }

    fn shrink(&self, bytes: usize) {
        self.0.shrink(bytes);
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn reservation_is_charged_up_to_the_pool_and_released_when_dropped() {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
        let reservation = PoolBroker(Arc::clone(&pool)).open("f");
        assert!(reservation.try_grow(60));
        assert!(!reservation.try_grow(41));
        assert!(reservation.try_grow(40));
        assert_eq!(pool.reserved(), 100);
        drop(reservation);
        assert_eq!(pool.reserved(), 0);
    }
}
