//! Errors of functions that were created with other weights of fuel.

use fusebox_runtime::{IdleLimits, LoadedModule, Runtime, Scope, WEIGHTS_VERSION};

use crate::{guest, runtime};

/// Returns the error of a call of a guest that was created with `weights`.
fn failure(runtime: &Runtime, guest: &str, weights: Option<u32>) -> String {
    let module = LoadedModule::new(guest.as_bytes(), 1 << 20).unwrap();
    let statement = "CREATE FUNCTION f(x BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'f'
        WITH (fuel_per_row = 1000, stack = '8kB')";
    let mut definition = module.define(statement).unwrap();
    assert_eq!(definition.weights, Some(WEIGHTS_VERSION));
    definition.weights = weights;
    let function = runtime.bind(definition, &module).unwrap();
    let column = arrow_array::Int64Array::from(vec![0]);
    let column: arrow_array::ArrayRef = std::sync::Arc::new(column);
    let batch = arrow_array::RecordBatch::try_from_iter([("x", column)]).unwrap();
    let failed = function.call_batch(&batch, &Scope::default());
    failed.unwrap_err().to_string()
}

#[test]
fn limits_of_fuel_and_stack_name_other_weights() {
    let runtime = runtime(IdleLimits::default());
    let hosted = |body: &str| {
        let items = format!("(func $more (result i64) {body})");
        guest(1, &items).replace("(i64.const 1)", "(call $more)")
    };
    let endless = hosted("(loop $l (br $l)) (i64.const 0)");
    let deep = hosted("(i64.add (call $more) (i64.const 7))");
    let trap = hosted("(unreachable)");
    let older = format!(
        "; it was created with weights 1, and Fusebox {} has weights {WEIGHTS_VERSION}: raise the \
         limit",
        env!("CARGO_PKG_VERSION")
    );
    for (guest, expected) in [
        (&endless, "ran out of fuel"),
        (&deep, "overflowed its stack"),
    ] {
        let failed = failure(&runtime, guest, Some(1));
        assert!(
            failed.contains(expected) && failed.ends_with(&older),
            "{failed}"
        );
        for same in [Some(WEIGHTS_VERSION), None] {
            let failed = failure(&runtime, guest, same);
            assert!(
                failed.contains(expected) && !failed.contains("weights"),
                "{failed}"
            );
        }
    }
    let failed = failure(&runtime, &trap, Some(1));
    assert!(!failed.contains("weights"), "{failed}");
}
