//! Execution of original modules with Wasmtime's fuel, and of instrumented modules.

use arbitrary::Unstructured;
use fusebox_instrument::{
    EXPORT_CALL_BEGIN, EXPORT_FUEL, EXPORT_PREFIX, EXPORT_STACK, EXPORT_START, Error, Options,
    instrument,
};
use wasm_smith::{Config, Module};
use wasmtime::{Engine, Instance, Store, Trap, TypedFunc, Val, WasmResults};

/// Enough stack for the recursions of the tests.
pub(crate) const STACK_BYTES: i64 = 256 << 10;

/// Enough fuel for start functions that terminate.
pub(crate) const START_FUEL: i64 = 10_000_000;

/// Instance of an instrumented module whose export `f` processes a number of rows.
pub(crate) struct RowInstance<T: 'static> {
    pub(crate) store: Store<T>,
    pub(crate) instance: Instance,
}

impl<T: 'static> RowInstance<T> {
    /// Instruments a module and instantiates it in a store of `data`.
    pub(crate) fn new(module: &[u8], options: Options, data: T) -> Self {
        let module = instrument(module, options).unwrap().module;
        let engine = Engine::new(&config()).unwrap();
        let module = wasmtime::Module::new(&engine, module).unwrap();
        let mut store = Store::new(&engine, data);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Self { store, instance }
    }

    /// Begins a call with `fuel` and [`STACK_BYTES`] of stack, and calls `f`.
    pub(crate) fn call<R: WasmResults>(
        &mut self,
        fuel: i64,
        fuel_per_row: i64,
        rows: i32,
        metering_mode: u32,
    ) -> wasmtime::Result<R> {
        let Self { store, instance } = self;
        let call_begin: TypedFunc<(i64, i64, i64, i32, u32), ()> = instance
            .get_typed_func(&mut *store, EXPORT_CALL_BEGIN)
            .unwrap();
        let begin = (fuel, STACK_BYTES, fuel_per_row, rows, metering_mode);
        call_begin.call(&mut *store, begin).unwrap();
        let f: TypedFunc<i32, R> = instance.get_typed_func(&mut *store, "f").unwrap();
        f.call(store, rows)
    }

    /// Returns the value of an exported global.
    pub(crate) fn global(&mut self, name: &str) -> Val {
        let global = self.instance.get_global(&mut self.store, name).unwrap();
        global.get(&mut self.store)
    }
}

/// Outcome of the call of an export.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Results(Vec<Bits>),
    Trap(Trap),
    Fuel,
    Stack,
}

/// The bits of a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) u128);

impl Bits {
    pub(crate) fn of(value: &Val) -> Self {
        Self(match value {
            Val::I32(value) => *value as u128,
            Val::I64(value) => *value as u128,
            Val::F32(bits) => u128::from(*bits),
            Val::F64(bits) => u128::from(*bits),
            Val::V128(value) => value.as_u128(),
            Val::FuncRef(function) => u128::from(function.is_some()),
            other => panic!("{other:?} is not expected"),
        })
    }
}

/// Reciprocal of the part of the random modules to run. Under emulation, each takes
/// some twenty times as long.
pub(crate) const ONE_IN: usize = if cfg!(target_arch = "x86_64") { 1 } else { 5 };

/// Wasmtime's settings. Other architectures are emulated, and emulators spend time and
/// memory on each reserved page.
pub(crate) fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config.wasm_wide_arithmetic(true);
    if cfg!(not(target_arch = "x86_64")) {
        config
            .memory_reservation(1 << 20)
            .memory_reservation_for_growth(1 << 20)
            .memory_guard_size(1 << 16);
    }
    config
}

