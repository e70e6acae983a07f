//! Tests of the runtime over hand-written guests, without a query engine.

mod abi;
#[cfg(target_os = "linux")]
mod address_space;
mod components;
mod driver_fuel;
mod idle;
mod initialisation;
mod plain_numbers;
mod plain_text;
mod plain_text_attacks;
mod reuse;
mod stored;
mod weights;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use fusebox_runtime::{
    Error, IdleLimits, LoadedModule, Runtime, RuntimeOptions, Scope, WasmFunction,
};

/// Writes a guest whose function `f` returns the sum of its row and of the calls so far.
/// `items` are added to the module.
fn guest(pages: u32, items: &str) -> String {
    format!(
        r#"(module
            (memory (export "memory") {pages})
            (global $calls (mut i64) (i64.const 0))
            {items}
            (func (export "fusebox_abi_1"))
            (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 4096))
            (func (export "fusebox_udf_f")
                (param $args i32) (param $rows i32) (param $result i32) (result i32)
                (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
                (i64.store (i32.const 1024) (global.get $calls))
                (i32.store (i32.const 20) (i32.const 1024))
                (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
                (i64.store offset=24 (local.get $result) (i64.const 2))
                (i32.store offset=40 (local.get $result) (i32.const 16))
                (i32.const 0)))"#
    )
}

/// Binds a function of a guest with these clauses.
fn bind(runtime: &Runtime, guest: &str, clauses: &str) -> Result<Arc<WasmFunction>, Error> {
    let module = LoadedModule::new(guest.as_bytes(), 1 << 20).unwrap();
    let statement =
        format!("CREATE FUNCTION f(x BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'f' {clauses}");
    runtime.bind(module.define(&statement)?, &module)
}

/// Calls a function with one row.
fn try_call(function: &WasmFunction, scope: &Scope) -> Result<i64, Error> {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![0]));
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    let result = function.call_batch(&batch, scope)?;
    let result = result.as_any().downcast_ref::<Int64Array>().unwrap();
    Ok(result.value(0))
}

/// Calls a function with one row, for which it has a result.
fn call(function: &WasmFunction, scope: &Scope) -> i64 {
    try_call(function, scope).unwrap()
}

fn runtime(idle: IdleLimits) -> Runtime {
    let mut options = RuntimeOptions::default();
    options.idle = idle;
    Runtime::new(options).unwrap()
}
