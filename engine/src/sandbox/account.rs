//! Who pays for the memory of an instance that is lent.

use super::Stop;

/// Pays for the memory of one instance while a call has it. Dropping it gives
/// back what was charged.
pub(crate) trait Account: Send + Sync {
    /// Charges `bytes` more, or refuses.
    fn charge(&self, bytes: usize) -> bool;
}

/// Why a guest that asked for memory was stopped: it may have as much, but
/// today it cannot be had. That depends on what else runs, so the guest must
/// not see it, or its answer would depend on that too.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum NoMemory {
    /// The account refuses.
    #[error("the account refuses {bytes} bytes")]
    Account { bytes: u64 },
    /// The machine refuses.
    #[error("{0}")]
    Machine(String),
}

impl NoMemory {
    /// What was in the way, if it was memory.
    pub(super) fn behind(error: &wasmtime::Error) -> Option<Stop> {
        let no_memory: &Self = error.downcast_ref()?;
        Some(no_memory.clone().into())
    }
}

impl From<NoMemory> for Stop {
    fn from(no_memory: NoMemory) -> Self {
        match no_memory {
            NoMemory::Account { bytes } => Self::Account { bytes },
            NoMemory::Machine(cause) => Self::Machine(cause),
        }
    }
}
