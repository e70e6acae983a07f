//! Pool of instances of one function.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow_schema::DataType;
use fusebox_definition::Limits;
use fusebox_instrument::RowFuel;
use fusebox_marshal::Layout;

use super::baseline::HeapPlan;
use super::budget::{Budget, ROWS_MAX, ROWS_NARROW_MAX, RowMetering};
use super::call_error::CallError;
use super::cancellation::Cancellation;
use super::exports::Exports;
use super::idle::{IdleInstances, IdleQueue, MEMORY_BYTES_MAX, Pin};
use super::instance::{Answer, Call, Instance, NextCall};
use super::memory_reservation::MemoryReservation;
use super::native_stack::on_guest_stack;
use super::permits::{Permits, permits};
use super::retry::{Attempt, NextStep, Repeat, after_preallocation, keeps_instance, next_step};
use super::store_limiter::StoreLimiter;
use crate::error::Result;
use crate::metrics::{Phase, Recorder};

/// Instances of one function of one module.
///
/// A call never waits for an instance: it takes an idle one or a new one, or fails at
/// the limit. The pool takes an instance back only after a call that returned, and only
/// while its memory is small, because idle memory is charged to no query but bounded for
/// the runtime. Each call finds an instance in its baseline state, unless the pool keeps
/// state.
pub(crate) struct Pool {
    module: Arc<wasmtime::InstancePre<StoreLimiter>>,
    exports: Exports,
    limits: Limits,
    /// True if instances keep state between calls.
    keeps_state: bool,
    idle: IdleQueue,
    all_idle: IdleInstances,
    active: Arc<AtomicU64>,
}

/// Size of the first call of an instance, by which a preallocated one is chosen.
#[derive(Clone, Copy)]
pub(crate) struct CallSize<'a> {
    pub(crate) rows: u32,
    /// Lowered arguments in bytes.
    pub(crate) argument_bytes: u64,
    pub(crate) returns: &'a DataType,
}

impl Pool {
    pub(crate) fn new(
        module: Arc<wasmtime::InstancePre<StoreLimiter>>,
        exports: Exports,
        limits: Limits,
        keeps_state: bool,
        idle: &IdleInstances,
    ) -> Self {
        Self {
            module,
            exports,
            limits,
            keeps_state,
            idle: idle.queue(),
            all_idle: idle.clone(),
            active: Arc::default(),
        }
    }

    /// Runs a call in an instance of its own. `reservation` opens a reservation of the
    /// memory for each attempt.
    pub(crate) fn call(
        &self,
        mut call: Call<'_>,
        reservation: impl Fn() -> Box<dyn MemoryReservation>,
    ) -> Result<Answer, CallError> {
        let _permits = self.permits()?;
        let rows = self.rows(call.operation);
        if self.groups_rows(&call, rows) {
            call.budget.metering = RowMetering::Grouped;
            call.calibration.count_grouped();
        }
        loop {
            let metering = call.budget.metering;
            let error = match self.call_once(call, &reservation) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let attempt = Attempt {
                rows: call.arguments.rows() as usize,
                metering,
                is_bounded: matches!(rows, RowFuel::Bounded { .. }),
                is_fresh: call.is_fresh,
                repeat: match call.batch_invariant {
                    true => Repeat::Always,
                    false => Repeat::Never,
                },
            };
            if next_step(&error, attempt) != NextStep::MeterPerRow {
                return Err(error);
            }
            if metering == RowMetering::Grouped && matches!(error, CallError::Fuel { .. }) {
                call.calibration.count_grouped_failed();
            }
            call.statistics.count_retry();
            call.budget.metering = RowMetering::PerRow;
        }
    }

    /// Returns true if the rows of a call are first metered in groups.
    fn groups_rows(&self, call: &Call<'_>, rows: RowFuel) -> bool {
        rows == RowFuel::PerRow { grouped: true }
            && call.batch_invariant
            && call.arguments.rows() > 1
            && call.budget.fuel_per_group().is_some()
            && call.calibration.groups_rows()
    }

