//! Drivers of lifted functions beside their columns: inputs, allocators and options.

use fusebox_linker::component::LiftedFunction;
use fusebox_linker::lifted::{DriverSet, LiftedDriver, UnsupportedFunction};

use crate::columns::{ColumnGuest, Value, i64, text as text_value, u32};
use crate::component::flatten;
use crate::component_wasi::{STRING, importer};
use crate::guest::{surface, validate};
use crate::lifted::Fixture;

#[test]
fn clock_and_random_numbers_begin_again_at_each_row() {
    let text = importer(
        "wasi:random/random@0.2.0",
        r#"(export "get-random-u64" (func (result u64)))"#,
        "get-random-u64",
        "(result i64)",
        &format!(r#"(func (export "run") (result i64) (drop (call $f)) (call $f)) {STRING}"#),
    );
    let component = flatten(&text).unwrap();
    let run = component
        .functions
        .iter()
        .find(|function| function.name.name == "run");
    let driver = LiftedDriver::new(run.unwrap()).unwrap();
    let linked = driver.link("run", &component.module).unwrap();
    validate(&linked);
    let (exports, _) = surface(&linked);
    assert!(
        exports.iter().all(|name| !name.starts_with("fusebox:")),
        "{exports:?}"
    );
    let mut guest = ColumnGuest::new(&linked, "run", driver.arguments(), driver.result());
    let values = guest.call(&[], 3).unwrap();
    assert_ne!(values[0], i64(0));
    assert!(values.iter().all(|value| *value == values[0]));
}

#[test]
fn component_without_memory_gets_one() {
    let text = r#"(component
        (core module $m (func (export "twice") (param i32) (result i32)
          (i32.mul (local.get 0) (i32.const 2))))
        (core instance $m (instantiate $m))
        (func (export "twice") (param "a" u32) (result u32)
          (canon lift (core func $m "twice"))))"#;
    let component = flatten(text).unwrap();
    let driver = LiftedDriver::new(&component.functions[0]).unwrap();
    let linked = driver.link("f", &component.module).unwrap();
    validate(&linked);
    let mut guest = ColumnGuest::new(&linked, "f", driver.arguments(), driver.result());
    let column: Vec<_> = (0..1000).map(u32).collect();
    let doubled = (0..1000).map(|n| u32(2 * n)).collect();
    assert_eq!(guest.call(&[column], 1000), Ok(doubled));
}

/// An allocator that gives out all memory up to its end would take pages of the driver for its own.
#[test]
fn function_without_realloc_uses_that_of_another() {
    let text = r#"(component
        (core module $m (memory (export "memory") 1)
          (global $next (mut i32) (i32.const 1024))
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
            (local.set 4 (global.get $next))
            (drop (memory.grow (i32.add (i32.const 1)
              (i32.shr_u (local.get 3) (i32.const 16)))))
            (global.set $next (i32.add (local.get 4) (local.get 3)))
            (local.get 4))
          (func (export "next") (param i32) (result i32) (global.get $next))
          (func (export "text") (param i32 i32) (result i32) (i32.const 0)))
        (core instance $m (instantiate $m))
        (func $next (param "a" u32) (result u32) (canon lift (core func $m "next")))
        (func $text (param "a" string) (result u32) (canon lift (core func $m "text")
          (memory $m "memory") (realloc (func $m "realloc"))))
        (export "next" (func $next)) (export "text" (func $text)))"#;
    let component = flatten(text).unwrap();
    let next = &component.functions[0];
    assert_eq!((&next.name.name[..], &next.realloc), ("next", &None));
    let driver = LiftedDriver::new(next).unwrap();
    let linked = driver.link("f", &component.module).unwrap();
    let mut guest = ColumnGuest::new(&linked, "f", driver.arguments(), driver.result());
    let result = guest.call(&[vec![u32(0)]], 1).unwrap();
    let Value::Number(next) = &result[0] else {
        panic!("{result:?}");
    };
    assert!(u32::from_le_bytes(next[..].try_into().unwrap()) > 1024);
}

