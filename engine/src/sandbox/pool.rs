//! The pool: instances of one function, lent to one call at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fusebox_instrument::Rows;
use fusebox_marshal::Layout;

use super::account::Account;
use super::guard::Guard;
use super::instance::{Answer, Budget, Call, Export, Instance};
use super::reset::Room;
use super::stop::Stop;
use crate::definition::Limits;
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

/// Instances of one function of one module.
///
/// A call never waits for an instance: it gets an idle one or a new one, or
/// fails at the limit. The pool takes an instance back only after a call that
/// came to its end, and not if its memory has grown large: nobody pays for the
/// memory of an idle one. Unless its guests may remember, each call finds an
/// instance that is as good as new.
pub(crate) struct Pool {
    module: Arc<wasmtime::InstancePre<Guard>>,
    export: Export,
    limits: Limits,
    /// Whether an instance may remember earlier calls.
    remembers: bool,
    idle: Mutex<Vec<Instance>>,
    at_work: AtomicU64,
}

/// How many idle instances are kept.
const IDLE_MAX: usize = 64;

/// How much memory an idle instance may have, in bytes.
const IDLE_MEMORY_BYTES_MAX: usize = 4 << 20;

impl Pool {
    pub(crate) fn new(
        module: Arc<wasmtime::InstancePre<Guard>>,
        export: Export,
        limits: Limits,
        remembers: bool,
    ) -> Self {
        Self {
            module,
            export,
            limits,
            remembers,
            idle: Mutex::default(),
            at_work: AtomicU64::new(0),
        }
    }

    /// Runs `call` on an instance of its own, for whose memory an account pays
    /// that is opened for it.
    pub(crate) fn call(
        &self,
        call: Call<'_>,
        account: impl Fn() -> Box<dyn Account>,
    ) -> Result<Answer, Stop> {
        let (_turn, _process_turn) = self.turns()?;
        let mut instance = if call.fresh {
            self.instantiate(call.budget, Some(account()))?
        } else if self.remembers {
            let any = |_: &Instance| true;
            self.lend(any, call.budget, Some(account()))?
        } else {
            self.lend_as_new(call, account)?
        };
        let result = instance.call(call);
        let is_whole = matches!(
            result,
            Ok(_) | Err(Stop::Failed { .. } | Stop::Result { .. })
        );
        if is_whole && (self.remembers || instance.can_be_reset()) {
            self.take_back(instance);
        }
        result
    }

    /// Whether the guest announces its rows, so that each has its own fuel.
    pub(crate) fn announces_rows(&self) -> bool {
        self.export.rows != Rows::Shared
    }

    /// How many rows a call may be about without running out of what its rows
    /// may burn together, if that is known; where a call can be made
    /// again with fewer, that need not be known.
    pub(crate) fn rows_within(&self, budget: Budget, is_repeatable: bool) -> Option<usize> {
        let rows = match self.export.rows {
            Rows::Bounded(fuel) => Budget::bounded_rows_within(fuel),
            Rows::Shared | Rows::Announced if is_repeatable => return None,
            Rows::Shared | Rows::Announced => budget.rows_within(),
        };
        usize::try_from(rows).ok()
    }

    /// Makes an instance and keeps it, so that what can go wrong in doing so
    /// goes wrong before any query.
    pub(crate) fn warm(&self, budget: Budget) -> Result<(), Stop> {
        let instance = self.instantiate(budget, None)?;
        self.take_back(instance);
        Ok(())
    }

    /// A place for a call among those of the function and those of the process.
    fn turns(&self) -> Result<(Turn<'_>, Turn<'_>), Stop> {
        let instances_max = self.limits.instances_max;
        let turn =
            Turn::take(&self.at_work, instances_max).ok_or(Stop::Instances { instances_max })?;
        let instances_max = PROCESS_INSTANCES_MAX.load(Ordering::Relaxed);
        let process_turn = Turn::take(&PROCESS_AT_WORK, instances_max)
            .ok_or(Stop::ProcessInstances { instances_max })?;
        Ok((turn, process_turn))
    }

    /// An instance in which nothing is left of an earlier call.
    fn lend_as_new(
        &self,
        call: Call<'_>,
        account: impl Fn() -> Box<dyn Account>,
    ) -> Result<Instance, Stop> {
        let Call { budget, .. } = call;
        let (rows, bytes) = (call.arguments.rows(), call.arguments.bytes());
        let returns = Layout::of(call.returns).expect("the signature was checked");
        let room = Room::of(rows, bytes, &returns, self.limits.memory_bytes_max);
        let is_bare = |idle: &Instance| idle.room().is_none();
        let Some(room) = room.filter(|_| self.export.globals.is_some()) else {
            return self.lend(is_bare, budget, Some(account()));
        };
        let fits = |idle: &Instance| idle.room() == Some(room) || is_bare(idle);
        let mut instance = self.lend(fits, budget, Some(account()))?;
        if instance.room().is_some() {
            instance.reset(bytes);
            return Ok(instance);
        }
        // It would not be kept anyway.
        let bare_bytes = instance.bare_bytes() as u64;
        if bare_bytes.saturating_add(room.bytes()) > IDLE_MEMORY_BYTES_MAX as u64 {
            return Ok(instance);
        }
        match instance.furnish(room, budget) {
            Ok(()) => Ok(instance),
            Err(stop @ (Stop::Account { .. } | Stop::Machine(_))) => Err(stop),
            // Less may do: what the arguments need and no more.
            Err(_) => {
                drop(instance);
                self.instantiate(budget, Some(account()))
            }
        }
    }

    /// An idle instance that fits, or a new one.
    fn lend(
        &self,
        fits: impl Fn(&Instance) -> bool,
        budget: Budget,
        account: Option<Box<dyn Account>>,
    ) -> Result<Instance, Stop> {
        // A block of its own: the lock is free again before anything runs.
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let found = idle.iter().rposition(fits);
            found.map(|position| idle.remove(position))
        };
        match idle {
            Some(mut instance) => {
                instance.charge_to(account)?;
                Ok(instance)
            }
            None => self.instantiate(budget, account),
        }
    }

    fn instantiate(
        &self,
        budget: Budget,
        account: Option<Box<dyn Account>>,
    ) -> Result<Instance, Stop> {
        Instance::new(&self.module, &self.export, self.limits, budget, account)
    }

    fn take_back(&self, mut instance: Instance) {
        if instance.settle() > IDLE_MEMORY_BYTES_MAX || !(self.remembers || instance.can_be_reset())
        {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // The one that has waited longest may fit no call any more.
        if idle.len() == IDLE_MAX {
            idle.remove(0);
        }
        idle.push(instance);
    }
}

/// A place among the instances at work, given back when dropped.
struct Turn<'a>(&'a AtomicU64);

impl<'a> Turn<'a> {
    /// A place, if fewer than `max` are taken.
    fn take(at_work: &'a AtomicU64, max: u64) -> Option<Self> {
        let turn = Self(at_work);
        (at_work.fetch_add(1, Ordering::Relaxed) < max).then_some(turn)
    }
}

impl Drop for Turn<'_> {
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
        let turns = [Turn::take(&at_work, 2), Turn::take(&at_work, 2)];
        assert!(turns.iter().all(Option::is_some));
        assert!(Turn::take(&at_work, 2).is_none());
        assert!(Turn::take(&at_work, 3).is_some());
        drop(turns);
        assert_eq!(at_work.load(Ordering::Relaxed), 0);
    }
}
