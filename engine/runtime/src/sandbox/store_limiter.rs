//! Limits of one Wasmtime store, and the state of its current call.

use super::call_log::CallLog;
use super::cancellation::Cancellation;
use super::memory_reservation::{MemoryRefused, MemoryReservation};

/// Limits of an instance's memory and tables, and the refills of its current call.
pub(crate) struct StoreLimiter {
    memory_bytes_max: usize,
    /// Memories created so far, while the instance is created.
    memories: Option<u32>,
    /// Elements of all tables together.
    table_elements: usize,
    /// True if the guest was denied memory since the call began.
    denied: bool,
    /// Cancels the call.
    cancellation: Option<Cancellation>,
    /// True if the call was stopped by its cancellation.
    was_cancelled: bool,
    /// Fuel added where fuel is low, the part of it that one row may burn, and the sum
    /// added so far.
    refill: u64,
    fuel_per_row: u64,
    refilled: u64,
    /// Reservation that the linear memory is charged to during a call.
    reservation: Option<Box<dyn MemoryReservation>>,
    /// Messages of the current call.
    pub(super) log: CallLog,
    /// True if the sampling profiler is attached.
    pub(super) is_sampled: bool,
}

/// Error with which Wasmtime reports growth beyond 4 GiB, without a call of
/// `memory_growing` before. Every other failure comes from the operating system.
const BEYOND_32_BITS: &str = "memory growth exceeds memory type's limits";

/// Maximum elements of a guest's tables together. Tables hold function pointers; the
/// largest programs have some ten thousand.
const TABLE_ELEMENTS_MAX: usize = 1 << 17;

impl StoreLimiter {
    pub(super) fn new(
        memory_bytes_max: u64,
        reservation: Option<Box<dyn MemoryReservation>>,
    ) -> Self {
        Self {
            memory_bytes_max: usize::try_from(memory_bytes_max).unwrap_or(usize::MAX),
            memories: Some(0),
            table_elements: 0,
            denied: false,
            cancellation: None,
            was_cancelled: false,
            refill: 0,
            fuel_per_row: 0,
            refilled: 0,
            reservation,
            log: CallLog::default(),
            is_sampled: false,
        }
    }

    /// Attaches a reservation and charges it for the `bytes` of memory there are.
    pub(super) fn attach(
        &mut self,
        reservation: Option<Box<dyn MemoryReservation>>,
        bytes: usize,
    ) -> Result<(), MemoryRefused> {
        self.reservation = reservation;
        self.charge(bytes)
    }

    /// Ends the creation of the instance.
    pub(super) fn set_created(&mut self) {
        self.memories = None;
    }

    /// Releases the reservation and the token of the last call.
    pub(super) fn release(&mut self) {
        self.reservation = None;
        self.cancellation = None;
    }

    fn charge(&self, bytes: usize) -> Result<(), MemoryRefused> {
        match &self.reservation {
            Some(reservation) if !reservation.try_grow(bytes) => Err(MemoryRefused::Pool {
                bytes: bytes as u64,
            }),
            _ => Ok(()),
        }
    }

    /// Returns true if `bytes` is over half of the memory limit.
    pub(super) fn is_much(&self, bytes: usize) -> bool {
        bytes > self.memory_bytes_max / 2
    }

    /// Begins a call: `refill` is added where fuel is low, of which one row may burn
    /// `fuel_per_row`.
    pub(super) fn begin(&mut self, refill: u64, fuel_per_row: u64) {
        self.denied = false;
        self.was_cancelled = false;
        self.refill = refill;
        self.fuel_per_row = fuel_per_row;
        self.refilled = 0;
    }

    /// Sets the token that cancels the next calls.
    pub(super) fn set_cancellation(&mut self, cancellation: &Cancellation) {
        self.cancellation = Some(cancellation.clone());
    }

    /// Returns the token that cancels the current calls.
    pub(super) fn cancellation(&self) -> Option<&Cancellation> {
        self.cancellation.as_ref()
    }

    /// Returns the fuel to add for a call that goes on with another row.
    ///
    /// At most what the `rows` rows before may have burnt, so that overhead fuel is
    /// bounded.
    ///
    /// # Errors
    ///
    /// An error that unwinds the guest, if the call is cancelled.
    pub(super) fn refill(&mut self, rows: u32) -> wasmtime::Result<u64> {
        let cancellation = self.cancellation.as_ref();
        if cancellation.is_some_and(Cancellation::is_cancelled) {
            self.was_cancelled = true;
            return Err(wasmtime::Error::msg("the query was cancelled"));
        }
        let burnt = self.fuel_per_row.saturating_mul(rows.into());
        let refill = self.refill.min(burnt.saturating_sub(self.refilled));
        self.refilled = self.refilled.saturating_add(refill);
        Ok(refill)
    }

    /// Returns the number of elements of all tables.
    pub(super) fn table_elements(&self) -> usize {
        self.table_elements
    }

    /// Returns the fuel added so far.
    pub(super) fn refilled(&self) -> u64 {
        self.refilled
    }

    /// Returns true if the call was cancelled.
    pub(super) fn was_cancelled(&self) -> bool {
        self.was_cancelled
    }

    /// Returns true if the guest was denied memory since the call began.
    pub(super) fn was_denied(&self) -> bool {
        self.denied
    }
}

impl wasmtime::ResourceLimiter for StoreLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A guest has one memory. A second one is the flag of a polled module.
        if let Some(memories) = &mut self.memories {
            *memories += 1;
            if *memories > 1 {
                return Ok(true);
            }
        }
        let bytes_max = maximum.unwrap_or(usize::MAX).min(self.memory_bytes_max);
        let fits = desired <= bytes_max;
        self.denied |= !fits;
        if fits {
            self.charge(desired.saturating_sub(current))?;
        }
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let cause = format!("{error:#}");
        if cause != BEYOND_32_BITS {
            return Err(MemoryRefused::System(cause).into());
        }
        self.denied = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let all = self.table_elements.saturating_add(more);
        let fits = all <= TABLE_ELEMENTS_MAX;
        if fits {
            self.table_elements = all;
        }
        Ok(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refills_are_bounded_by_the_fuel_of_earlier_rows() {
        let mut limiter = StoreLimiter::new(1 << 20, None);
        limiter.begin(1_000, 300);
        let mut refills = [0, 1, 2, 20, 20].map(|rows| limiter.refill(rows).unwrap());
        assert_eq!(refills, [0, 300, 300, 1_000, 1_000]);
        assert_eq!(limiter.refilled(), 2_600);
        // The next call begins at zero.
        limiter.begin(1_000, u64::MAX);
        refills = [1, 1, 2, u32::MAX, 0].map(|rows| limiter.refill(rows).unwrap());
        assert_eq!(refills, [1_000, 1_000, 1_000, 1_000, 0]);
    }

    #[test]
    fn cancelled_call_is_not_refilled() {
        let cancellation = Cancellation::default();
        let mut limiter = StoreLimiter::new(1 << 20, None);
        limiter.set_cancellation(&cancellation);
        limiter.begin(1_000, 300);
        assert_eq!(limiter.refill(1).unwrap(), 300);
        cancellation.cancel();
        assert!(!limiter.was_cancelled());
        limiter.refill(2).unwrap_err();
        assert!(limiter.was_cancelled());
        limiter.begin(1_000, 300);
        assert!(!limiter.was_cancelled());
    }
}
