//! One instance of a module, and the calls into it.

// Creation of instances.
mod create;

// Memory and mappings of an instance.
mod size;

use std::cell::RefCell;
use std::time::Instant;

use arrow_array::{Array, ArrayRef};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use fusebox_abi::{ALIGNMENT, STATUS_FAILURE, STATUS_OK};
use fusebox_instrument::RowFuel;
use fusebox_marshal::lift::{lift_failure, lift_rows_within};
use fusebox_marshal::lower::Lowering;
use fusebox_marshal::{AbiViolation, GuestAddr, ResultMemory};

use super::baseline::{Baseline, HeapPlan};
use super::budget::{Budget, page_fuel};
use super::calibration::Calibration;
use super::call_error::CallError;
use super::call_log::CallLog;
use super::cancellation::Cancellation;
use super::memory_reservation::MemoryReservation;
use super::meter::{Meter, is_light, might_fit_with_fewer};
use super::native_stack::on_guest_stack;
use super::store_limiter::StoreLimiter;
use super::watchdog::Polling;
use crate::metrics::{CompletedCall, Phase, Recorder, Timer};
use crate::notices::{CallStatistics, FunctionStatistics};

/// Bytes that memory grown in one step may waste compared with memory grown in small
/// steps: a remainder in front, and a page behind.
const GROWTH_LOSS_BYTES_MAX: usize = 3 << 16;

/// Instance of a module, ready to be called.
///
/// After any error but [`CallError::Failed`] and [`CallError::Result`], it must not be
/// called again; the pool discards it then.
pub(crate) struct Instance {
    store: Store,
    memory: wasmtime::Memory,
    /// Time of the statement, if the guest may read it.
    clock: Option<wasmtime::Global>,
    /// True if calls without nulls do not depend on what earlier ones left in memory.
    is_free_of_memory: bool,
    /// Mutable globals of the guest.
    globals: Vec<wasmtime::Global>,
    alloc: wasmtime::TypedFunc<u32, u32>,
    operations: Vec<(Operation, RowFuel)>,
    meter: Meter,
    /// Cancels calls while they run.
    polling: Option<Polling>,
    /// Address of the arena and its size in bytes.
    arena: (GuestAddr, u32),
    result_bytes_max: u64,
    /// Size of the linear memory after instantiation, in bytes.
    pristine_bytes: usize,
    /// State that is restored before each call, once recorded.
    baseline: Option<Baseline>,
    /// Fuel of its creation, apart from its pages; `None` if fuel is not counted.
    creation_fuel: Option<u64>,
    /// Fuel of its preparation since the last call, which the next one is reported with:
    /// of its initialisation if it is fresh, and of its pages, whether it is fresh or reset.
    preparation_fuel: u64,
    /// Its creation and resets since the last call, which the next one is counted with.
    preparation: FunctionStatistics,
}

type Store = wasmtime::Store<StoreLimiter>;

type Operation = wasmtime::TypedFunc<(u32, u32, u32), u32>;

/// Traits of the call that follows a reset, as far as they are certain.
#[derive(Clone, Copy, Debug)]
pub(super) struct NextCall {
    /// Bytes of the arena that it fills.
    pub(super) argument_bytes: u64,
    /// True if a row of its arguments may be null.
    pub(super) has_nulls: bool,
}

impl NextCall {
    /// A call of which nothing is certain.
    pub(super) const UNKNOWN: Self = Self {
        argument_bytes: 0,
        has_nulls: true,
    };
}

/// One call of an operation.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// Index of the operation in the [`Exports`](super::exports::Exports).
    pub(crate) operation: usize,
    pub(crate) arguments: &'a Lowering,
    pub(crate) budget: Budget,
    /// Type of the result column; Null for operations that return only their progress.
    pub(crate) returns: &'a DataType,
    /// Minimum number of rows that the call must complete.
    pub(crate) rows_min: u32,
    /// Memory that the result column is charged to.
    pub(crate) results: &'a ResultMemory<'a>,
    /// Rows whose result is null whatever the guest returns.
    pub(crate) nulls: Option<&'a NullBuffer>,
    /// True if the outcome must not depend on the batch: a call that was denied memory has
    /// none, because with fewer rows or in a fresh instance it might differ.
    pub(crate) batch_invariant: bool,
    /// True if the call needs an instance that was never called.
    pub(crate) is_fresh: bool,
    /// Time of the statement, in nanoseconds since 1970.
    pub(crate) timestamp: i64,
    /// Cancels the call.
    pub(crate) cancellation: &'a Cancellation,
    pub(crate) calibration: &'a Calibration,
    pub(crate) statistics: &'a CallStatistics,
    pub(crate) recorder: &'a Recorder,
    /// Messages that the guest logs, of the last attempt.
    pub(crate) log: &'a RefCell<CallLog>,
}

