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
        let Self {
            store, instance, ..
        } = self;
        let begin: TypedFunc<(i64, i64, i64, i32, u32), ()> = instance
            .get_typed_func(&mut *store, EXPORT_CALL_BEGIN)
            .unwrap();
        begin
            .call(&mut *store, (FUEL, STACK_BYTES, FUEL, 1, 0))
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
        let mut guest = Polled::new(&engine, &endless(body));
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
        assert_eq!(trap, Trap::UnreachableCodeReached, "{body}");
        assert!(fuel >= 0, "{body}");
        // A generous ceiling: the guest would run for hours.
        let late = ended_at.duration_since(canceller.join().unwrap());
        assert!(late < Duration::from_secs(10), "{body}: {late:?}");
    }
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
