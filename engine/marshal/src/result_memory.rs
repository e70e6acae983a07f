//! Accounting of the host memory of results.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use arrow_buffer::Buffer;

/// Reservation of host memory. Dropping it releases everything that was reserved.
pub trait MemoryReservation: Send + Sync {
    /// Reserves `bytes` more; returns false if the pool refuses.
    fn try_grow(&self, bytes: usize) -> bool;

    /// Releases `bytes` of what was reserved.
    fn shrink(&self, bytes: usize);
}

/// Refusal of memory for results. It depends on the load of the process or on the
/// size of the batch, not on the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultRefused {
    /// The memory pool refused.
    #[error("the memory pool refuses {bytes} bytes for a result")]
    Pool {
        /// Number of bytes that were asked for.
        bytes: u64,
    },
    /// The results of the batch exceed the maximum.
    #[error("the results of a batch exceed {bytes_max} bytes")]
    Batch {
        /// Maximum number of bytes.
        bytes_max: u64,
    },
}

/// Memory of the results of one batch, which several calls may make.
///
/// Bytes are charged before they are copied. The buffers that
/// [`own`](Self::own) returns keep the reservation, so that it lives as long as
/// the columns. A batch below [`FREE_BYTES_MAX`](Self::FREE_BYTES_MAX) opens no
/// reservation: it is smaller than what any operator allocates for a batch.
pub struct ResultMemory<'a> {
    open: &'a dyn Fn() -> Box<dyn MemoryReservation>,
    bytes_max: u64,
    bytes: Cell<u64>,
    reserved: Cell<u64>,
    reservation: OnceCell<Arc<dyn MemoryReservation>>,
    /// False if buffers do not keep the reservation.
    owns: Cell<bool>,
}

/// Memory of a buffer, and the reservation that it was charged to.
struct OwnedBuffer {
    bytes: Buffer,
    _reservation: Arc<dyn MemoryReservation>,
}

impl AsRef<[u8]> for OwnedBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<'a> ResultMemory<'a> {
    /// Maximum size of a batch that is not charged, in bytes; and of a buffer
    /// that does not keep the reservation.
    pub const FREE_BYTES_MAX: u64 = 4_095;

    /// Memory for at most `bytes_max` bytes of results. `open` opens a
    /// reservation.
    pub fn new(bytes_max: u64, open: &'a dyn Fn() -> Box<dyn MemoryReservation>) -> Self {
        Self {
            open,
            bytes_max,
            bytes: Cell::new(0),
            reserved: Cell::new(0),
            reservation: OnceCell::new(),
            owns: Cell::new(true),
        }
    }

    /// Ends the charge with this memory instead of the columns, which their receiver
    /// charges.
    pub fn disown(&self) {
        self.owns.set(false);
    }

    /// Number of bytes that are charged.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Charges `bytes` more, which are about to be copied.
    ///
    /// # Errors
    ///
    /// [`ResultRefused`]; nothing was charged then.
    pub fn charge(&self, bytes: u64) -> Result<(), ResultRefused> {
        let total = self.bytes.get().saturating_add(bytes);
        if total > self.bytes_max {
            let bytes_max = self.bytes_max;
            return Err(ResultRefused::Batch { bytes_max });
        }
        self.reserve(total)?;
        self.bytes.set(total);
        Ok(())
    }

    /// Releases all that was charged above `bytes`.
    pub fn release_to(&self, bytes: u64) {
        self.bytes.set(self.bytes.get().min(bytes));
        self.shrink(self.bytes.get());
    }

    /// Makes a column of some others that were charged, which it replaces: `before`
    /// is the number of bytes charged before them, and `bytes` the size of the new
    /// column at most. Both are charged meanwhile.
    ///
    /// # Errors
    ///
    /// [`ResultRefused`] if there is no memory for both.
    pub fn replace<T>(
        &self,
        before: u64,
        bytes: u64,
        make: impl FnOnce() -> T,
    ) -> Result<T, ResultRefused> {
        let after = before.saturating_add(bytes);
        if after > self.bytes_max {
            let bytes_max = self.bytes_max;
            return Err(ResultRefused::Batch { bytes_max });
        }
        self.reserve(self.bytes.get().saturating_add(bytes))?;
        let made = make();
        self.bytes.set(after);
        self.shrink(after);
        Ok(made)
    }

    /// Returns the buffer, which now keeps the reservation if it is large.
    pub fn own(&self, bytes: Buffer) -> Buffer {
        match self.kept() {
            Some(reservation) if bytes.len() as u64 > Self::FREE_BYTES_MAX => {
                keep(bytes, reservation)
            }
            _ => bytes,
        }
    }

    /// Returns an empty buffer that keeps the reservation, if one is open.
    pub fn keeper(&self) -> Option<Buffer> {
        Some(keep(Buffer::default(), self.kept()?))
    }

    fn kept(&self) -> Option<Arc<dyn MemoryReservation>> {
        let reservation = self.reservation.get();
        reservation.filter(|_| self.owns.get()).cloned()
    }

