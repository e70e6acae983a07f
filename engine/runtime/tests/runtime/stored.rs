//! Modules that were stored: the bodies of their functions are validated when they are compiled.

use std::sync::Arc;

use fusebox_definition::Digest;
use fusebox_runtime::{Error, IdleLimits, LoadedModule, Scope, UnlimitedMemory, WasmFunction};

use crate::{call, guest, runtime};

const FUNCTION: &str = "CREATE FUNCTION f(x BIGINT) RETURNS BIGINT LANGUAGE WASM EXPORT 'f'";

fn stored(text: &str) -> Arc<LoadedModule> {
    let bytes = wat::parse_str(text).unwrap();
    LoadedModule::stored(&bytes, Digest::of(&bytes)).unwrap()
}

fn bind(module: &Arc<LoadedModule>) -> Result<Arc<WasmFunction>, Error> {
    let definition = module.define(FUNCTION).unwrap();
    runtime(IdleLimits::default()).bind(definition, module)
}

#[test]
fn stored_module_is_the_one_that_was_created() {
    let text = guest(1, "");
    let (created, stored) = (
        LoadedModule::new(text.as_bytes(), 1 << 20).unwrap(),
        stored(&text),
    );
    assert_eq!(created.digest(), stored.digest());
    assert_eq!(created.symbols(), stored.symbols());
    let scope = Scope::detached(Arc::new(UnlimitedMemory));
    let results = [created, stored].map(|module| call(&bind(&module).unwrap(), &scope));
    assert_eq!(results[0], results[1]);
}

#[test]
fn invalid_body_of_a_stored_module_is_refused_when_it_is_compiled() {
    let text = guest(1, "(func (result i32) i64.const 1)");
    let created = LoadedModule::new(text.as_bytes(), 1 << 20);
    let reason = created.unwrap_err().to_string();
    assert!(reason.contains("type mismatch"), "{reason}");
    let reason = bind(&stored(&text)).unwrap_err().to_string();
    assert!(reason.contains("type mismatch"), "{reason}");
}

#[test]
fn stored_module_that_is_invalid_elsewhere_is_refused_at_once() {
    let bytes = wat::parse_str(r#"(module (export "f" (func 7)))"#).unwrap();
    LoadedModule::stored(&bytes, Digest::of(&bytes)).unwrap_err();
}
