//! One instance: a module with a memory of its own, and the calls into it.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use fusebox_abi::{
    ALIGNMENT, EXPORT_ALLOC, EXPORT_INITIALIZE, EXPORT_MEMORY, STATUS_FAILURE, STATUS_OK,
};
use fusebox_instrument::{EXPORT_FUEL, EXPORT_STACK, EXPORT_START};

use super::machine::Machine;
use crate::definition::Limits;
use crate::error::Breach;
use crate::marshal::GuestAddr;
use crate::marshal::lift::{Unlifted, failure, lift};
use crate::marshal::lower::{Lowering, TooLarge};

/// What a call may burn: fuel for each row, and fuel for the call itself.
///
/// Today the two are poured into one tank before the call. What spends them is
/// behind this type, so that a meter that tells rows apart can take over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) fuel_per_row: u64,
    pub(crate) fuel_per_call: u64,
}

/// The most fuel that a guest is ever given: some centuries' worth.
const FUEL_MAX: i64 = i64::MAX / 2;

impl Budget {
    fn fuel(self, rows: u32) -> i64 {
        let fuel = self
            .fuel_per_row
            .saturating_mul(rows.into())
            .saturating_add(self.fuel_per_call);
        // The guest takes from it without looking at every step: there must be
        // room below zero.
        i64::try_from(fuel).map_or(FUEL_MAX, |fuel| fuel.min(FUEL_MAX))
    }
}

/// Why a call gave no column.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The function says so itself.
    Failed { row: Option<u64>, message: String },
    /// The guest broke the contract.
    Breach(Breach),
    /// The guest trapped.
    Trap(String),
    /// The budget is spent.
    Fuel,
    /// The guest's stack is full.
    Stack,
    /// The guest has no room for an arena of so many bytes.
    Arena { bytes: u64 },
    /// The result is larger than it may be. The instance is as good as before.
    Result { bytes: u64 },
    /// There are as many instances of the function at work as there may be.
    Instances { instances_max: u64 },
    /// There are as many instances at work in the process as there may be.
    ProcessInstances { instances_max: u64 },
    /// There is no instance to be had.
    Instantiate(String),
}

impl From<TooLarge> for Stop {
    fn from(arguments: TooLarge) -> Self {
        Self::Arena {
            bytes: arguments.bytes,
        }
    }
}

impl From<Breach> for Stop {
    fn from(breach: Breach) -> Self {
        Self::Breach(breach)
    }
}

impl From<Unlifted> for Stop {
    fn from(unlifted: Unlifted) -> Self {
        match unlifted {
            Unlifted::Breach(breach) => Self::Breach(breach),
            Unlifted::TooLarge { bytes } => Self::Result { bytes },
        }
    }
}

/// What an instance is held to while it runs.
pub(crate) struct Guard {
    memory_bytes_max: usize,
    /// The elements of all tables together.
    table_elements: usize,
}

/// How many elements a guest's tables may have together. Only function pointers
/// go there, and the largest programs have some ten thousand.
const TABLE_ELEMENTS_MAX: usize = 1 << 17;

impl wasmtime::ResourceLimiter for Guard {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= self.memory_bytes_max)
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

/// A module with its own memory, ready to be called.
///
/// An instance that stopped for any reason but [`Stop::Failed`] and
/// [`Stop::Result`] must not be used again: who lends it sees to that.
pub(crate) struct Instance {
    store: wasmtime::Store<Guard>,
    memory: wasmtime::Memory,
    alloc: wasmtime::TypedFunc<u32, u32>,
    function: wasmtime::TypedFunc<(u32, u32, u32), u32>,
    meter: Meter,
    /// The guest's arena and its size in bytes.
    arena: (GuestAddr, u32),
    result_bytes_max: u64,
}

/// One call's arguments and what is expected of it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) arguments: &'a Lowering,
    pub(crate) budget: Budget,
    pub(crate) returns: &'a DataType,
    /// The rows that are null whatever the guest says.
    pub(crate) nulls: Option<&'a NullBuffer>,
}

impl Instance {
    /// Instantiates the module; `export` is a column function, which was
    /// checked when the module was inspected.
    pub(super) fn new(
        machine: &Machine,
        module: &wasmtime::InstancePre<Guard>,
        export: &str,
        limits: Limits,
        budget: Budget,
    ) -> Result<Self, Stop> {
        let guard = Guard {
            memory_bytes_max: usize::try_from(limits.memory_bytes_max).unwrap_or(usize::MAX),
            table_elements: 0,
        };
        let mut store = wasmtime::Store::new(machine.engine(), guard);
        store.limiter(|guard| guard);
        let instance = module.instantiate(&mut store).map_err(instantiating)?;
        let meter = Meter::of(instance, &mut store, limits.stack_bytes_max);
        for start in [EXPORT_START, EXPORT_INITIALIZE] {
            if let Some(start) = instance.get_func(&mut store, start) {
                let start = start.typed::<(), ()>(&store).map_err(instantiating)?;
                meter.fill(&mut store, budget.fuel(0));
                let ended = start.call(&mut store, ());
                meter.verdict(&mut store, ended)?;
            }
        }
        let memory = instance
            .get_memory(&mut store, EXPORT_MEMORY)
            .expect("the inspection found a memory of that name");
        let alloc = instance
            .get_typed_func(&mut store, EXPORT_ALLOC)
            .expect("the inspection found the allocator and its type");
        let function = instance
            .get_typed_func(&mut store, export)
            .expect("the inspection found the function and its type");
        Ok(Self {
            store,
            memory,
            alloc,
            function,
            meter,
            arena: (GuestAddr(0), 0),
            result_bytes_max: limits.result_bytes_max,
        })
    }