    /// Reserves up to `total` bytes.
    fn reserve(&self, total: u64) -> Result<(), ResultRefused> {
        let reserved = self.reserved.get();
        if total <= reserved || total <= Self::FREE_BYTES_MAX {
            return Ok(());
        }
        let bytes = total.saturating_sub(reserved);
        let open = || Arc::from((self.open)());
        let reservation = self.reservation.get_or_init(open);
        let granted = usize::try_from(bytes).is_ok_and(|bytes| reservation.try_grow(bytes));
        if !granted {
            return Err(ResultRefused::Pool { bytes });
        }
        self.reserved.set(total);
        Ok(())
    }

    fn shrink(&self, total: u64) {
        if let Some(reservation) = self.reservation.get() {
            let excess = self.reserved.get().saturating_sub(total);
            reservation.shrink(excess as usize);
            self.reserved
                .set(self.reserved.get().saturating_sub(excess));
        }
    }
}

fn keep(bytes: Buffer, reservation: Arc<dyn MemoryReservation>) -> Buffer {
    let owner = OwnedBuffer {
        bytes,
        _reservation: reservation,
    };
    Buffer::from(bytes::Bytes::from_owner(owner))
}

impl std::fmt::Debug for ResultMemory<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResultMemory")
            .field("bytes", &self.bytes)
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}

/// Reservation without accounting.
struct Unaccounted;

impl MemoryReservation for Unaccounted {
    fn try_grow(&self, _bytes: usize) -> bool {
        true
    }

    fn shrink(&self, _bytes: usize) {}
}

impl Default for ResultMemory<'_> {
    /// Memory without a maximum and without accounting.
    fn default() -> Self {
        Self::new(u64::MAX, &|| Box::new(Unaccounted))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Pool of 100 kB.
    #[derive(Clone, Default)]
    struct SmallPool(Arc<AtomicUsize>);

    struct Share(SmallPool, AtomicUsize);

    impl MemoryReservation for Share {
        fn try_grow(&self, bytes: usize) -> bool {
            let fits = self.0.0.load(Ordering::Relaxed).saturating_add(bytes) <= 100_000;
            if fits {
                self.0.0.fetch_add(bytes, Ordering::Relaxed);
                self.1.fetch_add(bytes, Ordering::Relaxed);
            }
            fits
        }

        fn shrink(&self, bytes: usize) {
            self.0.0.fetch_sub(bytes, Ordering::Relaxed);
            self.1.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    impl Drop for Share {
        fn drop(&mut self) {
            self.shrink(self.1.load(Ordering::Relaxed));
        }
    }

    impl SmallPool {
        fn used(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }

        fn open(&self) -> Box<dyn MemoryReservation> {
            Box::new(Share(self.clone(), AtomicUsize::default()))
        }
    }

    #[test]
    fn reservation_lives_as_long_as_the_last_owned_buffer() {
        let pool = SmallPool::default();
        let open = || pool.open();
        let memory = ResultMemory::new(u64::MAX, &open);
        memory.charge(50_000).unwrap();
        let large = memory.own(Buffer::from_vec(vec![1_u8; 50_000]));
        let small = memory.own(Buffer::from_vec(vec![1_u8; 4_095]));
        drop(memory);
        let slice = large.slice_with_length(7, 9);
        drop(large);
        assert_eq!(pool.used(), 50_000);
        drop(slice);
        assert_eq!(pool.used(), 0);
        assert_eq!(small.len(), 4_095);
    }

    #[test]
    fn small_batch_opens_no_reservation() {
        let opened = Cell::new(0);
        let open = || -> Box<dyn MemoryReservation> {
            opened.set(opened.get() + 1);
            Box::new(Unaccounted)
        };
        let memory = ResultMemory::new(u64::MAX, &open);
        memory.charge(4_000).unwrap();
        memory.charge(95).unwrap();
        assert_eq!(opened.get(), 0);
        memory.charge(1).unwrap();
        memory.charge(1).unwrap();
        assert_eq!(opened.get(), 1);
    }

    #[test]
    fn bytes_are_refused_by_the_maximum_and_by_the_pool() {
        let pool = SmallPool::default();
        let open = || pool.open();
        let memory = ResultMemory::new(120_000, &open);
        memory.charge(100_000).unwrap();
        let bytes = 1;
        assert_eq!(memory.charge(1), Err(ResultRefused::Pool { bytes }));
        let bytes_max = 120_000;
        let refused = Err(ResultRefused::Batch { bytes_max });
        assert_eq!(memory.charge(20_001), refused);
        assert_eq!(memory.bytes(), 100_000);
        memory.release_to(10_000);
        assert_eq!(pool.used(), 10_000);
    }

    #[test]
    fn replaced_columns_are_charged_until_the_new_one_is_made() {
        let pool = SmallPool::default();
        let open = || pool.open();
        let memory = ResultMemory::new(u64::MAX, &open);
        memory.charge(10_000).unwrap();
        memory.charge(30_000).unwrap();
        let during = memory.replace(10_000, 35_000, || pool.used());
        assert_eq!(during, Ok(75_000));
        assert_eq!((memory.bytes(), pool.used()), (45_000, 45_000));
        assert!(memory.replace(0, 60_000, || ()).is_err());
        assert_eq!(pool.used(), 45_000);
    }
}
