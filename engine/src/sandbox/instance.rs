//! One instance: a module with a memory of its own, and the calls into it.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use fusebox_abi::{
    ALIGNMENT, EXPORT_ALLOC, EXPORT_INITIALIZE, EXPORT_MEMORY, STATUS_FAILURE, STATUS_OK,
};
use fusebox_instrument::{EXPORT_GLOBAL_PREFIX, EXPORT_START, Rows};
use fusebox_marshal::GuestAddr;
use fusebox_marshal::lift::{failure, lift_some};
use fusebox_marshal::lower::Lowering;

use super::account::Account;
use super::budget::Budget;
use super::cancellation::Cancellation;
use super::guard::Guard;
use super::meter::{self, Meter, is_light};
use super::reset::{Base, Room};
use super::sampler::Sampler;
use super::stop::{Stop, instantiating};
use crate::definition::Limits;
use crate::error::Breach;
use crate::measure::{Answered, Step, Watch};

/// What memory that grows at once may lose against memory that grows little by
/// little, in bytes: what is left over in front of it, and a page behind it.
const GROWTH_LOSS_BYTES_MAX: usize = 3 << 16;

/// A module with its own memory, ready to be called.
///
/// An instance that stopped for any reason but [`Stop::Failed`] and
/// [`Stop::Result`] must not be used again: who lends it sees to that.
pub(crate) struct Instance {
    store: wasmtime::Store<Guard>,
    memory: wasmtime::Memory,
    /// The guest's own, as far as they can change.
    globals: Vec<wasmtime::Global>,
    alloc: wasmtime::TypedFunc<u32, u32>,
    operations: Vec<(Operation, Rows)>,
    meter: Meter,
    /// The guest's arena and its size in bytes.
    arena: (GuestAddr, u32),
    result_bytes_max: u64,
    /// How much memory there was before anybody asked for more.
    bare_bytes: usize,
    /// What it is given back before each call, where it is.
    base: Option<Base>,
}

type Operation = wasmtime::TypedFunc<(u32, u32, u32), u32>;

/// What of a module is instantiated.
#[derive(Clone)]
pub(crate) struct Exports {
    /// What can be called, and how the fuel of its rows is granted.
    pub(crate) operations: Vec<(String, Rows)>,
    /// How many globals an instance must be given back to be as good as new,
    /// with its memory, if that is enough.
    pub(crate) globals: Option<usize>,
    /// Who looks at what the instances do.
    pub(crate) sampler: Option<Arc<Sampler>>,
}

/// One call's arguments and what is expected of it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// What is called, by its place among the [`Exports`].
    pub(crate) operation: usize,
    pub(crate) arguments: &'a Lowering,
    pub(crate) budget: Budget,
    /// The type of the column that it answers; Null where it answers none but
    /// says how many rows it did.
    pub(crate) returns: &'a DataType,
    /// How many of the rows it must answer at least.
    pub(crate) rows_min: u32,
    /// The rows that are null whatever the guest says.
    pub(crate) nulls: Option<&'a NullBuffer>,
    /// Whether a call that was denied memory has no answer, since with fewer
    /// rows, or in a fresh instance, it might have another.
    pub(crate) alike: bool,
    /// Whether the instance must be one that was never called before.
    pub(crate) fresh: bool,
    /// What tells the call to stop.
    pub(crate) cancellation: &'a Cancellation,
}

/// A call's answer.
pub(crate) struct Answer {
    pub(crate) column: ArrayRef,
    /// Whether one about twice as many rows would not have burnt what it may
    /// burn.
    pub(crate) is_light: bool,
}

impl Exports {
    /// Whether anything that can be called announces its rows.
    fn announce_rows(&self) -> bool {
        let mut operations = self.operations.iter();
        operations.any(|(_, rows)| *rows != Rows::Shared)
    }
}

