//! Exports of a module, called one by one with fuel.

use std::sync::LazyLock;

use fusebox_instrument::{EXPORT_FUEL, EXPORT_PREFIX, EXPORT_STACK, EXPORT_START};
use wasmtime::{Engine, Global, Instance, Store, StoreLimits, StoreLimitsBuilder, Trap, Val};

/// Enough stack for the recursions of small modules.
const STACK_BYTES: i64 = 256 << 10;

/// Enough fuel for start functions that end.
const START_FUEL: i64 = 1_000_000;

/// Wasmtime with its own fuel and Cranelift's canonical NaNs.
static REFERENCE: LazyLock<Engine> = LazyLock::new(|| {
    let mut cost = wasmtime::OperatorCost::new();
    // Wasmtime's cost per byte is eight times ours, more than the machine needs.
    cost.variable.memory_copy_per_byte = 0;
    cost.variable.memory_fill_per_byte = 0;
    cost.variable.memory_init_per_byte = 0;
    let mut config = config();
    config
        .consume_fuel(true)
        .operator_cost(cost)
        .cranelift_opt_level(wasmtime::OptLevel::None)
        .cranelift_nan_canonicalization(true);
    Engine::new(&config).expect("a valid configuration")
});

/// Wasmtime as the runtime configures it: optimised, with inlining.
static INSTRUMENTED: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = config();
    config
        .compiler_inlining(wasmtime::Inlining::Yes)
        .cranelift_opt_level(wasmtime::OptLevel::Speed);
    Engine::new(&config).expect("a valid configuration")
});

fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .wasm_wide_arithmetic(true)
        .max_wasm_stack(1 << 20)
        .memory_reservation(1 << 20)
        .memory_reservation_for_growth(1 << 20)
        .memory_guard_size(1 << 16);
    config
}

/// End of one call. Floats are compared by their bits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Results(Vec<u128>),
    Trap(Trap),
    Fuel,
    Stack,
}

/// Ends of the calls of a module, and the state that they leave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) ends: Vec<End>,
    pub(crate) memory: Vec<u8>,
    pub(crate) globals: Vec<u128>,
}

impl Execution {
    /// Returns true if the last call ran out of fuel or of stack.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.ends.last(), Some(End::Fuel | End::Stack))
    }
}

/// Calls all exports of the original module with Wasmtime's fuel, `fuel` for each;
/// `None` if it cannot be instantiated.
pub(crate) fn reference(module: &[u8], fuel: i64) -> Option<Execution> {
    let module = wasmtime::Module::new(&REFERENCE, module).expect("Wasmtime compiles it");
    let mut store = store(&REFERENCE);
    store.set_fuel(START_FUEL as u64).expect("fuel is enabled");
    let instance = Instance::new(&mut store, &module, &[]).ok()?;
    Some(execute(
        &mut store,
        instance,
        usize::MAX,
        |store, ended| match ended {
            None => {
                // Wasmtime traps at 0, instrumented code below.
                store.set_fuel(fuel as u64 + 1).expect("fuel is enabled");
                None
            }
            Some(Err(Trap::OutOfFuel)) => Some(End::Fuel),
            Some(Err(Trap::StackOverflow)) => Some(End::Stack),
            Some(_) => None,
        },
    ))
}

/// Calls the exports of an instrumented module, no more than `calls_max`, with `fuel` for
/// each; `None` if it cannot be instantiated.
pub(crate) fn instrumented(module: &[u8], fuel: i64, calls_max: usize) -> Option<Execution> {
    let module = wasmtime::Module::new(&INSTRUMENTED, module).expect("Wasmtime compiles it");
    let mut store = store(&INSTRUMENTED);
    let instance = Instance::new(&mut store, &module, &[]).ok()?;
    let counters = [EXPORT_FUEL, EXPORT_STACK].map(|name| {
        let counter = instance.get_global(&mut store, name);
        counter.expect("instrumented modules export counters")
    });
    if let Some(start) = instance.get_func(&mut store, EXPORT_START) {
        set(counters, &mut store, 10 * START_FUEL);
        start.call(&mut store, &[], &mut []).ok()?;
    }
    Some(execute(&mut store, instance, calls_max, |store, ended| {
        let [fuel_left, stack_left] = counters.map(|counter| counter.get(&mut *store).unwrap_i64());
        match ended {
            None => {
                set(counters, store, fuel);
                None
            }
            Some(_) if fuel_left < 0 => Some(End::Fuel),
            Some(_) if stack_left < 0 => Some(End::Stack),
            Some(Ok(())) => {
                assert_eq!(stack_left, STACK_BYTES, "the stack is given back");
                None
            }
            // The stack that the engine promises is there: the counter ends a recursion.
            Some(Err(trap)) => {
                assert_ne!(trap, Trap::StackOverflow, "the native stack is exhausted");
                None
            }
        }
    }))
}

