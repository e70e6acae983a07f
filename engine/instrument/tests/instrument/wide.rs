//! Wide arithmetic, compared with Rust's.

use fusebox_instrument::{EXPORT_FUEL, Options, instrument};
use wasmtime::{Engine, Instance, Store, Val};

use crate::programs::Random;

const MODULE: &str = r#"(module
  (func (export "add") (param i64 i64 i64 i64) (result i64 i64)
    (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "sub") (param i64 i64 i64 i64) (result i64 i64)
    (i64.sub128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "signed") (param i64 i64 i64 i64) (result i64 i64)
    (i64.mul_wide_s (local.get 0) (local.get 2)))
  (func (export "unsigned") (param i64 i64 i64 i64) (result i64 i64)
    (i64.mul_wide_u (local.get 0) (local.get 2))))"#;

/// A number of any magnitude, often an edge case.
fn half(random: &mut Random) -> i64 {
    let edges = [0, 1, -1, i64::MIN, i64::MAX, i64::from(u32::MAX)];
    match random.below(2) {
        0 => edges[random.below(edges.len())],
        _ => ((random.next() << 32 ^ random.next()) as i64) >> random.below(64),
    }
}

fn whole([low, high]: [i64; 2]) -> u128 {
    u128::from(low as u64) | u128::from(high as u64) << 64
}

#[test]
fn wide_arithmetic_equals_that_of_rust() {
    let module = wat::parse_str(MODULE).unwrap();
    let module = instrument(&module, Options::default()).unwrap().module;
    let engine = Engine::new(&crate::oracle::config()).unwrap();
    let module = wasmtime::Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let fuel = instance.get_global(&mut store, EXPORT_FUEL).unwrap();
    fuel.set(&mut store, Val::I64(1 << 40)).unwrap();
    let names = ["add", "sub", "signed", "unsigned"];
    let functions = names.map(|name| instance.get_typed_func(&mut store, name).unwrap());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut carried = 0;
    for _ in 0..10_000 {
        let [a, b] = [(); 2].map(|()| [half(&mut random), half(&mut random)]);
        let (sum, has_carried) = whole(a).overflowing_add(whole(b));
        carried += usize::from(has_carried);
        let expected = [
            sum,
            whole(a).wrapping_sub(whole(b)),
            (i128::from(a[0]) * i128::from(b[0])) as u128,
            u128::from(a[0] as u64) * u128::from(b[0] as u64),
        ];
        for ((function, expected), name) in functions.iter().zip(expected).zip(names) {
            let (low, high) = function.call(&mut store, (a[0], a[1], b[0], b[1])).unwrap();
            assert_eq!(whole([low, high]), expected, "{name} {a:?} {b:?}");
        }
    }
    assert!((1_000..9_000).contains(&carried), "{carried}");
}