/// Result of a call.
pub(crate) struct Answer {
    pub(crate) column: ArrayRef,
    /// True if a call with twice as many rows would have stayed within its fuel and half of
    /// the memory limit.
    pub(crate) is_light: bool,
}

impl Instance {
    /// Preallocates arena and heap of a fresh instance and records its baseline. If that
    /// fails, the instance must not be used.
    pub(super) fn preallocate(&mut self, plan: HeapPlan, budget: Budget) -> Result<(), CallError> {
        // The allocator frees all of it, then hands out a part as the arena.
        on_guest_stack(|| {
            self.reserve(plan.bytes(), budget)?;
            self.arena = (GuestAddr(0), 0);
            self.reserve(plan.arena_bytes, budget)
        })?;
        let grown = self.memory_bytes() - self.pristine_bytes;
        if self.creation_fuel.is_some() {
            self.preparation_fuel += page_fuel(grown);
        }
        let globals = &self.globals;
        self.baseline = Some(Baseline::of(
            plan,
            self.arena,
            self.memory,
            globals,
            &mut self.store,
        ));
        Ok(())
    }

    /// Returns the plan of its preallocation, if there was one.
    pub(super) fn plan(&self) -> Option<HeapPlan> {
        self.baseline.as_ref().map(Baseline::plan)
    }

    /// Returns true if it can be reset after a call.
    pub(super) fn is_resettable(&self) -> bool {
        let baseline = self.baseline.as_ref();
        baseline.is_some_and(|baseline| baseline.is_restorable(self.memory, &self.store))
    }

    /// Resets it to its baseline, but for what the next call is certain not to depend on.
    pub(super) fn reset(&mut self, next: NextCall) {
        if let Some(baseline) = &self.baseline {
            self.preparation.resets += 1;
            // A call that needed a larger arena has replaced it.
            self.arena = baseline.arena();
            if next.has_nulls || !self.is_free_of_memory {
                let (arena, capacity) = self.arena;
                let start = arena.0 as usize;
                let filled = start..start + next.argument_bytes.min(capacity.into()) as usize;
                baseline.restore_memory(self.memory, filled, &mut self.store);
            }
            baseline.restore_globals(&mut self.store);
            let creation_fuel = self.creation_fuel;
            self.preparation_fuel =
                creation_fuel.map_or(0, |fuel| fuel + page_fuel(baseline.memory_bytes()));
        }
    }

    /// Attaches a reservation of its memory and the token that cancels its calls.
    pub(super) fn attach(
        &mut self,
        cancellation: &Cancellation,
        reservation: Option<Box<dyn MemoryReservation>>,
    ) -> Result<(), CallError> {
        let bytes = self.memory.data_size(&self.store);
        let limiter = self.store.data_mut();
        limiter.set_cancellation(cancellation);
        Ok(limiter.attach(reservation, bytes)?)
    }

    /// Releases the reservation; returns the size of the linear memory in bytes.
    pub(super) fn release(&mut self) -> usize {
        self.store.data_mut().release();
        self.memory.data_size(&self.store)
    }

    /// Lowers the arguments, calls the guest, and lifts the result.
    pub(super) fn call(&mut self, call: Call<'_>) -> Result<Answer, CallError> {
        let mut counts = std::mem::take(&mut self.preparation);
        let answer = on_guest_stack(|| self.call_here(call, &mut counts));
        counts.memory_bytes_max = self.memory_bytes() as u64;
        call.statistics.add(&counts);
        call.log
            .replace(std::mem::take(&mut self.store.data_mut().log));
        answer
    }

    /// Calls the guest, and adds the call to `counts`.
    fn call_here(
        &mut self,
        call: Call<'_>,
        counts: &mut FunctionStatistics,
    ) -> Result<Answer, CallError> {
        let Call { budget, .. } = call;
        let (function, kind) = self.operations[call.operation].clone();
        let (rows, bytes) = (call.arguments.rows(), call.arguments.bytes());
        self.store.data_mut().set_cancellation(call.cancellation);
        let mut timer = call.recorder.time(Phase::Guest);
        if let Some(clock) = self.clock {
            let timestamp = wasmtime::Val::I64(call.timestamp);
            clock
                .set(&mut self.store, timestamp)
                .expect("the driver exports a mutable global of this type");
        }
        let arena = self.reserve(bytes, budget)?;
        timer.enter(Phase::Lower);
        let memory = self.memory.data_mut(&mut self.store);
        let lowered = call.arguments.write(arena, memory)?;
        timer.enter(Phase::Guest);
        let addresses = (lowered.args.0, rows, lowered.result.0);
        self.meter
            .begin_rows(&mut self.store, budget, kind, rows, bytes)?;
        let guest = |store: &mut Store| function.call(store, addresses);
        let started = Instant::now();
        let ended = run(&mut self.store, self.polling.as_ref(), guest);
        counts.guest_time = started.elapsed();
        let ended = ended?;
        let ended = self
            .meter
            .verdict(&mut self.store, Some(self.memory), ended);
        timer.enter(Phase::Lift);
        // With fewer rows or in a fresh instance it might have had the memory, so this
        // outcome depends on the batch.
        if call.batch_invariant && self.store.data().was_denied() {
            return Err(CallError::Memory { row: None });
        }
        if call.batch_invariant && rows > 1 && self.has_grown_much() {
            return Err(CallError::BatchTooLarge);
        }
        let status = match ended {
            Err(CallError::Fuel { row: None }) if might_fit_with_fewer(kind, budget, rows) => {
                return Err(CallError::BatchTooLarge);
            }
            ended => ended?,
        };
        let memory = self.memory.data(&self.store);
        match status {
            STATUS_OK => self.complete(call, kind, lowered.result, timer, counts),
            STATUS_FAILURE => {
                let (row, message) = lift_failure(lowered.result, memory, rows.into())?;
                Err(CallError::Failed { row, message })
            }
            other => Err(AbiViolation::Status(other).into()),
        }
    }

