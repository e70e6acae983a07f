//! Modules that can be cancelled while they run.

use std::thread;
use std::time::{Duration, Instant};

use fusebox_instrument::{
    EXPORT_CALL_BEGIN, EXPORT_CANCEL, EXPORT_FUEL, EXPORT_STACK, Error, Options, instrument,
};
use wasmtime::{Engine, Instance, Module, SharedMemory, Store, Trap, TypedFunc};

use crate::oracle::{
    ONE_IN, STACK_BYTES, config, engine, instrumented_with_fuel, metered, modules, store,
};

fn polled_engine() -> Engine {
    let mut config = config();
    config
        .wasm_multi_memory(true)
        .wasm_threads(true)
        .shared_memory(true)
        .cranelift_opt_level(wasmtime::OptLevel::None)
        .max_wasm_stack(1 << 20);
    Engine::new(&config).unwrap()
}

fn polled(module: &[u8]) -> Vec<u8> {
    let options = Options {
        chain_bytes_max: 4 << 20,
        polled: true,
        ..Options::default()
    };
    instrument(module, options).unwrap().module
}

/// Instance of a polled module, and its flag.
struct Polled {
    store: Store<wasmtime::StoreLimits>,
    instance: Instance,
    flag: SharedMemory,
}

impl Polled {
    fn new(engine: &Engine, text: &str) -> Self {
        let module = wat::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let module = Module::new(engine, polled(&module)).unwrap();
        let mut store = Store::new(engine, wasmtime::StoreLimits::default());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let flag = instance
            .get_shared_memory(&mut store, EXPORT_CANCEL)
            .unwrap();
        Self {
            store,
            instance,
            flag,
        }
    }

    /// Calls `f` with plenty of fuel; returns the fuel that is left too.
    fn call(&mut self) -> (wasmtime::Result<()>, i64) {
        const FUEL: i64 = 1 << 60;
        const FUEL_PER_ROW: i64 = 1 << 50;
        let Self {
            store, instance, ..
        } = self;
        let begin: TypedFunc<(i64, i64, i64, i32, u32), ()> = instance
            .get_typed_func(&mut *store, EXPORT_CALL_BEGIN)
            .unwrap();
        begin
            .call(&mut *store, (FUEL, STACK_BYTES, FUEL_PER_ROW, i32::MAX, 0))
            .unwrap();
        let f: TypedFunc<(), ()> = instance.get_typed_func(&mut *store, "f").unwrap();
        let ended = f.call(&mut *store, ());
        let [fuel, stack] = [EXPORT_FUEL, EXPORT_STACK].map(|name| {
            let global = instance.get_global(&mut *store, name).unwrap();
            global.get(&mut *store).unwrap_i64()
        });
        assert!(stack >= 0);
        (ended, fuel)
    }
}

/// Sets a flag as the host does.
fn cancel(engine: &Engine, flag: &SharedMemory) {
    let setter = r#"(module (memory (import "" "") 1 1 shared)
        (func (export "set") (i64.atomic.store (i32.const 0) (i64.const 0x7fffffffffffffff))))"#;
    let setter = Module::new(engine, wat::parse_str(setter).unwrap()).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &setter, &[flag.clone().into()]).unwrap();
    let set: TypedFunc<(), ()> = instance.get_typed_func(&mut store, "set").unwrap();
    set.call(&mut store, ()).unwrap();
}

#[test]
fn polled_modules_have_the_same_outcomes_and_burn_the_same_fuel() {
    let (plain, engine) = (engine(false), polled_engine());
    let mut same = 0;
    for (n, module) in modules(1_000 / ONE_IN).enumerate() {
        let (metered, polled) = (metered(&module), polled(&module));
        for fuel in [1, 8, 64, 100_000] {
            let (theirs, ours) = (
                instrumented_with_fuel(&plain, &metered, fuel),
                instrumented_with_fuel(&engine, &polled, fuel),
            );
            assert_eq!(theirs.is_some(), ours.is_some(), "{n} with {fuel}");
            let (Some((theirs, their_fuel)), Some((ours, our_fuel))) = (theirs, ours) else {
                continue;
            };
            assert_eq!(theirs.outcomes, ours.outcomes, "{n} with {fuel}");
            assert!(theirs.memory == ours.memory, "{n} with {fuel}");
            assert_eq!(theirs.globals, ours.globals, "{n} with {fuel}");
            assert_eq!(their_fuel, our_fuel, "{n} with {fuel}");
            same += 1;
        }
    }
    assert!(same > 500 / ONE_IN, "{same}");
}

/// Code that runs for hours, in every kind of loop.
const ENDLESS: [&str; 11] = [
    "(loop $l (br $l))",
    "(loop $l (loop $m (br $l)))",
    "(loop $l (block $b (br_table $l $b (i32.const 0))))",
    "(loop $l (call $leaf) (br $l))",
    "(loop $l (call $looping) (br $l))",
    "(loop $l (call_indirect (i32.const 1)) (br $l))",
    "(return_call $f)",
    "(loop $l (call $deep (i32.const 100)) (br $l))",
    // Loops that are charged once.
    "(loop $outer
       (local.set 0 (i32.const 0))
       (loop $l
         (local.get 0) (i32.const -1) (i32.add) (local.tee 0) (br_if $l))
       (br $outer))",
    "(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x8000000)) (br $l))",
    "(loop $l (memory.copy (i32.const 1) (i32.const 0) (i32.const 0x7000000)) (br $l))",
];