/// An engine with Wasmtime's fuel and canonical NaNs, or with neither.
pub(crate) fn engine(fuel: bool) -> Engine {
    let mut cost = wasmtime::OperatorCost::new();
    // Wasmtime's cost per byte is eight times ours, more than the machine needs.
    cost.variable.memory_copy_per_byte = 0;
    cost.variable.memory_fill_per_byte = 0;
    cost.variable.memory_init_per_byte = 0;
    let mut config = config();
    config
        .consume_fuel(fuel)
        .operator_cost(cost)
        .cranelift_opt_level(wasmtime::OptLevel::None)
        .cranelift_nan_canonicalization(fuel)
        .max_wasm_stack(1 << 20);
    Engine::new(&config).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Outcomes of calling the exports of a module in order, until one runs out of fuel or
/// stack.
#[derive(PartialEq)]
pub(crate) struct Run {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) memory: Vec<u8>,
    pub(crate) globals: Vec<Bits>,
}

/// A store with small limits for memories and tables.
pub(crate) fn store(engine: &Engine) -> Store<wasmtime::StoreLimits> {
    let limits = wasmtime::StoreLimitsBuilder::new()
        .memory_size(4 << 20)
        .table_elements(10_000)
        .build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store
}

/// Runs the original module with Wasmtime's fuel. Each call has `fuel` and one unit
/// more, because Wasmtime traps at 0, and instrumented code below.
pub(crate) fn reference(engine: &Engine, module: &[u8], fuel: u64) -> Option<Run> {
    let module = wasmtime::Module::new(engine, module).unwrap();
    let mut store = store(engine);
    store.set_fuel(START_FUEL as u64).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).ok()?;
    Some(run(&mut store, instance, |store, outcome| match outcome {
        None => {
            store.set_fuel(fuel + 1).unwrap();
            None
        }
        Some(Err(Trap::OutOfFuel)) => Some(Outcome::Fuel),
        Some(Err(Trap::StackOverflow)) => Some(Outcome::Stack),
        Some(_) => None,
    }))
}

/// Runs an instrumented module with `fuel` for each call.
pub(crate) fn instrumented(engine: &Engine, module: &[u8], fuel: i64) -> Option<Run> {
    instrumented_with_fuel(engine, module, fuel).map(|(run, _)| run)
}

/// As [`instrumented`]; also returns the fuel that is left after the last call.
pub(crate) fn instrumented_with_fuel(
    engine: &Engine,
    module: &[u8],
    fuel: i64,
) -> Option<(Run, i64)> {
    let module = wasmtime::Module::new(engine, module).unwrap();
    let mut store = store(engine);
    let instance = Instance::new(&mut store, &module, &[]).ok()?;
    let counter = |store: &mut Store<_>, name| instance.get_global(store, name).unwrap();
    let fuel_left = counter(&mut store, EXPORT_FUEL);
    let stack_left = counter(&mut store, EXPORT_STACK);
    if let Some(start) = instance.get_func(&mut store, EXPORT_START) {
        fuel_left.set(&mut store, Val::I64(START_FUEL)).unwrap();
        stack_left.set(&mut store, Val::I64(STACK_BYTES)).unwrap();
        start.call(&mut store, &[], &mut []).ok()?;
    }
    let run = run(&mut store, instance, |store, outcome| match outcome {
        None => {
            fuel_left.set(&mut *store, Val::I64(fuel)).unwrap();
            stack_left.set(&mut *store, Val::I64(STACK_BYTES)).unwrap();
            None
        }
        Some(_) if fuel_left.get(&mut *store).unwrap_i64() < 0 => Some(Outcome::Fuel),
        Some(_) if stack_left.get(&mut *store).unwrap_i64() < 0 => Some(Outcome::Stack),
        Some(Ok(())) => {
            assert_eq!(stack_left.get(&mut *store).unwrap_i64(), STACK_BYTES);
            None
        }
        Some(Err(_)) => None,
    });
    let fuel_left = fuel_left.get(&mut store).unwrap_i64();
    Some((run, fuel_left))
}

pub(crate) type Limited = Store<wasmtime::StoreLimits>;

/// Zero, or a NaN that is not canonical.
pub(crate) fn argument(of: &wasmtime::ValType) -> Val {
    match of {
        wasmtime::ValType::F32 => Val::F32(0xffc0_dead),
        wasmtime::ValType::F64 => Val::F64(0xfff8_dead_0000_beef),
        wasmtime::ValType::V128 => Val::V128(0xfff8_dead_0000_beef_7fc0_dead_3f80_0000.into()),
        other => other.default_value().unwrap(),
    }
}

