//! Limits of concurrent calls.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::call_error::CallError;
use crate::error::{Error, Result};

/// Limits shared by all functions of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Concurrent calls of all functions together. A further call fails without
    /// waiting.
    pub instances_max: u64,
}

const DEFAULT: ProcessLimits = ProcessLimits {
    instances_max: 10_000,
};

impl Default for ProcessLimits {
    fn default() -> Self {
        DEFAULT
    }
}

/// Limit of the process, changed by [`ProcessLimits::set`].
static PROCESS_INSTANCES_MAX: AtomicU64 = AtomicU64::new(DEFAULT.instances_max);

static PROCESS_INSTANCES: AtomicU64 = AtomicU64::new(0);

impl ProcessLimits {
    /// Sets the limits of the process, from the next call on.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if a limit is zero.
    pub fn set(self) -> Result<()> {
        if self.instances_max == 0 {
            return Err(Error::Config("instances_max is zero"));
        }
        PROCESS_INSTANCES_MAX.store(self.instances_max, Ordering::Relaxed);
        Ok(())
    }
}

/// Permits of a call: one of its function and one of the process.
pub(super) type Permits = (Permit<Arc<AtomicU64>>, Permit<&'static AtomicU64>);

/// Acquires the permits of a call of a function with `active` calls.
pub(super) fn permits(active: &Arc<AtomicU64>, instances_max: u64) -> Result<Permits, CallError> {
    let permit = Permit::acquire(Arc::clone(active), instances_max)
        .ok_or(CallError::Instances { instances_max })?;
    let instances_max = PROCESS_INSTANCES_MAX.load(Ordering::Relaxed);
    let process_permit = Permit::acquire(&PROCESS_INSTANCES, instances_max)
        .ok_or(CallError::ProcessInstances { instances_max })?;
    Ok((permit, process_permit))
}

/// One of a limited number of concurrent calls, released when dropped.
pub(super) struct Permit<C: Deref<Target = AtomicU64>>(C);

impl<C: Deref<Target = AtomicU64>> Permit<C> {
    /// Acquires a permit if fewer than `max` are taken.
    fn acquire(active: C, max: u64) -> Option<Self> {
        let next = |taken| (taken < max).then_some(taken + 1);
        let updated = active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        updated.is_ok().then(|| Self(active))
    }
}

impl<C: Deref<Target = AtomicU64>> Drop for Permit<C> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permit_is_refused_at_the_limit_and_available_after_release() {
        let active = AtomicU64::new(0);
        let permits = [(); 2].map(|()| Permit::acquire(&active, 2));
        assert!(permits.iter().all(Option::is_some));
        assert!(Permit::acquire(&active, 2).is_none());
        assert!(Permit::acquire(&active, 3).is_some());
        drop(permits);
        assert_eq!(active.load(Ordering::Relaxed), 0);
    }
}