fn endless(body: &str) -> String {
    format!(
        "(module (memory 2048) (table 2 funcref) (elem (i32.const 0) $f $looping)
           (func $f (export \"f\") (local i32) {body})
           (func $leaf (i32.store (i32.const 0) (i32.const 1)))
           (func $looping (local i32)
             (local.set 0 (i32.const 10))
             (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
           (func $deep (param i32)
             (if (local.get 0)
               (then (call $deep (i32.sub (local.get 0) (i32.const 1)))))))"
    )
}

#[test]
fn running_guest_is_cancelled_with_fuel_left() {
    let engine = polled_engine();
    for body in ENDLESS {
        assert_cancelled(&engine, &endless(body));
    }
}

/// Cancels `f` while it runs, and asserts that it traps soon, with fuel left.
#[track_caller]
fn assert_cancelled(engine: &Engine, text: &str) {
    let mut guest = Polled::new(engine, text);
    let canceller = thread::spawn({
        let (engine, flag) = (engine.clone(), guest.flag.clone());
        move || {
            thread::sleep(Duration::from_millis(20));
            cancel(&engine, &flag);
            Instant::now()
        }
    });
    let (ended, fuel) = guest.call();
    let ended_at = Instant::now();
    let trap = *ended.unwrap_err().downcast_ref::<Trap>().unwrap();
    assert_eq!(trap, Trap::UnreachableCodeReached, "{text}");
    assert!(fuel >= 0, "{text}");
    // A generous ceiling: the guest would run for minutes or hours.
    let late = ended_at.duration_since(canceller.join().unwrap());
    assert!(late < Duration::from_secs(10), "{text}: {late:?}");
}

#[test]
fn bulk_operations_in_strips_are_whole_operations() {
    // Lengths around one strip and several, ranges that overlap in both directions and
    // ranges out of bounds, which write nothing.
    const STRIP: i64 = 4 << 20;
    let (plain, engine) = (engine(false), polled_engine());
    let lengths = [0, 1, STRIP - 1, STRIP, STRIP + 1, 3 * STRIP + 5];
    let mut trapped = 0;
    for length in lengths {
        for (to, from) in [
            (0, 7),
            (7, 0),
            (0, STRIP + 3),
            (STRIP + 3, 0),
            (5, 5),
            (STRIP * 2, 0),
            (0, STRIP * 2),
            (STRIP * 4 - 1, 0),
        ] {
            let text = format!(
                "(module (memory (export \"memory\") 256)
                   (func (export \"f\") (local $n i32)
                     (loop $l
                       (i32.store (local.get $n) (i32.mul (local.get $n) (i32.const 2654435761)))
                       (local.set $n (i32.add (local.get $n) (i32.const 4096)))
                       (br_if $l (i32.lt_u (local.get $n) (i32.const 0x1000000)))))
                   (func (export \"g\")
                     (memory.copy (i32.const {to}) (i32.const {from}) (i32.const {length})))
                   (func (export \"h\")
                     (memory.fill (i32.const {to}) (i32.const {from}) (i32.const {length}))))"
            );
            let module = wat::parse_str(&text).unwrap();
            let large = |engine: &Engine, module: Vec<u8>| {
                let module = Module::new(engine, module).unwrap();
                let mut store = store(engine);
                *store.data_mut() = wasmtime::StoreLimits::default();
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                let mut states = Vec::new();
                for name in ["f", "g", "h"] {
                    let fuel = instance.get_global(&mut store, EXPORT_FUEL).unwrap();
                    fuel.set(&mut store, wasmtime::Val::I64(1 << 40)).unwrap();
                    let function = instance.get_typed_func::<(), ()>(&mut store, name).unwrap();
                    let ended = function.call(&mut store, ());
                    let trap = ended
                        .err()
                        .map(|error| *error.downcast_ref::<Trap>().unwrap());
                    let memory = instance.get_memory(&mut store, "memory").unwrap();
                    let digest = memory.data(&store).chunks(8).fold(0_u64, |digest, bytes| {
                        let word = u64::from_le_bytes(bytes.try_into().unwrap());
                        (digest ^ word)
                            .wrapping_mul(0x0100_0000_01b3)
                            .rotate_left(5)
                    });
                    states.push((trap, digest));
                }
                states
            };
            let (theirs, ours) = (
                large(&plain, metered(&module)),
                large(&engine, polled(&module)),
            );
            assert_eq!(theirs, ours, "{to} {from} {length}");
            trapped += ours.iter().filter(|(trap, _)| trap.is_some()).count();
        }
    }
    assert!(trapped > 5, "{trapped}");
}

/// Loops with a known trip count: their count and their text, where local 0 counts, local 1
/// ends, and local 2 sums up.
fn counted(trips: i64) -> Vec<String> {
    let sum = "(local.set 2 (i64.add (i64.mul (local.get 2) (i64.const 31))
                 (i64.extend_i32_u (local.get 0))))";
    let next = |step: i64| format!("local.get 0 i32.const {step} i32.add local.tee 0");
    let mut loops = Vec::new();
    for step in [1, -1, 3, -8, 1 << 20] {
        let distance = (trips * step) as i32;
        // A distance of 2³² or more is another number of iterations.
        if i64::from(distance) != trips * step && step.abs() != 1 {
            continue;
        }
        let next = next(step);
        let to_zero = 0_i32.wrapping_sub(distance);
        loops.push(format!(
            "(local.set 0 (i32.const {to_zero})) (loop $l {sum} {next} br_if $l)"
        ));
        let (from, end) = (7_i32, 7_i32.wrapping_add(distance));
        let begin = format!("(local.set 0 (i32.const {from})) (local.set 1 (i32.const {end}))");
        loops.push(format!(
            "{begin} (loop $l {sum} {next} local.get 1 i32.ne br_if $l)"
        ));
        loops.push(format!(
            "{begin} (loop $l {sum} local.get 1 {next} i32.ne br_if $l)"
        ));
        // Blocks, branches out of them, results and parameters.
        loops.push(format!(
            "{begin} (loop $l (block $b (br_if $b (i32.and (local.get 0) (i32.const 4))) {sum})
               {next} local.get 1 i32.ne br_if $l)"
        ));
        loops.push(format!(
            "{begin} (loop $l (result i64) {sum} local.get 2
               {next} local.get 1 i32.ne br_if $l) local.set 2"
        ));
        loops.push(format!(
            "{begin} i64.const 5 (loop $l (param i64) (result i64) {sum} local.get 2 i64.xor
               {next} local.get 1 i32.ne br_if $l) local.set 2"
        ));
    }
    loops
}