/// Calls every exported function with zeros and NaNs. `meter` is called before each
/// call with `None`, and after it with the result, whose outcome it may override.
pub(crate) fn run(
    store: &mut Limited,
    instance: Instance,
    mut meter: impl FnMut(&mut Limited, Option<Result<(), Trap>>) -> Option<Outcome>,
) -> Run {
    let mut names: Vec<String> = instance
        .exports(&mut *store)
        .filter_map(|export| {
            let name = export.name().to_owned();
            export.into_func().map(|_| name)
        })
        .filter(|name| !name.starts_with(EXPORT_PREFIX))
        .collect();
    names.sort();
    let mut outcomes = Vec::new();
    for name in names {
        let function = instance.get_func(&mut *store, &name).unwrap();
        let function_type = function.ty(&*store);
        let arguments: Vec<Val> = function_type
            .params()
            .map(|param| argument(&param))
            .collect();
        let mut results = vec![Val::I32(0); function_type.results().len()];
        meter(store, None);
        let ended = function.call(&mut *store, &arguments, &mut results);
        let ended = ended.map_err(|error| *error.downcast_ref::<Trap>().expect("a trap"));
        let outcome = meter(store, Some(ended)).unwrap_or_else(|| match ended {
            Ok(()) => Outcome::Results(results.iter().map(Bits::of).collect()),
            Err(trap) => Outcome::Trap(trap),
        });
        let stopped = matches!(outcome, Outcome::Fuel | Outcome::Stack);
        outcomes.push(outcome);
        if stopped {
            break;
        }
    }
    let memory = instance.exports(&mut *store).find_map(|e| e.into_memory());
    let memory = memory.map_or(Vec::new(), |memory| memory.data(&*store).to_vec());
    let globals: Vec<_> = instance
        .exports(&mut *store)
        .filter(|export| !export.name().starts_with(EXPORT_PREFIX))
        .filter_map(|export| export.into_global())
        .collect();
    let globals = globals
        .iter()
        .map(|global| Bits::of(&global.get(&mut *store)));
    let globals = globals.collect();
    Run {
        outcomes,
        memory,
        globals,
    }
}

/// Random modules, the same in every run.
pub(crate) fn modules(count: usize) -> impl Iterator<Item = Vec<u8>> {
    modules_like(count, |_| {})
}

/// Random modules of an adjusted configuration.
pub(crate) fn modules_like(count: usize, adjust: fn(&mut Config)) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let config = || Config {
        export_everything: true,
        max_imports: 0,
        min_funcs: 1,
        max_memories: 1,
        max_tables: 2,
        max_memory32_bytes: 4 << 20,
        max_table_elements: 1_000,
        max_instructions: 300,
        disallow_traps: false,
        bulk_memory_enabled: true,
        reference_types_enabled: true,
        multi_value_enabled: true,
        simd_enabled: true,
        tail_call_enabled: true,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        extended_const_enabled: true,
        wide_arithmetic_enabled: true,
        custom_page_sizes_enabled: false,
        shared_everything_threads_enabled: false,
        ..Config::default()
    };
    (0..count).filter_map(move |_| {
        let bytes: Vec<u8> = (0..8192)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect();
        let mut config = config();
        adjust(&mut config);
        let module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
        let module = module.to_bytes();
        // Features may still be refused: `externref` needs garbage collection.
        let result = instrument(&module, Options::default());
        (!matches!(result, Err(Error::Invalid { .. }))).then_some(module)
    })
}

/// The instrumented module.
pub(crate) fn metered(module: &[u8]) -> Vec<u8> {
    metered_with(module, true)
}

/// The instrumented module, with or without canonical NaNs.
pub(crate) fn metered_with(module: &[u8], canonical_nans: bool) -> Vec<u8> {
    let options = Options {
        chain_bytes_max: 4 << 20,
        canonical_nans,
        ..Options::default()
    };
    instrument(module, options).unwrap().module
}
