//! A module with safepoints behaves as it does without.

use fusebox_instrument::insert_safepoints;

use crate::oracle::{ONE_IN, engine, instrumented, metered, modules};

#[test]
fn safepoints_change_neither_results_nor_fuel_of_random_modules() {
    let engine = engine(false);
    let mut ran = 0;
    for (n, module) in modules(600 / ONE_IN).enumerate() {
        let plain = metered(&module);
        let sampled = insert_safepoints(&plain).unwrap();
        assert!(sampled.len() > plain.len(), "{n}");
        for fuel in [10, 100_000] {
            let [plain, sampled] = [&plain, &sampled].map(|m| instrumented(&engine, m, fuel));
            ran += usize::from(plain.is_some());
            assert!(plain == sampled, "{n} with {fuel}");
        }
    }
    // Many trap during instantiation.
    assert!(ran > 100 / ONE_IN, "{ran}");
}

#[test]
fn safepoint_precedes_each_call_and_each_return() {
    let module = r#"(module
        (func $one (result i32) (i32.const 1))
        (func (export "f") (param i32) (result i32)
          (if (local.get 0) (then (return (i32.const 7))))
          (i32.add (call $one) (call $one))))"#;
    let module = insert_safepoints(&wat::parse_str(module).unwrap()).unwrap();
    wasmparser::validate(&module).unwrap();
    let safepoint = [0x03, 0x40, 0x0b];
    let found = module.windows(3).filter(|bytes| *bytes == safepoint);
    // At the ends of both functions, before two calls and a `return`.
    assert_eq!(found.count(), 5);
    assert!(insert_safepoints(&module[..module.len() - 1]).is_err());
}