    /// Lowers, calls, lifts.
    pub(super) fn call(&mut self, call: Call<'_>) -> Result<ArrayRef, Stop> {
        let rows = call.arguments.rows();
        self.meter.fill(&mut self.store, call.budget.fuel(rows));
        let arena = self.reserve(call.arguments.bytes())?;
        let memory = self.memory.data_mut(&mut self.store);
        let lowered = call.arguments.write(arena, memory)?;
        let addresses = (lowered.args.0, rows, lowered.result.0);
        let ended = self.function.call(&mut self.store, addresses);
        let status = self.meter.verdict(&mut self.store, ended)?;
        let memory = self.memory.data(&self.store);
        match status {
            STATUS_OK => Ok(lift(
                lowered.result,
                memory,
                call.returns,
                rows.into(),
                call.nulls,
                self.result_bytes_max,
            )?),
            STATUS_FAILURE => {
                let (row, message) = failure(lowered.result, memory, rows.into())?;
                Err(Stop::Failed { row, message })
            }
            other => Err(Breach::Status(other).into()),
        }
    }

    /// The arena, of `bytes` bytes at least: the one from the last call where
    /// that is large enough.
    fn reserve(&mut self, bytes: u64) -> Result<GuestAddr, Stop> {
        let (arena, capacity) = self.arena;
        if bytes <= capacity.into() {
            return Ok(arena);
        }
        // Twice what is needed now would be kind to a growing batch, but
        // batches seldom grow, and memory that is touched must be reset.
        let wanted = u32::try_from(bytes).map_err(|_| Stop::Arena { bytes })?;
        // The guest may have given up the old arena before it fails.
        self.arena = (GuestAddr(0), 0);
        let ended = self.alloc.call(&mut self.store, wanted);
        let address = self.meter.verdict(&mut self.store, ended)?;
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

/// The counters that the instrumentation has put into the guest.
#[derive(Clone, Copy)]
struct Meter {
    fuel: wasmtime::Global,
    stack: wasmtime::Global,
    /// How much stack a recursion may take, in bytes as the guest's own count
    /// has them.
    stack_bytes_max: i64,
}

impl Meter {
    fn of(
        instance: wasmtime::Instance,
        store: &mut wasmtime::Store<Guard>,
        stack_bytes_max: u64,
    ) -> Self {
        let mut counter = |name| {
            let counter = instance.get_global(&mut *store, name);
            counter.expect("the instrumentation exports its counters")
        };
        Self {
            fuel: counter(EXPORT_FUEL),
            stack: counter(EXPORT_STACK),
            stack_bytes_max: i64::try_from(stack_bytes_max).unwrap_or(i64::MAX),
        }
    }

    /// Fills the counters before a call.
    fn fill(self, store: &mut wasmtime::Store<Guard>, fuel: i64) {
        for (counter, value) in [(self.fuel, fuel), (self.stack, self.stack_bytes_max)] {
            let set = counter.set(&mut *store, wasmtime::Val::I64(value));
            set.expect("a counter is a mutable i64");
        }
    }

    /// How a call ended: what is spent counts before what the guest made of it.
    fn verdict<T>(
        self,
        store: &mut wasmtime::Store<Guard>,
        ended: wasmtime::Result<T>,
    ) -> Result<T, Stop> {
        let mut spent =
            |counter: wasmtime::Global| matches!(counter.get(&mut *store), wasmtime::Val::I64(..0));
        if spent(self.fuel) {
            Err(Stop::Fuel)
        } else if spent(self.stack) {
            Err(Stop::Stack)
        } else {
            ended.map_err(running)
        }
    }
}

/// What stopped a running guest, where it was not a counter.
fn running(error: wasmtime::Error) -> Stop {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::StackOverflow) => Stop::Stack,
        Some(trap) => {
            let trap = trap.to_string();
            let trap = trap.strip_prefix("wasm trap: ").unwrap_or(&trap);
            Stop::Trap(format!("{trap}{}", place(&error)))
        }
        None => Stop::Trap(format!("{error:#}")),
    }
}

fn instantiating(error: wasmtime::Error) -> Stop {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(_) => running(error),
        None => Stop::Instantiate(format!("{error:#}")),
    }
}

/// Names the innermost functions of the guest that were running.
fn place(error: &wasmtime::Error) -> String {
    const FRAMES_MAX: usize = 4;
    let Some(backtrace) = error.downcast_ref::<wasmtime::WasmBacktrace>() else {
        return String::new();
    };
    let names: Vec<String> = backtrace
        .frames()
        .iter()
        .take(FRAMES_MAX)
        .map(|frame| match frame.func_name() {
            Some(name) => {
                let name = format!("{:#}", rustc_demangle::demangle(name));
                format!("`{}`", name.escape_debug())
            }
            None => format!("function {}", frame.func_index()),
        })
        .collect();
    format!(" in {}", names.join(" called by "))
}
