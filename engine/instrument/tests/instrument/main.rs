//! The pass against Wasmtime: a rewritten module does what it did, and stops
//! where Wasmtime's own fuel stops it.

mod bundled;
mod canonical;
mod counted;
mod golden;
mod programs;
mod repairs;
mod rows;
mod seen;
mod stack;

use arbitrary::Unstructured;
use fusebox_instrument::{
    EXPORT_FUEL, EXPORT_PREFIX, EXPORT_STACK, EXPORT_START, Error, Options, instrument,
};
use wasm_smith::{Config, Module};
use wasmtime::{Engine, Instance, Store, Trap, Val};

/// Enough stack for whatever the tests recurse.
const STACK_BYTES: i64 = 256 << 10;

/// Enough fuel for a start function that ends.
const START_FUEL: i64 = 10_000_000;

/// How a call of an export ended, and what it left behind.
#[derive(Debug, PartialEq)]
enum Outcome {
    Results(Vec<Bits>),
    Trap(Trap),
    Fuel,
    Stack,
}

/// A value, bit by bit.
#[derive(Debug, PartialEq, Eq)]
struct Bits(u128);

impl Bits {
    fn of(value: &Val) -> Self {
        Self(match value {
            Val::I32(value) => *value as u128,
            Val::I64(value) => *value as u128,
            Val::F32(bits) => u128::from(*bits),
            Val::F64(bits) => u128::from(*bits),
            Val::V128(value) => value.as_u128(),
            Val::FuncRef(function) => u128::from(function.is_some()),
            other => panic!("{other:?} is not to be had"),
        })
    }
}

/// Wasmtime's settings. An emulator, which is what runs these tests for other
/// machines, takes time and memory for each page that is but reserved.
fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    if cfg!(not(target_arch = "x86_64")) {
        config
            .memory_reservation(1 << 20)
            .memory_reservation_for_growth(1 << 20)
            .memory_guard_size(1 << 16);
    }
    config
}