fn counting(code: &str) -> String {
    format!(
        "(module (memory 1) (func (export \"f\") (local i32 i32 i64)
           {code} (i64.store (i32.const 0) (local.get 2))))"
    )
}

#[test]
fn loops_in_strips_are_whole_loops() {
    let (plain, engine) = (engine(false), polled_engine());
    // Around one strip and several: an iteration costs some ten units.
    for trips in [1, 2, 1_000, 70_001, 104_857, 300_000] {
        for code in counted(trips) {
            let module = wat::parse_str(counting(&code)).unwrap();
            let [theirs, ours] =
                [(&plain, metered(&module)), (&engine, polled(&module))].map(|(engine, module)| {
                    let run = instrumented_with_fuel(engine, &module, 1 << 40).unwrap();
                    (run.0.outcomes, run.0.memory, run.1)
                });
            assert_eq!(theirs.0, ours.0, "{trips} {code}");
            assert!(theirs.1 == ours.1, "{trips} {code}");
            assert_eq!(theirs.2, ours.2, "{trips} {code}");
        }
    }
}

/// Guests that run for minutes, if not hours, without a loop that checks fuel.
#[test]
fn long_loops_in_strips_and_many_short_rows_are_cancelled() {
    let mut guests: Vec<String> = counted(1 << 32)
        .into_iter()
        .map(|code| {
            // Its trip count must be known in an enclosing loop too.
            counting(&format!("(loop $again {code} (br $again))"))
        })
        .collect();
    assert!(guests.len() >= 12, "{}", guests.len());
    // Each row is far shorter than a slice.
    guests.push(
        "(module (import \"fusebox\" \"row_begin\" (func $begin (param i32)))
           (import \"fusebox\" \"row_end\" (func $end (param i32)))
           (memory 1)
           (func (export \"f\") (local i32 i32)
             (loop $rows
               (call $begin (local.get 0))
               (local.set 1 (i32.const 10000))
               (loop $l (i32.store (i32.const 0) (local.get 1))
                 (br_if $l (i32.gt_u
                   (local.tee 1 (i32.sub (local.get 1) (i32.const 1))) (i32.const 0))))
               (call $end (i32.const 0))
               (local.set 0 (i32.add (local.get 0) (i32.const 1)))
               (br_if $rows (i32.lt_u (local.get 0) (i32.const 0x7fffffff))))))"
            .to_owned(),
    );
    let engine = polled_engine();
    for text in guests {
        assert_cancelled(&engine, &text);
    }
}

#[test]
fn flag_is_out_of_reach_of_the_guest() {
    for body in [
        "(drop (i32.load 1 (i32.const 0)))",
        "(drop (i64.atomic.load (i32.const 0)))",
        "(memory.fill 1 (i32.const 0) (i32.const 0) (i32.const 8))",
    ] {
        let text = format!("(module (memory 1) (memory 1) (func (export \"f\") {body}))");
        let module = wat::parse_str(&text).unwrap();
        let result = instrument(&module, Options::default());
        assert!(matches!(result, Err(Error::Invalid { .. })), "{body}");
    }
    let export = format!("(module (func (export \"{EXPORT_CANCEL}\")))");
    let result = instrument(&wat::parse_str(export).unwrap(), Options::default());
    assert!(matches!(result, Err(Error::ReservedExport { .. })));
}
