//! The pool: instances of one function, lent to one call at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::DataType;
use fusebox_instrument::Rows;
use fusebox_marshal::Layout;

use super::account::Account;
use super::budget::{Announced, Budget, ROWS_MAX, ROWS_NARROW_MAX};
use super::guard::Guard;
use super::instance::{Answer, Call, Exports, Instance};
use super::reset::Room;
use super::stop::Stop;
use super::turns::{Turns, turns};
use crate::definition::Limits;
use crate::error::Result;
use crate::measure::{Step, Watch};

/// Instances of one function of one module.
///
/// A call never waits for an instance: it gets an idle one or a new one, or
/// fails at the limit. The pool takes an instance back only after a call that
/// came to its end, and not if its memory has grown large: nobody pays for the
/// memory of an idle one. Unless its guests may remember, each call finds an
/// instance that is as good as new.
pub(crate) struct Pool {
    module: Arc<wasmtime::InstancePre<Guard>>,
    exports: Exports,
    limits: Limits,
    /// Whether an instance may remember earlier calls.
    remembers: bool,
    pub(crate) watch: Watch,
    idle: Mutex<Vec<Instance>>,
    /// How many calls were made whose rows share fuel, and how many of them in
    /// vain.
    together: AtomicU64,
    vain: AtomicU64,
    at_work: Arc<AtomicU64>,
}

/// How many calls whose rows share fuel may be made in vain, and after how many
/// of all one more, before none is made any more: what is won by one is much
/// less than what is lost by one in vain.
const VAIN_MAX: u64 = 4;
const VAIN_SHARE: u64 = 32;

/// How many idle instances are kept.
const IDLE_MAX: usize = 64;

/// How much memory an idle instance may have, in bytes.
const IDLE_MEMORY_BYTES_MAX: usize = 4 << 20;

impl Pool {
    pub(crate) fn new(
        module: Arc<wasmtime::InstancePre<Guard>>,
        exports: Exports,
        limits: Limits,
        remembers: bool,
        watch: Watch,
    ) -> Self {
        Self {
            module,
            exports,
            limits,
            remembers,
            watch,
            idle: Mutex::default(),
            together: AtomicU64::new(0),
            vain: AtomicU64::new(0),
            at_work: Arc::default(),
        }
    }

    /// Runs `call` on an instance of its own, for whose memory an account pays
    /// that is opened for it.
    pub(crate) fn call(
        &self,
        mut call: Call<'_>,
        account: impl Fn() -> Box<dyn Account>,
    ) -> Result<Answer, Stop> {
        let (_turn, _process_turn) = self.turns()?;
        let kind = self.rows(call.operation);
        if self.is_together(&call, kind) {
            call.budget.announced = Announced::Together;
            self.together.fetch_add(1, Ordering::Relaxed);
        }
        loop {
            let result = self.call_once(call, &account);
            match (&result, call.budget.announced) {
                // Which row it is, and whether it has burnt too much, shows only
                // where each is announced.
                (Err(Stop::Fuel { .. }), Announced::Together) => {
                    self.vain.fetch_add(1, Ordering::Relaxed);
                }
                (Err(Stop::Trap { .. } | Stop::Stack { .. }), Announced::Together) => {}
                (Err(Stop::Trap { row: None, .. }), Announced::Needed)
                    if call.alike && matches!(kind, Rows::Bounded { .. }) => {}
                _ => return result,
            }
            call.budget.announced = Announced::Each;
        }
    }

    /// Whether the rows of a call need not be told apart at first.
    fn is_together(&self, call: &Call<'_>, kind: Rows) -> bool {
        kind == Rows::Announced { together: true }
            && call.alike
            && call.arguments.rows() > 1
            && call.budget.fuel_together().is_some()
            && self.vain.load(Ordering::Relaxed)
                < VAIN_MAX + self.together.load(Ordering::Relaxed) / VAIN_SHARE
    }

    fn call_once(
        &self,
        call: Call<'_>,
        account: &impl Fn() -> Box<dyn Account>,
    ) -> Result<Answer, Stop> {
        let lap = self.watch.time(Step::Reset);
        let mut instance = if call.fresh {
            self.instantiate(call.budget, Some(account()))?
        } else if self.remembers {
            let any = |_: &Instance| true;
            self.lend(any, call.budget, Some(account()))?
        } else {
            let (rows, bytes) = (call.arguments.rows(), call.arguments.bytes());
            let account = || Some(account());
            let room = (rows, bytes, call.returns);
            self.lend_as_new(room, bytes, call.budget, account)?
        };
        drop(lap);
        let result = instance.call(call, &self.watch);
        if is_whole(&result) && (self.remembers || instance.can_be_reset()) {
            self.take_back(instance);
        }
        result
    }

    /// Whether the guest announces its rows, so that each has its own fuel.
    pub(crate) fn announces_rows(&self) -> bool {
        self.rows(0) != Rows::Shared
    }

    /// How the fuel of an operation's rows is granted.
    fn rows(&self, operation: usize) -> Rows {
        self.exports.operations[operation].1
    }