#[test]
fn functions_of_a_set_are_one_module() {
    let text = r#"(component
        (core module $m (memory (export "memory") 1)
          (global $next (mut i32) (i32.const 1024))
          (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next)
              (i32.and (i32.add (local.get 3) (i32.const 7)) (i32.const -8)))))
          (func (export "add") (param i64 i64) (result i64)
            (i64.add (local.get 0) (local.get 1)))
          (func (export "same") (param i32 i32) (result i32)
            (i32.store (i32.const 32) (local.get 0)) (i32.store (i32.const 36) (local.get 1))
            (i32.const 32))
          (func (export "size") (param i32 i32) (result i32) (local.get 1))
          (func (export "units") (param i32 i32) (result i32) (local.get 1)))
        (core instance $m (instantiate $m))
        (func $add (param "a" s64) (param "b" s64) (result s64)
          (canon lift (core func $m "add")))
        (func $same (param "a" (list s64)) (result (list s64)) (canon lift (core func $m "same")
          (memory $m "memory") (realloc (func $m "realloc"))))
        (func $size (param "a" string) (result u32) (canon lift (core func $m "size")
          (memory $m "memory") (realloc (func $m "realloc"))))
        (func $units (param "a" string) (result u32) (canon lift (core func $m "units")
          string-encoding=utf16 (memory $m "memory") (realloc (func $m "realloc"))))
        (export "add" (func $add)) (export "same" (func $same)) (export "size" (func $size))
        (export "units" (func $units)))"#;
    let component = flatten(text).unwrap();
    let functions = component.functions.iter();
    let drivers: Vec<_> = functions
        .map(|function| {
            let driver = LiftedDriver::new(function).unwrap();
            (function.name.to_string(), driver)
        })
        .collect();
    let sets = DriverSet::divide(drivers.clone());
    let symbols: Vec<Vec<&str>> = sets.iter().map(|set| set.symbols().collect()).collect();
    // Text of another encoding needs other conversions.
    assert_eq!(symbols, [vec!["add", "same", "size"], vec!["units"]]);

    let linked = sets[0].link(&component.module).unwrap();
    validate(&linked);
    let guest = |symbol: &str| {
        let (_, driver) = drivers.iter().find(|(name, _)| name == symbol).unwrap();
        ColumnGuest::new(&linked, symbol, driver.arguments(), driver.result())
    };
    let columns = [vec![i64(1), Value::Null], vec![i64(2), i64(3)]];
    assert_eq!(
        guest("add").call(&columns, 2),
        Ok(vec![i64(3), Value::Null])
    );
    let lists = vec![
        Value::List(vec![i64(1), i64(-2)]),
        Value::Null,
        Value::List(vec![]),
    ];
    let same = guest("same").call(std::slice::from_ref(&lists), 3);
    assert_eq!(same, Ok(lists));
    let texts = vec![text_value("four"), text_value("größe")];
    assert_eq!(guest("size").call(&[texts], 2), Ok(vec![u32(4), u32(7)]));
    // Each set of a larger component has a bounded number of types.
    let many = (0..300).map(|n| (format!("f{n}"), drivers[0].1.clone()));
    assert_eq!(DriverSet::divide(many).len(), 4);
}

#[test]
fn functions_without_a_result_or_an_option_are_refused() {
    let fixture = Fixture {
        signature: r#"(param "a" string)"#,
        core: "(func $f (param i32 i32))",
        returns: "",
        ..Fixture::default()
    };
    let (driver, _) = fixture.driver();
    assert_eq!(
        driver.unwrap_err().to_string(),
        "returns nothing, expected a result; return a bool"
    );
    let component = flatten(
        r#"(component
        (core module $m (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
          (func (export "f") (param i32 i32) (result i32) (i32.const 0)))
        (core instance $m (instantiate $m))
        (func (export "f") (param "a" string) (result u32) (canon lift (core func $m "f")
          (memory $m "memory") (realloc (func $m "realloc")))))"#,
    );
    let function = component.unwrap().functions[0].clone();
    let without = |function: LiftedFunction| LiftedDriver::new(&function).map(|_| ());
    let missing = |option| Err(UnsupportedFunction::MissingOption { option });
    assert_eq!(without(function.clone()), Ok(()));
    let realloc = LiftedFunction {
        realloc: None,
        ..function.clone()
    };
    assert_eq!(without(realloc), missing("realloc"));
    let memory = LiftedFunction {
        memory: None,
        ..function
    };
    assert_eq!(without(memory), missing("memory"));
}

/// The instrumentation replaces the imports of rows, and limits what a module may cost.
#[test]
fn drivers_can_be_instrumented() {
    let wide = " string".repeat(300);
    let wide = format!("(list (tuple{wide}))");
    for ty in ["string", "(list (tuple (option u32) string))", &wide] {
        let fixture = Fixture {
            signature: &format!("(param \"a\" {ty}) (result {ty})"),
            core: "(func $f (param i32 i32) (result i32) (i32.const 32))",
            ..Fixture::default()
        };
        let (driver, module) = fixture.driver();
        let linked = driver.unwrap().link("f", &module).unwrap();
        let options = fusebox_instrument::Options::default();
        fusebox_instrument::check_arities(&linked).unwrap();
        let instrumented = fusebox_instrument::instrument(&linked, options);
        let instrumented = instrumented.unwrap_or_else(|error| panic!("{error}"));
        let (_, imports) = surface(&instrumented.module);
        assert!(
            imports.iter().all(|name| !name.contains("row_")),
            "{imports:?}"
        );
    }
}
