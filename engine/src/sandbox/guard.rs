//! What an instance is held to while it runs.

use super::account::{Account, NoMemory};

/// The limits of an instance's memory and tables, and whether it came up
/// against them.
pub(crate) struct Guard {
    memory_bytes_max: usize,
    /// The elements of all tables together.
    table_elements: usize,
    /// Whether the guest asked for more memory than it may have, since that was
    /// last looked at.
    denied: bool,
    /// How much memory there may be before the guest is stopped, where that is
    /// less than it may have.
    held_to: Option<usize>,
    /// Whether it was stopped there.
    has_outgrown: bool,
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
            held_to: None,
            has_outgrown: false,
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

    /// Forgets that the guest was denied memory.
    pub(super) fn begin(&mut self) {
        self.denied = false;
    }

    /// Stops the guest where it asks for more memory than that, until this is
    /// said again.
    pub(super) fn hold_to(&mut self, bytes: Option<usize>) {
        self.held_to = bytes;
        self.has_outgrown = false;
    }

    /// Whether the guest was stopped there. It is not held any more.
    pub(super) fn has_outgrown(&mut self) -> bool {
        self.held_to = None;
        self.has_outgrown
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
        if fits && self.held_to.is_some_and(|bytes| desired > bytes) {
            self.has_outgrown = true;
            return Err(wasmtime::Error::msg("the call is made again"));
        }
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