impl Instance {
    /// Instantiates the module; `exports` were checked when the module was
    /// inspected.
    pub(super) fn new(
        module: &wasmtime::InstancePre<Guard>,
        exports: &Exports,
        limits: Limits,
        budget: Budget,
        account: Option<Box<dyn Account>>,
    ) -> Result<Self, Stop> {
        let guard = Guard::new(limits.memory_bytes_max, account);
        let mut store = wasmtime::Store::new(module.module().engine(), guard);
        store.limiter(|guard| guard);
        if let Some(sampler) = &exports.sampler {
            sampler.watch(&mut store);
        }
        let instance = module.instantiate(&mut store).map_err(instantiating)?;
        let meter = Meter::of(instance, &mut store);
        if exports.announce_rows() {
            meter::install_refill(instance, &mut store).map_err(instantiating)?;
        }
        for start in [EXPORT_START, EXPORT_INITIALIZE] {
            if let Some(start) = instance.get_func(&mut store, start) {
                let start = start.typed::<(), ()>(&store).map_err(instantiating)?;
                meter.begin_bytes(&mut store, budget, 0)?;
                let ended = start.call(&mut store, ());
                meter.verdict(&mut store, None, ended)?;
            }
        }
        let memory = instance
            .get_memory(&mut store, EXPORT_MEMORY)
            .expect("the inspection found a memory of that name");
        let alloc = instance
            .get_typed_func(&mut store, EXPORT_ALLOC)
            .expect("the inspection found the allocator and its type");
        let operations = exports.operations.iter().map(|(name, rows)| {
            let function = instance
                .get_typed_func(&mut store, name)
                .expect("the inspection found the operation and its type");
            (function, *rows)
        });
        let operations = operations.collect();
        let globals = (0..exports.globals.unwrap_or_default()).map(|number| {
            instance
                .get_global(&mut store, &format!("{EXPORT_GLOBAL_PREFIX}{number}"))
                .expect("the instrumentation has exported as many")
        });
        let globals = globals.collect();
        let bare_bytes = memory.data_size(&store);
        Ok(Self {
            store,
            memory,
            globals,
            alloc,
            operations,
            meter,
            arena: (GuestAddr(0), 0),
            result_bytes_max: limits.result_bytes_max,
            bare_bytes,
            base: None,
        })
    }

    /// Makes room for calls, and notes what there is then, in an instance that
    /// was never called. If that fails, the instance must not be used.
    pub(super) fn furnish(&mut self, room: Room, budget: Budget) -> Result<(), Stop> {
        // The guest's allocator gets back all of that and then gives us a part.
        self.reserve(room.bytes(), budget)?;
        self.arena = (GuestAddr(0), 0);
        self.reserve(room.arena_bytes, budget)?;
        let globals = &self.globals;
        self.base = Some(Base::of(
            room,
            self.arena,
            self.memory,
            globals,
            &mut self.store,
        ));
        Ok(())
    }

    /// How much memory there is, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// How much memory there was before anybody asked for more, in bytes.
    pub(super) fn bare_bytes(&self) -> usize {
        self.bare_bytes
    }

    /// What room it has been given, unless it is as bare as in the beginning.
    pub(super) fn room(&self) -> Option<Room> {
        self.base.as_ref().map(Base::room)
    }

    /// Whether it can be made as good as new, once it was called.
    pub(super) fn can_be_reset(&self) -> bool {
        let base = self.base.as_ref();
        base.is_some_and(|base| base.is_in_reach(self.memory, &self.store))
    }

    /// Makes it as good as new, for a call that is certain to fill so many bytes
    /// with arguments.
    pub(super) fn reset(&mut self, bytes: u64) {
        if let Some(base) = &self.base {
            // A call that needed more has put another in its place.
            self.arena = base.arena();
            let (arena, capacity) = self.arena;
            let start = arena.0 as usize;
            let filled = start..start + bytes.min(capacity.into()) as usize;
            base.restore(self.memory, filled, &mut self.store);
        }
    }

    /// Has `account` pay for the memory.
    pub(super) fn charge_to(&mut self, account: Option<Box<dyn Account>>) -> Result<(), Stop> {
        let bytes = self.memory.data_size(&self.store);
        Ok(self.store.data_mut().charge_to(account, bytes)?)
    }

    /// Has nobody pay any more, and returns how many bytes of memory there are.
    pub(super) fn settle(&mut self) -> usize {
        self.store.data_mut().settle();
        self.memory.data_size(&self.store)
    }

