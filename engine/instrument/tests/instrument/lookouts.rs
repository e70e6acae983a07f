//! A module that can be looked at does what it did.

use fusebox_instrument::lookouts;

use crate::oracle::{ONE_IN, engine, metered, modules, rewritten};

#[test]
fn random_modules_with_lookouts_do_what_they_did_and_stop_where_they_did() {
    let engine = engine(false);
    let mut ran = 0;
    for (n, module) in modules(600 / ONE_IN).enumerate() {
        let plain = metered(&module);
        let watched = lookouts(&plain).unwrap();
        assert!(watched.len() > plain.len(), "{n}");
        for fuel in [10, 100_000] {
            let [plain, watched] = [&plain, &watched].map(|m| rewritten(&engine, m, fuel));
            ran += usize::from(plain.is_some());
            assert!(plain == watched, "{n} with {fuel}");
        }
    }
    // Many trap before anything can be called.
    assert!(ran > 100 / ONE_IN, "{ran}");
}

#[test]
fn lookout_stands_before_each_call_and_each_return() {
    let module = r#"(module
        (func $one (result i32) (i32.const 1))
        (func (export "f") (param i32) (result i32)
          (if (local.get 0) (then (return (i32.const 7))))
          (i32.add (call $one) (call $one))))"#;
    let module = lookouts(&wat::parse_str(module).unwrap()).unwrap();
    wasmparser::validate(&module).unwrap();
    let lookout = [0x03, 0x40, 0x0b];
    let found = module.windows(3).filter(|bytes| *bytes == lookout);
    // At the ends of both, before two calls and a return.
    assert_eq!(found.count(), 5);
    assert!(lookouts(&module[..module.len() - 1]).is_err());
}
