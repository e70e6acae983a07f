//! What an instance is held to while it runs.

use super::account::{Account, NoMemory};
use super::cancellation::Cancellation;

/// The limits of an instance's memory and tables, and whether it came up
/// against them; and what a call gets that goes on.
pub(crate) struct Guard {
    memory_bytes_max: usize,
    /// The elements of all tables together.
    table_elements: usize,
    /// Whether the guest asked for more memory than it may have, since that was
    /// last looked at.
    denied: bool,
    /// What tells the call to stop.
    cancellation: Option<Cancellation>,
    /// Whether it was stopped for that.
    was_cancelled: bool,
    /// What the call gets where its fuel is low, how much of that a row may
    /// burn, and how much it has got.
    refill: u64,
    fuel_per_row: u64,
    refilled: u64,
    /// What the memory is charged to while the instance is lent.
    account: Option<Box<dyn Account>>,
    /// Whether a sampler looks at what it does.
    pub(super) is_watched: bool,
}

/// What Wasmtime says, without having asked before, where a guest asks for more
/// than 32 bits can address. Anything else that it says after it was told to go
/// ahead is the machine's.
const BEYOND_32_BITS: &str = "memory growth exceeds memory type's limits";

/// How many elements a guest's tables may have together. Only function pointers
/// go there, and the largest programs have some ten thousand.
const TABLE_ELEMENTS_MAX: usize = 1 << 17;

impl Guard {
    pub(super) fn new(memory_bytes_max: u64, account: Option<Box<dyn Account>>) -> Self {
        Self {
            memory_bytes_max: usize::try_from(memory_bytes_max).unwrap_or(usize::MAX),
            table_elements: 0,
            denied: false,
            cancellation: None,
            was_cancelled: false,
            refill: 0,
            fuel_per_row: 0,
            refilled: 0,
            account,
            is_watched: false,
        }
    }

    /// Charges the `bytes` bytes of memory that are there to `account`, and what
    /// comes to them.
    pub(super) fn charge_to(
        &mut self,
        account: Option<Box<dyn Account>>,
        bytes: usize,
    ) -> Result<(), NoMemory> {
        self.account = account;
        self.charge(bytes)
    }

    /// Charges nobody any more.
    pub(super) fn settle(&mut self) {
        self.account = None;
    }

    fn charge(&self, bytes: usize) -> Result<(), NoMemory> {
        match &self.account {
            Some(account) if !account.charge(bytes) => Err(NoMemory::Account {
                bytes: bytes as u64,
            }),
            _ => Ok(()),
        }
    }

    /// Whether so many bytes of memory are much of what it may have.
    pub(super) fn is_much(&self, bytes: usize) -> bool {
        bytes > self.memory_bytes_max / 2
    }

    /// Forgets what was before, for a call that gets so much where its fuel is
    /// low, of which a row may burn so much.
    pub(super) fn begin(&mut self, refill: u64, fuel_per_row: u64) {
        self.denied = false;
        self.was_cancelled = false;
        self.refill = refill;
        self.fuel_per_row = fuel_per_row;
        self.refilled = 0;
    }

    /// Has the next calls stop where `cancellation` tells them to.
    pub(super) fn heed(&mut self, cancellation: &Cancellation) {
        self.cancellation = Some(cancellation.clone());
    }

    /// What a call gets that goes on with another row, unless it is to stop: no
    /// more than the `rows` rows before may have burnt, so that what is burnt
    /// besides comes to an end.
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

    /// How much the call has got in that way.
    pub(super) fn refilled(&self) -> u64 {
        self.refilled
    }

    /// Whether the call was told to stop.
    pub(super) fn was_cancelled(&self) -> bool {
        self.was_cancelled
    }

    /// Whether the guest was denied memory since then.
    pub(super) fn was_denied(&self) -> bool {
        self.denied
    }
}

impl wasmtime::ResourceLimiter for Guard {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
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
            return Err(NoMemory::Machine(cause).into());
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
    fn call_gets_no_more_than_the_rows_before_may_have_burnt() {
        let mut guard = Guard::new(1 << 20, None);
        guard.begin(1_000, 300);
        let mut refills = [0, 1, 2, 20, 20].map(|rows| guard.refill(rows).unwrap());
        assert_eq!(refills, [0, 300, 300, 1_000, 1_000]);
        assert_eq!(guard.refilled(), 2_600);
        // Another call begins with nothing.
        guard.begin(1_000, u64::MAX);
        refills = [1, 1, 2, u32::MAX, 0].map(|rows| guard.refill(rows).unwrap());
        assert_eq!(refills, [1_000, 1_000, 1_000, 1_000, 0]);
    }

    #[test]
    fn call_that_is_cancelled_gets_nothing() {
        let cancellation = Cancellation::default();
        let mut guard = Guard::new(1 << 20, None);
        guard.heed(&cancellation);
        guard.begin(1_000, 300);
        assert_eq!(guard.refill(1).unwrap(), 300);
        cancellation.cancel();
        assert!(!guard.was_cancelled());
        guard.refill(2).unwrap_err();
        assert!(guard.was_cancelled());
        guard.begin(1_000, 300);
        assert!(!guard.was_cancelled());
    }
}