    fn call_once(
        &self,
        call: Call<'_>,
        reservation: &impl Fn() -> Box<dyn MemoryReservation>,
    ) -> Result<Answer, CallError> {
        let timer = call.recorder.time(Phase::Reset);
        let cancellation = call.cancellation;
        let mut instance = if call.is_fresh {
            self.instantiate(call.budget, cancellation, Some(reservation()))?
        } else if self.keeps_state {
            let any = |_: &Instance| true;
            self.acquire(any, call.budget, cancellation, Some(reservation()))?
        } else {
            let size = CallSize {
                rows: call.arguments.rows(),
                argument_bytes: call.arguments.bytes(),
                returns: call.returns,
            };
            let reservation = || Some(reservation());
            let next = NextCall {
                argument_bytes: size.argument_bytes,
                has_nulls: call.arguments.has_nulls(),
            };
            self.acquire_clean(size, next, call.budget, cancellation, reservation)?
        };
        drop(timer);
        let result = instance.call(call);
        let is_usable = result.as_ref().err().is_none_or(keeps_instance);
        if is_usable && (self.keeps_state || instance.is_resettable()) {
            self.idle.put(instance);
        }
        result
    }

    /// Returns true if the guest begins rows, so that each has fuel of its own.
    pub(crate) fn meters_rows(&self) -> bool {
        self.rows(0) != RowFuel::Shared
    }

    /// Returns true if the guest begins rows in an operation.
    pub(crate) fn begins_rows(&self, operation: usize) -> bool {
        matches!(self.rows(operation), RowFuel::PerRow { .. })
    }

    /// Returns true if calls for `rows` rows may together burn more fuel than is granted at
    /// once.
    pub(crate) fn may_run_long(&self, operation: usize, budget: Budget, rows: usize) -> bool {
        match self.rows(operation) {
            RowFuel::Bounded { fuel, .. } => budget.bounded_rows_within(fuel) < rows as u64,
            RowFuel::PerRow { .. } | RowFuel::Shared => budget.exceeds_grant(rows),
        }
    }

    /// Returns the fuel rule of an operation's rows.
    fn rows(&self, operation: usize) -> RowFuel {
        self.exports.operations[operation].1
    }

    /// Returns the maximum rows of a call that cannot be repeated but may return before
    /// it has done all of them.
    pub(crate) fn stateful_rows_max(&self, operation: usize, budget: Budget) -> usize {
        let rows = match self.rows(operation) {
            RowFuel::Bounded { fuel, .. } => budget.bounded_rows_within(fuel),
            RowFuel::PerRow { .. } => ROWS_NARROW_MAX,
            RowFuel::Shared => budget.rows_within(),
        };
        rows as usize
    }

    /// Checks out an instance in its baseline state for several calls.
    ///
    /// With the `size` of the first call, the instance is preallocated and returns to the
    /// pool unless its memory grows.
    pub(crate) fn check_out(
        self: &Arc<Self>,
        size: Option<CallSize<'_>>,
        budget: Budget,
        cancellation: &Cancellation,
        recorder: &Recorder,
        reservation: impl Fn() -> Option<Box<dyn MemoryReservation>>,
    ) -> Result<PooledInstance, CallError> {
        let permits = self.permits()?;
        let _timer = recorder.time(Phase::Reset);
        let instance = match size {
            Some(size) => {
                let next = NextCall::UNKNOWN;
                self.acquire_clean(size, next, budget, cancellation, reservation)?
            }
            None => self.instantiate(budget, cancellation, reservation())?,
        };
        Ok(PooledInstance {
            instance: Some(instance),
            pool: Arc::clone(self),
            _permits: permits,
        })
    }

    /// Returns the maximum rows of a scalar call.
    ///
    /// `is_repeatable` states that a call can be repeated with fewer rows, `is_open` that
    /// results are of variable size.
    pub(crate) fn rows_max(&self, budget: Budget, is_repeatable: bool, is_open: bool) -> usize {
        let rows = match self.rows(0) {
            RowFuel::Bounded { fuel, .. } => budget.bounded_rows_within(fuel),
            RowFuel::Shared | RowFuel::PerRow { .. } if !is_repeatable => budget.rows_within(),
            RowFuel::PerRow { .. } if !is_open => ROWS_MAX,
            RowFuel::Shared | RowFuel::PerRow { .. } => ROWS_NARROW_MAX,
        };
        rows as usize
    }

    /// Creates an empty pool of the same function.
    pub(crate) fn fork(&self) -> Self {
        Self::new(
            Arc::clone(&self.module),
            self.exports.clone(),
            self.limits,
            self.keeps_state,
            &self.all_idle,
        )
    }

    /// Returns true if instances keep state between calls.
    pub(crate) fn keeps_state(&self) -> bool {
        self.keeps_state
    }