/// With Wasmtime's fuel, and its canonical NaNs; or without both.
fn engine(fuel: bool) -> Engine {
    let mut cost = wasmtime::OperatorCost::new();
    // Ours is an eighth of theirs, which is more than the machine needs.
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

/// What the exports of a module do, one after the other until one stops.
#[derive(PartialEq)]
struct Run {
    outcomes: Vec<Outcome>,
    memory: Vec<u8>,
    globals: Vec<Bits>,
}

/// A store whose memories and tables stay small.
fn store(engine: &Engine) -> Store<wasmtime::StoreLimits> {
    let limits = wasmtime::StoreLimitsBuilder::new()
        .memory_size(4 << 20)
        .table_elements(10_000)
        .build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store
}

/// Runs a module as it is, with Wasmtime's fuel: `fuel` for each call, and one
/// more, since Wasmtime stops when nothing is left and ours when less is.
fn reference(engine: &Engine, module: &[u8], fuel: u64) -> Option<Run> {
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

/// Runs a rewritten module with `fuel` for each call.
fn rewritten(engine: &Engine, module: &[u8], fuel: i64) -> Option<Run> {
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
    Some(run(&mut store, instance, |store, outcome| match outcome {
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
    }))
}

type Limited = Store<wasmtime::StoreLimits>;

/// Zero, or a NaN that is not canonical.
fn argument(of: &wasmtime::ValType) -> Val {
    match of {
        wasmtime::ValType::F32 => Val::F32(0xffc0_dead),
        wasmtime::ValType::F64 => Val::F64(0xfff8_dead_0000_beef),
        wasmtime::ValType::V128 => Val::V128(0xfff8_dead_0000_beef_7fc0_dead_3f80_0000.into()),
        other => other.default_value().unwrap(),
    }
}

/// Calls every exported function with zeros and NaNs. `meter` is asked before
/// each call, and after it, where it may know better how the call ended.
fn run(
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
fn modules(count: usize) -> impl Iterator<Item = Vec<u8>> {
    modules_like(count, |_| {})
}

/// Random modules of another configuration.
fn modules_like(count: usize, adjust: fn(&mut Config)) -> impl Iterator<Item = Vec<u8>> {
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
        wide_arithmetic_enabled: false,
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
        // What is off is refused: `externref` needs a garbage collector.
        let refused = instrument(&module, Options::default());
        (!matches!(refused, Err(Error::Invalid { .. }))).then_some(module)
    })
}

fn metered(module: &[u8]) -> Vec<u8> {
    metered_with(module, true)
}

/// With canonical NaNs or as they come.
fn metered_with(module: &[u8], canonical_nans: bool) -> Vec<u8> {
    let options = Options {
        chain_bytes_max: 4 << 20,
        canonical_nans,
        ..Options::default()
    };
    instrument(module, options).unwrap().module
}

#[test]
fn random_modules_do_what_they_did_and_stop_where_wasmtime_stops_them() {
    let (plain, fuelled) = (engine(false), engine(true));
    let (mut finished, mut stopped, mut stopped_by_both) = (0, 0, 0);
    for (n, module) in modules(1_500).enumerate() {
        let ours = metered(&module);
        for fuel in [1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 64, 100_000] {
            let Some(theirs) = reference(&fuelled, &module, fuel) else {
                continue;
            };
            let Some(tight) = rewritten(&plain, &ours, fuel as i64) else {
                continue;
            };
            // With as much fuel: whatever theirs stops, ours has stopped.
            for (theirs, ours) in theirs.outcomes.iter().zip(&tight.outcomes) {
                match (theirs, ours) {
                    (Outcome::Fuel, Outcome::Fuel | Outcome::Stack) => stopped_by_both += 1,
                    (Outcome::Fuel, _) => panic!("{n}: {ours:?} with {fuel}"),
                    (_, Outcome::Fuel | Outcome::Stack) => stopped += 1,
                    _ => {}
                }
            }
            // With plenty: the same, bit by bit, unless theirs was stopped.
            let plenty = rewritten(&plain, &ours, fuel as i64 * 10_000 + 10_000_000).unwrap();
            let both = theirs.outcomes.iter().zip(&plenty.outcomes);
            let comparable = theirs.outcomes.len() == plenty.outcomes.len();
            let mut same = comparable;
            for (theirs, ours) in both {
                if matches!(theirs, Outcome::Fuel | Outcome::Stack) || *ours == Outcome::Stack {
                    same = false;
                    break;
                }
                assert_eq!(theirs, ours, "{n} with {fuel}");
            }
            if same {
                assert_eq!(theirs.globals, plenty.globals, "{n} with {fuel}");
                assert!(theirs.memory == plenty.memory, "{n} with {fuel}");
                finished += 1;
            }
        }
    }
    println!("{finished} finished, {stopped} stopped by ours alone, {stopped_by_both} by both");
    assert!(finished > 300, "{finished}");
    assert!(stopped > 50, "{stopped}");
    assert!(stopped_by_both > 50, "{stopped_by_both}");
}

/// Runs the export `f` of a module in text.
fn call(text: &str, fuel: i64) -> Outcome {
    let module = metered(&wat::parse_str(text).unwrap());
    let run = rewritten(&engine(false), &module, fuel).expect("it can be instantiated");
    let [outcome] = <[Outcome; 1]>::try_from(run.outcomes).unwrap();
    outcome
}

#[test]
fn whatever_has_no_end_is_stopped() {
    for text in [
        "(loop $l (br $l))",
        "(loop $l (br_if $l (i32.const 1)))",
        "(loop $l (loop $m (br $l)))",
        "(loop $l (block $b (br_table $l $b (i32.const 0))))",
        "(loop $l (if (i32.const 1) (then (br $l))))",
        "(call $f)",
        "(call $f) (call $f)",
        "(return_call $f)",
        "(call_indirect (i32.const 0))",
        "(return_call_indirect (i32.const 0))",
        "(call $ping)",
        "(loop $l (call $leaf) (br $l))",
        "(loop $l (drop (memory.grow (i32.const 1))) (br $l))",
        "(loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (br $l))",
    ] {
        let module = format!(
            "(module (memory 1) (table funcref (elem $f))
               (func $f (export \"f\") {text})
               (func $leaf) (func $ping (call $pong)) (func $pong (call $ping)))"
        );
        let outcome = call(&module, 100_000);
        assert!(
            matches!(outcome, Outcome::Fuel | Outcome::Stack),
            "{text}: {outcome:?}"
        );
    }
}

#[test]
fn work_that_an_operand_asks_for_is_paid_before_it_is_done() {
    for (text, fuel) in [
        (
            "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))",
            8192,
        ),
        (
            "(memory.copy (i32.const 0) (i32.const 8) (i32.const 32768))",
            4096,
        ),
        ("(drop (memory.grow (i32.const 10)))", 10240),
        (
            "(table.fill (i32.const 0) (ref.null func) (i32.const 5000))",
            5000,
        ),
    ] {
        let module =
            format!("(module (memory 1 100) (table 5000 funcref) (func (export \"f\") {text}))");
        assert_eq!(call(&module, fuel), Outcome::Fuel, "{text}");
        assert_eq!(
            call(&module, fuel + 100),
            Outcome::Results(vec![]),
            "{text}"
        );
    }
}

#[test]
fn every_exit_puts_the_counters_back() {
    for body in [
        "(return)",
        "(br 0)",
        "(br_if 0 (i32.const 1))",
        "(br_table 0 0 (i32.const 5))",
        "(block (br 1))",
        "(loop (return))",
        "(loop (br 1))",
        "(block (loop (br_table 0 1 2 (i32.const 2))))",
        "(return_call $leaf)",
        "(call $leaf)",
        "",
    ] {
        // Recursive and with a loop: both counters are kept.
        let module = format!(
            "(module (func $f (export \"f\") (loop) (if (i32.const 0) (then (call $f))) {body})
                     (func $leaf))"
        );
        assert_eq!(call(&module, 1_000), Outcome::Results(vec![]), "{body}");
    }
}

#[test]
fn several_results_pass_through_every_exit() {
    let module = "(module (func $f (export \"f\") (result i32 i64 f64)
        (loop)
        (if (i32.const 0) (then (call $f) (return)))
        (i32.const 1) (i64.const 2) (f64.const 3) (br_if 0 (i32.const 1)) (return)))";
    let expected = [1, 2, u128::from(3.0_f64.to_bits())].map(Bits);
    assert_eq!(call(module, 1_000), Outcome::Results(expected.into()));
}

