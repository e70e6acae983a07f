//! Accounting of an instance's linear memory.

use super::CallError;

pub use fusebox_marshal::MemoryReservation;

/// Refusal of memory that is within the guest's limit but not available now.
///
/// It depends on the load of the process, so it ends the call instead of making
/// `memory.grow` return -1: a guest that saw it could let its result depend on it.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum MemoryRefused {
    /// The reservation refused.
    #[error("the memory pool refuses {bytes} bytes")]
    Pool { bytes: u64 },
    /// The operating system refused.
    #[error("{0}")]
    System(String),
}

impl MemoryRefused {
    /// Finds the refusal in an error of Wasmtime.
    pub(super) fn find_in(error: &wasmtime::Error) -> Option<CallError> {
        let refused: &Self = error.downcast_ref()?;
        Some(refused.clone().into())
    }
}

impl From<MemoryRefused> for CallError {
    fn from(refused: MemoryRefused) -> Self {
        match refused {
            MemoryRefused::Pool { bytes } => Self::MemoryPool { bytes },
            MemoryRefused::System(cause) => Self::System(cause),
        }
    }
}
