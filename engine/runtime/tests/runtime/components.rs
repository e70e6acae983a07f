//! Components whose functions are compiled in several sets.

use std::fmt::Write as _;
use std::sync::Arc;

use fusebox_runtime::{LoadedModule, Runtime, RuntimeOptions};
use fusebox_testing::{TWO_ARENAS, passes_in_own_process, resident_bytes};

/// Number of functions of a component.
const FUNCTIONS: usize = 120;

/// Number of functions of 17 types that fill a set.
const SET: usize = 15;

/// Bytes of a component.
const BYTES: usize = 8 << 20;

/// Loads a component of [`BYTES`] bytes with functions that return the first of 16 numbers.
fn component(padding: &str) -> Arc<LoadedModule> {
    let core = " i64".repeat(16);
    let wit: String = (0..16).map(|n| format!(" (param \"a{n}\" s64)")).collect();
    let data = padding.repeat(BYTES);
    let mut text = format!(
        r#"(component (core module $m
             (memory (export "memory") 130) (data (i32.const 65536) "{data}")
             (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
             (func (export "f") (param{core}) (result i64) (local.get 0)))
           (core instance $m (instantiate $m))"#
    );
    for n in 0..FUNCTIONS {
        let _ = write!(
            text,
            r#"(func $f{n:03}{wit} (result s64) (canon lift (core func $m "f")
                 (memory $m "memory") (realloc (func $m "realloc"))))
               (export "f{n:03}" (func $f{n:03}))"#
        );
    }
    text.push(')');
    LoadedModule::new(text.as_bytes(), 64 << 20).unwrap()
}

/// Binds a function of each set of a component.
fn bind_sets(module: &LoadedModule) {
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    for n in (0..FUNCTIONS).step_by(SET) {
        let statement = format!("CREATE FUNCTION f{n:03} LANGUAGE WASM");
        let definition = module.define(&statement).unwrap();
        runtime.bind(definition, module).unwrap();
    }
    let sets = FUNCTIONS.div_ceil(SET) as u64;
    assert_eq!(runtime.compilations(), sets);
}

/// The memory of a process is measured in one of its own.
#[test]
fn sets_of_a_component_do_not_keep_copies_of_it() {
    let name = "components::sets_of_a_component_do_not_keep_copies_of_it";
    // What is freed is returned, and one thread reuses what another has freed.
    let environment = [TWO_ARENAS, ("MALLOC_MMAP_THRESHOLD_", "1048576")];
    if passes_in_own_process(name, &environment) {
        return;
    }
    // The first component leaves what the allocator and Wasmtime keep.
    bind_sets(&component("x"));
    let module = component("y");
    let before = resident_bytes();
    bind_sets(&module);
    let grown = resident_bytes().saturating_sub(before) >> 20;
    // Copies for each set would be 64 MiB.
    assert!(grown < 32, "{grown} MiB");
    assert_eq!(module.symbols().len(), FUNCTIONS);
}
