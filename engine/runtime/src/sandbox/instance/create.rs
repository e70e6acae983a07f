//! Creation of instances.

use std::sync::Arc;

use fusebox_abi::{EXPORT_ALLOC, EXPORT_INITIALIZE, EXPORT_MEMORY};
use fusebox_definition::Limits;
use fusebox_instrument::weights::{FUEL_PER_ELEMENT, FUEL_PER_INSTANCE};
use fusebox_instrument::{EXPORT_CANCEL, EXPORT_GLOBAL_PREFIX, EXPORT_START, RowFuel};
use fusebox_linker::wasi::EXPORT_DRIVER_CLOCK;
use fusebox_marshal::GuestAddr;

use super::super::budget::{Budget, page_fuel};
use super::super::call_error::{CallError, instantiating};
use super::super::cancellation::Cancellation;
use super::super::exports::Exports;
use super::super::host_functions::{install_log, install_refill};
use super::super::memory_reservation::MemoryReservation;
use super::super::meter::Meter;
use super::super::store_limiter::StoreLimiter;
use super::super::watchdog::Polling;
use super::{Instance, Operation, Store, run};
use crate::notices::FunctionStatistics;

impl Instance {
    /// Instantiates the module. Runs guest code, and so must be called on a guest stack;
    /// `exports` were checked by the module's inspection.
    pub(in super::super) fn new(
        module: &wasmtime::InstancePre<StoreLimiter>,
        exports: &Exports,
        limits: Limits,
        budget: Budget,
        cancellation: &Cancellation,
        reservation: Option<Box<dyn MemoryReservation>>,
    ) -> Result<Self, CallError> {
        let mut limiter = StoreLimiter::new(limits.memory_bytes_max, reservation);
        limiter.set_cancellation(cancellation);
        let mut store = wasmtime::Store::new(module.module().engine(), limiter);
        store.limiter(|limiter| limiter);
        if let Some(sampler) = &exports.sampler {
            sampler.attach(&mut store);
        }
        let instance = module.instantiate(&mut store).map_err(instantiating)?;
        store.data_mut().set_created();
        let meter = Meter::of(instance, &mut store);
        if exports.meter_rows() {
            install_refill(instance, &mut store).map_err(instantiating)?;
        }
        install_log(instance, &mut store).map_err(instantiating)?;
        let polling = polling(exports, instance, &mut store);
        let memory = instance
            .get_memory(&mut store, EXPORT_MEMORY)
            .expect("the inspection found a memory of that name");
        // The first touches of a fresh instance may happen in any later call. They are
        // charged here, so that no verdict of a call depends on its instance being fresh.
        let creation_fuel = creation_fuel(&store);
        let mut fuel = creation_fuel + page_fuel(memory.data_size(&store));
        if exports.is_metered && fuel > budget.fuel_init {
            return Err(CallError::InitFuel);
        }
        for start in [EXPORT_START, EXPORT_INITIALIZE] {
            if let Some(start) = instance.get_func(&mut store, start) {
                let start = start.typed::<(), ()>(&store).map_err(instantiating)?;
                let guest = |store: &mut Store| start.call(store, ());
                let guest = |store: &mut Store| run(store, polling.as_ref(), guest);
                meter.initialize(&mut store, budget, &mut fuel, guest)?;
            }
        }
        let alloc = instance
            .get_typed_func(&mut store, EXPORT_ALLOC)
            .expect("the inspection found the allocator and its type");
        let operations = operations(exports, instance, &mut store);
        let globals = globals(exports, instance, &mut store);
        let clock = clock(exports, instance, &mut store);
        let pristine_bytes = memory.data_size(&store);
        Ok(Self {
            store,
            memory,
            clock,
            is_free_of_memory: exports.driver.is_free_of_memory,
            globals,
            alloc,
            operations,
            meter,
            polling,
            arena: (GuestAddr(0), 0),
            result_bytes_max: limits.result_bytes_max,
            pristine_bytes,
            baseline: None,
            creation_fuel: exports.is_metered.then_some(creation_fuel),
            preparation_fuel: if exports.is_metered { fuel } else { 0 },
            preparation: FunctionStatistics {
                instances: 1,
                ..FunctionStatistics::default()
            },
        })
    }
}

/// Returns the fuel of the creation of an instance, apart from its pages.
fn creation_fuel(store: &Store) -> u64 {
    FUEL_PER_INSTANCE + store.data().table_elements() as u64 * FUEL_PER_ELEMENT
}

/// Returns the flag of a polled instance.
fn polling(exports: &Exports, instance: wasmtime::Instance, store: &mut Store) -> Option<Polling> {
    let watchdog = exports.watchdog.as_ref()?;
    let flag = instance.get_shared_memory(store, EXPORT_CANCEL);
    Some(Polling {
        flag: flag.expect("the instrumentation exports the flag of a polled module"),
        watchdog: Arc::clone(watchdog),
    })
}

/// Returns the operations of an instance, with the fuel rules of their rows.
fn operations(
    exports: &Exports,
    instance: wasmtime::Instance,
    store: &mut Store,
) -> Vec<(Operation, RowFuel)> {
    let operations = exports.operations.iter().map(|(name, rows)| {
        let function = instance
            .get_typed_func(&mut *store, name)
            .expect("the inspection found the operation and its type");
        (function, *rows)
    });
    operations.collect()
}

/// Returns the mutable globals of the guest.
fn globals(
    exports: &Exports,
    instance: wasmtime::Instance,
    store: &mut Store,
) -> Vec<wasmtime::Global> {
    let globals = (0..exports.globals.unwrap_or_default()).map(|number| {
        instance
            .get_global(&mut *store, &format!("{EXPORT_GLOBAL_PREFIX}{number}"))
            .expect("the instrumentation has exported as many")
    });
    globals.collect()
}

/// Returns the clock that a driver exports.
fn clock(
    exports: &Exports,
    instance: wasmtime::Instance,
    store: &mut Store,
) -> Option<wasmtime::Global> {
    match exports.driver.has_clock {
        true => instance.get_global(store, EXPORT_DRIVER_CLOCK),
        false => None,
    }
}