    /// Keeps the idle instances while the pin lives.
    pub(crate) fn pin(&self) -> Pin {
        self.idle.pin()
    }

    /// Instantiates once, so that errors of instantiation occur before any query. The
    /// instance is not kept: there may be thousands of functions, most of them never
    /// called.
    pub(crate) fn warm(
        &self,
        budget: Budget,
        cancellation: &Cancellation,
    ) -> Result<(), CallError> {
        self.instantiate(budget, cancellation, None).map(drop)
    }

    fn permits(&self) -> Result<Permits, CallError> {
        permits(&self.active, self.limits.instances_max)
    }

    /// Acquires an instance in its baseline state, preallocated for calls of this size: for all
    /// that the `next` call depends on.
    fn acquire_clean(
        &self,
        size: CallSize<'_>,
        next: NextCall,
        budget: Budget,
        cancellation: &Cancellation,
        reservation: impl Fn() -> Option<Box<dyn MemoryReservation>>,
    ) -> Result<Instance, CallError> {
        let returns = Layout::of(size.returns).expect("the signature was checked");
        let memory_bytes_max = self.limits.memory_bytes_max;
        let plan = HeapPlan::of(size.rows, size.argument_bytes, &returns, memory_bytes_max);
        let is_pristine = |idle: &Instance| idle.plan().is_none();
        let Some(plan) = plan.filter(|_| self.exports.globals.is_some()) else {
            return self.acquire(is_pristine, budget, cancellation, reservation());
        };
        let fits = |idle: &Instance| idle.plan() == Some(plan) || is_pristine(idle);
        let mut instance = self.acquire(fits, budget, cancellation, reservation())?;
        if instance.plan().is_some() {
            instance.reset(next);
            return Ok(instance);
        }
        // An instance that is too large to be kept is not preallocated.
        let pristine_bytes = instance.pristine_bytes() as u64;
        if pristine_bytes.saturating_add(plan.bytes()) > MEMORY_BYTES_MAX as u64 {
            return Ok(instance);
        }
        match instance.preallocate(plan, budget) {
            Ok(()) => Ok(instance),
            Err(error) if after_preallocation(&error) == NextStep::FreshInstance => {
                drop(instance);
                self.instantiate(budget, cancellation, reservation())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes an idle instance that fits, or instantiates one.
    fn acquire(
        &self,
        fits: impl Fn(&Instance) -> bool,
        budget: Budget,
        cancellation: &Cancellation,
        reservation: Option<Box<dyn MemoryReservation>>,
    ) -> Result<Instance, CallError> {
        match self.idle.take(fits) {
            Some(mut instance) => {
                instance.attach(cancellation, reservation)?;
                Ok(instance)
            }
            None => self.instantiate(budget, cancellation, reservation),
        }
    }

    fn instantiate(
        &self,
        budget: Budget,
        cancellation: &Cancellation,
        reservation: Option<Box<dyn MemoryReservation>>,
    ) -> Result<Instance, CallError> {
        on_guest_stack(|| {
            Instance::new(
                &self.module,
                &self.exports,
                self.limits,
                budget,
                cancellation,
                reservation,
            )
        })
    }
}

/// Instance that is checked out for several calls and keeps guest state between them.
/// Returns to the pool when dropped, if it can be reset.
pub(crate) struct PooledInstance {
    /// `None` after a call that did not return.
    instance: Option<Instance>,
    pool: Arc<Pool>,
    _permits: Permits,
}

impl PooledInstance {
    /// Runs a call. After one that did not return, all further calls fail.
    pub(crate) fn call(&mut self, call: Call<'_>) -> Result<Answer, CallError> {
        let gone = || CallError::Instantiate("it was stopped".to_owned());
        let mut instance = self.instance.take().ok_or_else(gone)?;
        let result = instance.call(call);
        // Where no arena could be allocated, nothing but the allocator ran.
        let is_usable = match &result {
            Ok(_) => true,
            Err(error) => keeps_instance(error) || matches!(error, CallError::Arena { .. }),
        };
        if is_usable {
            self.instance = Some(instance);
        }
        result
    }

    /// Returns the size of the linear memory in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.instance.as_ref().map_or(0, Instance::memory_bytes)
    }
}

impl Drop for PooledInstance {
    fn drop(&mut self) {
        if let Some(instance) = self.instance.take()
            && instance.is_resettable()
        {
            self.pool.idle.put(instance);
        }
    }
}