    /// Lifts the result of a call that the guest has completed.
    fn complete(
        &mut self,
        call: Call<'_>,
        kind: RowFuel,
        result: GuestAddr,
        timer: Timer<'_>,
        counts: &mut FunctionStatistics,
    ) -> Result<Answer, CallError> {
        let (rows, bytes) = (call.arguments.rows(), call.arguments.bytes());
        let charged = call.results.bytes();
        let column = lift_rows_within(
            result,
            self.memory.data(&self.store),
            call.returns,
            call.rows_min.into()..=rows.into(),
            call.nulls,
            self.result_bytes_max,
            call.results,
        )?;
        let memory_bytes = self.memory.data_size(&self.store);
        let store = &mut self.store;
        let burnt = self.meter.burnt(store, call.budget, kind, rows, bytes);
        let fuel = burnt.saturating_add(std::mem::take(&mut self.preparation_fuel));
        counts.calls = 1;
        counts.rows = column.len() as u64;
        counts.fuel = fuel;
        counts.lowered_bytes = bytes;
        counts.lifted_bytes = call.results.bytes().saturating_sub(charged);
        timer.complete(CompletedCall {
            lowered_bytes: bytes,
            column: &column,
            fuel,
            memory_bytes,
        });
        Ok(Answer {
            column,
            is_light: is_light(call.budget, kind, rows, bytes, burnt)
                && !self.store.data().is_much(memory_bytes * 2),
        })
    }

    /// Returns true if memory has grown so much that a row alone might not have had what it
    /// had in a batch: memory grown in small steps wastes less than memory grown in one.
    fn has_grown_much(&self) -> bool {
        let bytes = self.memory.data_size(&self.store);
        let before = self
            .baseline
            .as_ref()
            .map_or(self.pristine_bytes, Baseline::memory_bytes);
        let limiter = self.store.data();
        bytes > before && limiter.is_much(bytes)
            || bytes > self.pristine_bytes && limiter.is_much(bytes + GROWTH_LOSS_BYTES_MAX)
    }

    /// Returns the arena, of at least `bytes` bytes; the one of the last call if it is
    /// large enough.
    fn reserve(&mut self, bytes: u64, budget: Budget) -> Result<GuestAddr, CallError> {
        let (arena, capacity) = self.arena;
        if bytes <= capacity.into() {
            return Ok(arena);
        }
        // No headroom: batches seldom grow, and touched memory must be reset.
        let wanted = u32::try_from(bytes).map_err(|_| CallError::Arena { bytes })?;
        // The guest may have freed the old arena before it fails.
        self.arena = (GuestAddr(0), 0);
        self.meter.begin_bytes(&mut self.store, budget, bytes)?;
        let alloc = &self.alloc;
        let guest = |store: &mut Store| alloc.call(store, wanted);
        let ended = run(&mut self.store, self.polling.as_ref(), guest)?;
        let address = self
            .meter
            .verdict(&mut self.store, Some(self.memory), ended)?;
        if address == 0 {
            return Err(CallError::Arena { bytes });
        }
        if !(address as usize).is_multiple_of(ALIGNMENT) {
            return Err(AbiViolation::Unaligned { address }.into());
        }
        let arena = GuestAddr(address);
        arena.bytes(bytes, self.memory.data(&self.store))?;
        self.arena = (arena, wanted);
        Ok(arena)
    }
}

/// Runs guest code, which a cancellation ends if the module is polled.
fn run<T>(
    store: &mut Store,
    polling: Option<&Polling>,
    guest: impl FnOnce(&mut Store) -> T,
) -> Result<T, CallError> {
    let Some((polling, cancellation)) = polling.zip(store.data().cancellation().cloned()) else {
        return Ok(guest(store));
    };
    let (ended, is_stopped) = polling.run(&cancellation, || guest(store));
    match is_stopped {
        true => Err(CallError::Cancelled),
        false => Ok(ended),
    }
}