#[test]
fn chain_of_calls_is_bounded_without_running_it() {
    let length = 20_000;
    let functions: String = (1..length).map(|n| format!("(func (call {n}))")).collect();
    let module = format!("(module {functions} (func) (export \"f\" (func 0)))");
    let module = wat::parse_str(module).unwrap();
    assert!(matches!(
        instrument(&module, Options::default()),
        Err(Error::Chain { .. })
    ));
}

#[test]
fn module_that_would_keep_a_compiler_busy_is_refused() {
    let refused = |text: &str| instrument(&wat::parse_str(text).unwrap(), Options::default());
    let nested = |depth: usize| {
        let (open, close) = ("block ".repeat(depth), "end ".repeat(depth));
        refused(&format!("(module (func {open} {close}))"))
    };
    assert!(nested(999).is_ok());
    assert!(matches!(nested(1_000), Err(Error::Nesting { .. })));
    let many = |count: usize| refused(&format!("(module {})", "(func)".repeat(count)));
    let busy = |locals: usize, loops: usize| {
        let (locals, loops) = ("(local i64)".repeat(locals), "(loop)".repeat(loops));
        refused(&format!("(module (func {locals} {loops}))"))
    };
    assert!(busy(1_000, 1_000).is_ok());
    assert!(matches!(busy(1_000, 1_001), Err(Error::Work { .. })));
    assert!(many(30_000).is_ok());
    assert!(matches!(many(30_001), Err(Error::Functions { .. })));
}

#[test]
fn recursion_goes_as_deep_as_its_frames_allow() {
    let recursive = |locals: usize| {
        format!(
            "(module (func $f (export \"f\") {} (call $f)))",
            "(local i64)".repeat(locals)
        )
    };
    assert_eq!(call(&recursive(0), 1_000_000), Outcome::Stack);
    assert_eq!(call(&recursive(1_000), 1_000_000), Outcome::Stack);
    assert_eq!(call(&recursive(49_000), 1_000_000), Outcome::Stack);
}

#[test]
fn names_of_the_host_are_refused() {
    let module = wat::parse_str("(module (func (export \"fusebox:fuel\")))").unwrap();
    assert!(matches!(
        instrument(&module, Options::default()),
        Err(Error::Reserved(_))
    ));
}
