//! Turns: who may be at work at once.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::stop::Stop;
use crate::error::{Error, Result};

/// What all functions of all sessions of this process may use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Calls at work at once, in all functions together. One more fails; it
    /// never waits.
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

/// The process's own, which [`ProcessLimits::set`] changes.
static PROCESS_INSTANCES_MAX: AtomicU64 = AtomicU64::new(DEFAULT.instances_max);

static PROCESS_AT_WORK: AtomicU64 = AtomicU64::new(0);

impl ProcessLimits {
    /// Makes these the limits of the process, from the next call on.
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

/// A call's places among those of its function and those of the process.
pub(super) type Turns = (Turn<Arc<AtomicU64>>, Turn<&'static AtomicU64>);

/// A place for a call among those of its function, of which `at_work` are taken,
/// and those of the process.
pub(super) fn turns(at_work: &Arc<AtomicU64>, instances_max: u64) -> Result<Turns, Stop> {
    let turn =
        Turn::take(Arc::clone(at_work), instances_max).ok_or(Stop::Instances { instances_max })?;
    let instances_max = PROCESS_INSTANCES_MAX.load(Ordering::Relaxed);
    let process_turn = Turn::take(&PROCESS_AT_WORK, instances_max)
        .ok_or(Stop::ProcessInstances { instances_max })?;
    Ok((turn, process_turn))
}

/// A place among the instances at work, given back when dropped.
pub(super) struct Turn<C: Deref<Target = AtomicU64>>(C);

impl<C: Deref<Target = AtomicU64>> Turn<C> {
    /// A place, if fewer than `max` are taken.
    fn take(at_work: C, max: u64) -> Option<Self> {
        let turn = Self(at_work);
        (turn.0.fetch_add(1, Ordering::Relaxed) < max).then_some(turn)
    }
}

impl<C: Deref<Target = AtomicU64>> Drop for Turn<C> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_refused_at_the_limit_and_free_again_after() {
        let at_work = AtomicU64::new(0);
        let turns = [(); 2].map(|()| Turn::take(&at_work, 2));
        assert!(turns.iter().all(Option::is_some));
        assert!(Turn::take(&at_work, 2).is_none());
        assert!(Turn::take(&at_work, 3).is_some());
        drop(turns);
        assert_eq!(at_work.load(Ordering::Relaxed), 0);
    }
}