    /// How many rows the call of an operation may be about that cannot be called
    /// again, but may end before it has done all of them.
    pub(crate) fn rows_in_turn(&self, operation: usize, budget: Budget) -> usize {
        let rows = match self.rows(operation) {
            Rows::Bounded { fuel, .. } => budget.bounded_rows_within(fuel),
            Rows::Announced { .. } => ROWS_NARROW_MAX,
            Rows::Shared => budget.rows_within(),
        };
        rows as usize
    }

    /// Lends an instance that is as good as new for calls to come, the first of
    /// which is about so many rows and bytes of arguments and returns `returns`.
    ///
    /// With `room`, it is one that can be lent again, as long as its memory does
    /// not grow.
    pub(crate) fn lend_for(
        self: &Arc<Self>,
        room: Option<(u32, u64, &DataType)>,
        budget: Budget,
        account: impl Fn() -> Option<Box<dyn Account>>,
    ) -> Result<Lent, Stop> {
        let turns = self.turns()?;
        let _lap = self.watch.time(Step::Reset);
        let instance = match room {
            // Its first call may be about less.
            Some(room) => self.lend_as_new(room, 0, budget, account)?,
            None => self.instantiate(budget, account())?,
        };
        Ok(Lent {
            instance: Some(instance),
            pool: Arc::clone(self),
            _turns: turns,
        })
    }

    /// The most rows of a call. Where it `is_repeatable`, it can be made again
    /// with fewer, should they burn more than they have together; where it
    /// `is_open`, its answers may be of any size.
    pub(crate) fn rows_max(&self, budget: Budget, is_repeatable: bool, is_open: bool) -> usize {
        let rows = match self.rows(0) {
            Rows::Bounded { fuel, .. } => budget.bounded_rows_within(fuel),
            Rows::Shared | Rows::Announced { .. } if !is_repeatable => budget.rows_within(),
            Rows::Announced { .. } if !is_open => ROWS_MAX,
            Rows::Shared | Rows::Announced { .. } => ROWS_NARROW_MAX,
        };
        rows as usize
    }

    /// Makes an instance and keeps it, so that what can go wrong in doing so
    /// goes wrong before any query.
    pub(crate) fn warm(&self, budget: Budget) -> Result<(), Stop> {
        let instance = self.instantiate(budget, None)?;
        self.take_back(instance);
        Ok(())
    }

    /// A place for a call among those of the function and those of the process.
    fn turns(&self) -> Result<Turns, Stop> {
        turns(&self.at_work, self.limits.instances_max)
    }

    /// An instance in which nothing is left of an earlier call, with room for one
    /// of so many rows and bytes of arguments, of which `filled` are certain to
    /// be filled.
    fn lend_as_new(
        &self,
        (rows, bytes, returns): (u32, u64, &DataType),
        filled: u64,
        budget: Budget,
        account: impl Fn() -> Option<Box<dyn Account>>,
    ) -> Result<Instance, Stop> {
        let returns = Layout::of(returns).expect("the signature was checked");
        let room = Room::of(rows, bytes, &returns, self.limits.memory_bytes_max);
        let is_bare = |idle: &Instance| idle.room().is_none();
        let Some(room) = room.filter(|_| self.exports.globals.is_some()) else {
            return self.lend(is_bare, budget, account());
        };
        let fits = |idle: &Instance| idle.room() == Some(room) || is_bare(idle);
        let mut instance = self.lend(fits, budget, account())?;
        if instance.room().is_some() {
            instance.reset(filled);
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
                self.instantiate(budget, account())
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
        Instance::new(&self.module, &self.exports, self.limits, budget, account)
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

/// Whether an instance that has answered so may be called again.
fn is_whole(result: &Result<Answer, Stop>) -> bool {
    matches!(
        result,
        Ok(_) | Err(Stop::Failed { .. } | Stop::Result { .. })
    )
}

/// An instance that is lent for more than one call, and keeps between them what
/// the guest likes to keep. It goes back when it is dropped, if it can be made
/// as good as new.
pub(crate) struct Lent {
    /// None after a call that came to no end.
    instance: Option<Instance>,
    pool: Arc<Pool>,
    _turns: Turns,
}

impl Lent {
    /// Runs a call. After one that came to no end, there is no other.
    pub(crate) fn call(&mut self, call: Call<'_>) -> Result<Answer, Stop> {
        let gone = || Stop::Instantiate("it was stopped".to_owned());
        let mut instance = self.instance.take().ok_or_else(gone)?;
        let result = instance.call(call, &self.pool.watch);
        // One that has no room for an arena has run nothing but its allocator.
        if is_whole(&result) || matches!(result, Err(Stop::Arena { .. })) {
            self.instance = Some(instance);
        }
        result
    }

    /// How much memory it has, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.instance.as_ref().map_or(0, Instance::memory_bytes)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take()
            && instance.can_be_reset()
        {
            self.pool.take_back(instance);
        }
    }
}