type Limited = Store<StoreLimits>;

fn set([fuel_left, stack_left]: [Global; 2], store: &mut Limited, fuel: i64) {
    let set = |store: &mut Limited, counter: Global, value| {
        let set = counter.set(store, Val::I64(value));
        set.expect("counters are mutable");
    };
    set(store, fuel_left, fuel);
    set(store, stack_left, STACK_BYTES);
}

/// A store with small limits of memories and tables.
fn store(engine: &Engine) -> Limited {
    let limits = StoreLimitsBuilder::new()
        .memory_size(4 << 20)
        .table_elements(10_000)
        .build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store
}

/// Calls the exported functions with zeros and NaNs, by name, until one is stopped, or
/// `calls_max` are called.
/// `meter` is called before each call with `None`, and after it with its end, which it
/// may override.
fn execute(
    store: &mut Limited,
    instance: Instance,
    calls_max: usize,
    mut meter: impl FnMut(&mut Limited, Option<Result<(), Trap>>) -> Option<End>,
) -> Execution {
    let is_own = |name: &str| !name.starts_with(EXPORT_PREFIX);
    let exports = instance.exports(&mut *store);
    let exports = exports.map(|export| (export.name().to_owned(), export.into_extern()));
    let mut exports: Vec<_> = exports.filter(|(name, _)| is_own(name)).collect();
    exports.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut execution = Execution {
        ends: Vec::new(),
        memory: Vec::new(),
        globals: Vec::new(),
    };
    let functions = exports.iter().filter_map(|(_, e)| e.clone().into_func());
    for function in functions.take(calls_max) {
        let function_type = function.ty(&*store);
        let arguments: Vec<Val> = function_type.params().map(|of| argument(&of)).collect();
        let mut results = vec![Val::I32(0); function_type.results().len()];
        meter(store, None);
        let ended = function.call(&mut *store, &arguments, &mut results);
        let ended = ended.map_err(|error| *error.downcast_ref::<Trap>().expect("a trap"));
        let end = meter(store, Some(ended)).unwrap_or_else(|| match ended {
            Ok(()) => End::Results(results.iter().map(bits).collect()),
            Err(trap) => End::Trap(trap),
        });
        execution.ends.push(end);
        if execution.is_stopped() {
            break;
        }
    }
    for (_, exported) in exports {
        match exported {
            wasmtime::Extern::Memory(memory) => execution.memory = memory.data(&*store).to_vec(),
            wasmtime::Extern::Global(global) => {
                execution.globals.push(bits(&global.get(&mut *store)));
            }
            _ => {}
        }
    }
    execution
}

/// Zero, or a NaN that is not canonical.
fn argument(of: &wasmtime::ValType) -> Val {
    match of {
        wasmtime::ValType::F32 => Val::F32(0xffc0_dead),
        wasmtime::ValType::F64 => Val::F64(0xfff8_dead_0000_beef),
        wasmtime::ValType::V128 => Val::V128(0xfff8_dead_0000_beef_7fc0_dead_3f80_0000.into()),
        other => other.default_value().expect("references are nullable"),
    }
}

fn bits(value: &Val) -> u128 {
    match value {
        Val::I32(value) => *value as u128,
        Val::I64(value) => *value as u128,
        Val::F32(bits) => u128::from(*bits),
        Val::F64(bits) => u128::from(*bits),
        Val::V128(value) => value.as_u128(),
        Val::FuncRef(function) => u128::from(function.is_some()),
        other => panic!("{other:?} is of a refused feature"),
    }
}
