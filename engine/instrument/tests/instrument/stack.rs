//! Recursions that share a stack, whatever way leads from one to the other.

use fusebox_instrument::{EXPORT_FUEL, EXPORT_STACK, Options, instrument};
use wasmtime::{Engine, Instance, Module, Store, Val};

/// How a function gets into a recursion that is not its own.
const WAYS: [&str; 6] = [
    "(call $deep (local.get $turns))",
    "(call $helper (local.get $turns))",
    "(call $indirect_helper (local.get $turns))",
    "(call $tail_helper (local.get $turns))",
    "(call $indirect_tail_helper (local.get $turns))",
    "(call_indirect (param i32) (local.get $turns) (i32.const 0))",
];

/// `f(own, turns)` calls itself `own` times, and then, `again` times, a
/// recursion that goes `turns` deep. How deep that came is exported.
fn module(way: &str, again: i32) -> Vec<u8> {
    let text = format!(
        "(module (table funcref (elem $deep))
           (global $depth (export \"depth\") (mut i32) (i32.const 0))
           (func $f (export \"f\") (param $own i32) (param $turns i32) (local $again i32)
             (if (local.get $own)
               (then (call $f (i32.sub (local.get $own) (i32.const 1)) (local.get $turns)))
               (else
                 (local.set $again (i32.const {again}))
                 (loop $more
                   (global.set $depth (i32.const 0))
                   {way}
                   (br_if $more
                     (local.tee $again (i32.sub (local.get $again) (i32.const 1))))))))
           (func $deep (param $turns i32)
             (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
             (if (local.get $turns)
               (then (call $deep (i32.sub (local.get $turns) (i32.const 1))))))
           (func $helper (param i32) (call $deep (local.get 0)))
           (func $indirect_helper (param i32)
             (call_indirect (param i32) (local.get 0) (i32.const 0)))
           (func $tail_helper (param i32) (return_call $deep (local.get 0)))
           (func $indirect_tail_helper (param i32)
             (return_call_indirect (param i32) (local.get 0) (i32.const 0))))"
    );
    wat::parse_str(text).unwrap_or_else(|error| panic!("{way}: {error}"))
}

/// Calls `f` with `stack` bytes of stack, and says whether it returned and how
/// deep the recursion came.
fn run(module: &[u8], own: i32, turns: i32, stack: i64) -> (bool, i32) {
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
    let returned = f.call(&mut store, (own, turns)).is_ok();
    assert!(fuel_left.get(&mut store).unwrap_i64() > 0);
    let left = stack_left.get(&mut store).unwrap_i64();
    match returned {
        true => assert_eq!(left, stack, "what was taken is given back"),
        false => assert!(left < 0, "only the stack stops it"),
    }
    (returned, depth.get(&mut store).unwrap_i32())
}

#[test]
fn recursion_has_the_stack_that_is_left() {
    const ENDLESS: i32 = i32::MAX;
    for way in WAYS {
        let module = module(way, 1);
        let depths = [0, 100, 200].map(|own| {
            let (returned, depth) = run(&module, own, ENDLESS, 100_000);
            assert!(!returned, "{way}");
            depth
        });
        let [less, twice_less] = [depths[0] - depths[1], depths[0] - depths[2]];
        assert!(less > 50, "{way}: {depths:?}");
        assert!((twice_less - 2 * less).abs() <= 2, "{way}: {depths:?}");
    }
}

#[test]
fn recursion_gives_back_what_it_took() {
    for way in WAYS {
        let (returned, depth) = run(&module(way, 10_000), 20, 50, 15_000);
        assert!(returned, "{way}");
        assert_eq!(depth, 51, "{way}");
    }
}

/// `f` stops if there are `turns` left, and what stops calls `f` again.
const STOPPING: &str = r#"(module
    (func $f (export "f") (param $own i32) (param $turns i32)
      (if (local.get $turns)
        (then
          (call $stop (i32.sub (local.get $turns) (i32.const 1)))
          (unreachable))))
    (func $stop (param $turns i32)
      (call $f (i32.const 0) (local.get $turns)))
    (global (export "depth") (mut i32) (i32.const 0)))"#;

#[test]
fn circle_is_stopped_by_a_function_that_never_returns() {
    let module = wat::parse_str(STOPPING).unwrap();
    assert!(!run(&module, 0, i32::MAX, 100_000).0);
}

#[test]
fn function_that_only_stops_in_a_circle_does_not_look() {
    let module = wat::parse_str(STOPPING).unwrap();
    assert!(run(&module, 0, 0, 1).0);
    assert!(!run(&module, 0, 1, 1).0);
}

#[test]
fn what_nobody_sees_of_the_stack_is_little() {
    // A chain of functions, of which each may stop and call the first again.
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
    // Each takes some 80 bytes.
    assert!(run(&short, 0, 1, 1).0);
    assert!(!run(&long, 0, 1, 1).0);
    assert!(run(&long, 0, 1, 50_000).0);
}
