//! Recursions that share a stack, however one calls the other.

use fusebox_instrument::{EXPORT_FUEL, EXPORT_STACK, Options, instrument};
use wasmtime::{Engine, Instance, Module, Store, Val};

/// Calls that lead from one recursion into another.
const CALLS: [&str; 6] = [
    "(call $deep (local.get $levels))",
    "(call $helper (local.get $levels))",
    "(call $indirect_helper (local.get $levels))",
    "(call $tail_helper (local.get $levels))",
    "(call $indirect_tail_helper (local.get $levels))",
    "(call_indirect (param i32) (local.get $levels) (i32.const 0))",
];

/// A module whose `f(own, levels)` calls itself `own` times and then, `times` times, a
/// recursion of `levels` levels. The depth that was reached is exported.
fn module(entry: &str, times: i32) -> Vec<u8> {
    let text = format!(
        "(module (table funcref (elem $deep))
           (global $depth (export \"depth\") (mut i32) (i32.const 0))
           (func $f (export \"f\") (param $own i32) (param $levels i32) (local $times i32)
             (if (local.get $own)
               (then (call $f (i32.sub (local.get $own) (i32.const 1)) (local.get $levels)))
               (else
                 (local.set $times (i32.const {times}))
                 (loop $more
                   (global.set $depth (i32.const 0))
                   {entry}
                   (br_if $more
                     (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))))
           (func $deep (param $levels i32)
             (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
             (if (local.get $levels)
               (then (call $deep (i32.sub (local.get $levels) (i32.const 1))))))
           (func $helper (param i32) (call $deep (local.get 0)))
           (func $indirect_helper (param i32)
             (call_indirect (param i32) (local.get 0) (i32.const 0)))
           (func $tail_helper (param i32) (return_call $deep (local.get 0)))
           (func $indirect_tail_helper (param i32)
             (return_call_indirect (param i32) (local.get 0) (i32.const 0))))"
    );
    wat::parse_str(text).unwrap_or_else(|error| panic!("{entry}: {error}"))
}

/// Calls `f` with `stack` bytes of stack. Returns whether it returned, and the depth
/// of the recursion.
fn run(module: &[u8], own: i32, levels: i32, stack: i64) -> (bool, i32) {
    let rewritten = instrument(module, Options::default()).unwrap();
    let mut config = crate::oracle::config();
    config.max_wasm_stack(1 << 20);
    let engine = Engine::new(&config).unwrap();
    let module = Module::new(&engine, rewritten.module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let mut global = |name| instance.get_global(&mut store, name).unwrap();
    let [fuel_left, stack_left, depth] = [EXPORT_FUEL, EXPORT_STACK, "depth"].map(&mut global);
    fuel_left.set(&mut store, Val::I64(1 << 40)).unwrap();
    stack_left.set(&mut store, Val::I64(stack)).unwrap();
    let f = instance
        .get_typed_func::<(i32, i32), ()>(&mut store, "f")
        .unwrap();
    let returned = f.call(&mut store, (own, levels)).is_ok();
    assert!(fuel_left.get(&mut store).unwrap_i64() > 0);
    let left = stack_left.get(&mut store).unwrap_i64();
    match returned {
        true => assert_eq!(left, stack, "the stack is restored"),
        false => assert!(left < 0, "only the stack is exhausted"),
    }
    (returned, depth.get(&mut store).unwrap_i32())
}

#[test]
fn recursion_has_the_remaining_stack() {
    const ENDLESS: i32 = i32::MAX;
    for entry in CALLS {
        let module = module(entry, 1);
        let depths = [0, 100, 200].map(|own| {
            let (returned, depth) = run(&module, own, ENDLESS, 100_000);
            assert!(!returned, "{entry}");
            depth
        });
        let [less, twice_less] = [depths[0] - depths[1], depths[0] - depths[2]];
        assert!(less > 50, "{entry}: {depths:?}");
        assert!((twice_less - 2 * less).abs() <= 2, "{entry}: {depths:?}");
    }
}

#[test]
fn recursion_restores_the_stack() {
    for entry in CALLS {
        let (returned, depth) = run(&module(entry, 10_000), 20, 50, 15_000);
        assert!(returned, "{entry}");
        assert_eq!(depth, 51, "{entry}");
    }
}

/// `f` calls `$stop`, which does not return, if there are levels left; `$stop` calls `f`
/// again.
const STOPPING: &str = r#"(module
    (func $f (export "f") (param $own i32) (param $levels i32)
      (if (local.get $levels)
        (then
          (call $stop (i32.sub (local.get $levels) (i32.const 1)))
          (unreachable))))
    (func $stop (param $levels i32)
      (call $f (i32.const 0) (local.get $levels)))
    (global (export "depth") (mut i32) (i32.const 0)))"#;

#[test]
fn cycle_traps_in_a_function_that_never_returns() {
    let module = wat::parse_str(STOPPING).unwrap();
    assert!(!run(&module, 0, i32::MAX, 100_000).0);
}

#[test]
fn function_with_a_cycle_only_through_its_error_path_does_not_check() {
    let module = wat::parse_str(STOPPING).unwrap();
    assert!(run(&module, 0, 0, 1).0);
    assert!(!run(&module, 0, 1, 1).0);
}

#[test]
fn stack_of_unchecked_chains_is_bounded() {
    // A chain of functions, each with an error path that calls the first again.
    let text = |links: usize| {
        let link = |n: usize| {
            format!(
                r#"(func $f{n} (param i32)
                     (if (i32.eqz (local.get 0)) (then (call $stop) (unreachable)))
                     (call $f{} (local.get 0)))"#,
                n + 1
            )
        };
        let chain: String = (0..links).map(link).collect();
        format!(
            r#"(module {chain}
                 (func $f{links} (param i32))
                 (func $stop (call $f0 (i32.const 0)))
                 (func (export "f") (param i32 i32) (call $f0 (local.get 1)))
                 (global (export "depth") (mut i32) (i32.const 0)))"#
        )
    };
    let [short, long] = [100, 300].map(|links| wat::parse_str(text(links)).unwrap());
    // Each frame has some 80 bytes.
    assert!(run(&short, 0, 1, 1).0);
    assert!(!run(&long, 0, 1, 1).0);
    assert!(run(&long, 0, 1, 50_000).0);
}