    /// Lowers, calls, lifts.
    pub(super) fn call(&mut self, call: Call<'_>, watch: &Watch) -> Result<Answer, Stop> {
        let Call { budget, .. } = call;
        let (function, kind) = self.operations[call.operation].clone();
        let rows = call.arguments.rows();
        let bytes = call.arguments.bytes();
        let mut lap = watch.time(Step::Guest);
        let arena = self.reserve(bytes, budget)?;
        lap.enter(Step::Lower);
        let memory = self.memory.data_mut(&mut self.store);
        let lowered = call.arguments.write(arena, memory)?;
        lap.enter(Step::Guest);
        let addresses = (lowered.args.0, rows, lowered.result.0);
        self.store.data_mut().heed(call.cancellation);
        self.meter
            .begin_rows(&mut self.store, budget, kind, rows, bytes)?;
        let ended = function.call(&mut self.store, addresses);
        let ended = self
            .meter
            .verdict(&mut self.store, Some(self.memory), ended);
        lap.enter(Step::Lift);
        // With fewer rows beside, or in a fresh instance, it would have had the
        // memory: however it ended, that does not count.
        if call.alike && self.store.data().was_denied() {
            return Err(Stop::Memory { row: None });
        }
        // Memory that grew little by little is better used than memory that
        // grew at once: a row might not have had alone what it had among others.
        if call.alike && rows > 1 && self.has_grown_much() {
            return Err(Stop::Spent);
        }
        let status = match ended {
            Err(Stop::Fuel { row: None }) if might_do_with_fewer(kind, budget, rows) => {
                return Err(Stop::Spent);
            }
            ended => ended?,
        };
        let memory = self.memory.data(&self.store);
        match status {
            STATUS_OK => {
                let column = lift_some(
                    lowered.result,
                    memory,
                    call.returns,
                    call.rows_min.into()..=rows.into(),
                    call.nulls,
                    self.result_bytes_max,
                )?;
                let memory_bytes = self.memory.data_size(&self.store);
                let fuel = self.meter.burnt(&mut self.store, budget, kind, rows, bytes);
                lap.answered(Answered {
                    lowered_bytes: bytes,
                    column: &column,
                    fuel,
                    memory_bytes,
                });
                let is_light = is_light(budget, kind, rows, bytes, fuel)
                    && !self.store.data().is_much(memory_bytes * 2);
                Ok(Answer { column, is_light })
            }
            STATUS_FAILURE => {
                let (row, message) = failure(lowered.result, memory, rows.into())?;
                Err(Stop::Failed { row, message })
            }
            other => Err(Breach::Status(other).into()),
        }
    }

    fn has_grown_much(&self) -> bool {
        let bytes = self.memory.data_size(&self.store);
        let before = self
            .base
            .as_ref()
            .map_or(self.bare_bytes, Base::memory_bytes);
        let guard = self.store.data();
        bytes > before && guard.is_much(bytes)
            || bytes > self.bare_bytes && guard.is_much(bytes + GROWTH_LOSS_BYTES_MAX)
    }

    /// The arena, of `bytes` bytes at least: the one from the last call where
    /// that is large enough.
    fn reserve(&mut self, bytes: u64, budget: Budget) -> Result<GuestAddr, Stop> {
        let (arena, capacity) = self.arena;
        if bytes <= capacity.into() {
            return Ok(arena);
        }
        // Twice what is needed now would be kind to a growing batch, but
        // batches seldom grow, and memory that is touched must be reset.
        let wanted = u32::try_from(bytes).map_err(|_| Stop::Arena { bytes })?;
        // The guest may have given up the old arena before it fails.
        self.arena = (GuestAddr(0), 0);
        self.meter.begin_bytes(&mut self.store, budget, bytes)?;
        let ended = self.alloc.call(&mut self.store, wanted);
        let address = self
            .meter
            .verdict(&mut self.store, Some(self.memory), ended)?;
        if address == 0 {
            return Err(Stop::Arena { bytes });
        }
        if !(address as usize).is_multiple_of(ALIGNMENT) {
            return Err(Breach::Unaligned { address }.into());
        }
        let arena = GuestAddr(address);
        arena.bytes(bytes, self.memory.data(&self.store))?;
        self.arena = (arena, wanted);
        Ok(arena)
    }
}

/// Whether a call for `rows` rows that was out of fuel had less than its rows
/// may burn each.
fn might_do_with_fewer(kind: Rows, budget: Budget, rows: u32) -> bool {
    let has_less = match kind {
        Rows::Shared => budget.fuel_shared() < budget.fuel_of(rows),
        Rows::Announced { .. } | Rows::Bounded { .. } => true,
    };
    has_less && rows > 1
}
