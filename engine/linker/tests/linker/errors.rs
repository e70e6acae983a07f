//! Modules that cannot be linked, and the messages.

use fusebox_linker::{BYTES_MAX, ITEMS_MAX, Import, Linker, MODULES_MAX};

use crate::link;

fn check(main: &str, providers: &[(&str, &str)], expected: &str) {
    let error = link(main, providers).expect_err(expected);
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_import_of_another_type_shows_both_types() {
    check(
        r#"(module (import "p" "g" (func $g (param i32 i64) (result f64)))
            (func (export "f") (drop (call $g (i32.const 1) (i64.const 1)))))"#,
        &[("p", r#"(module (func (export "g") (param i32)))"#)],
        "the module imports `p`.`g` as a function (i32, i64) -> (f64), but it is provided as \
         a function (i32) -> (); build both against the same declaration",
    );
    check(
        r#"(module (import "p" "g" (global $g (mut i32))))"#,
        &[("p", r#"(module (global (export "g") i32 (i32.const 1)))"#)],
        "the module imports `p`.`g` as a mutable global i32, but it is provided as \
         a constant global i32; build both against the same declaration",
    );
    check(
        r#"(module (import "p" "t" (table 3 funcref)))"#,
        &[("p", r#"(module (memory (export "t") 1 2))"#)],
        "the module imports `p`.`t` as a table of funcref with at least 3 elements, but it is \
         provided as a memory with 1 to 2 pages; build both against the same declaration",
    );
    check(
        r#"(module (import "p" "g" (func)) (memory 1 2))"#,
        &[(
            "p",
            r#"(module (import "env" "memory" (memory 2)) (func (export "g")))"#,
        )],
        "provider `p` imports `env`.`memory` as a memory with at least 2 pages, but it is \
         provided as a memory with 1 to 2 pages; build both against the same declaration",
    );
}

#[test]
fn modules_are_bounded_in_bytes_items_and_number() {
    let large = vec![0; BYTES_MAX + 1];
    let error = Linker::new("", &large).err().unwrap().to_string();
    assert_eq!(
        error,
        "the modules to link have 268435457 bytes, expected at most 268435456"
    );
    let empty = wat::parse_str("(module)").unwrap();
    let mut linker = Linker::new("", &empty).unwrap();
    for _ in 1..MODULES_MAX {
        linker = linker.provide("p", &empty).unwrap();
    }
    let error = linker.provide("p", &empty).err().unwrap().to_string();
    assert_eq!(
        error,
        "there are more than 1000 modules to link; merge some of them before"
    );
    let globals = "(global i32 (i32.const 0))".repeat(100_000);
    let globals = wat::parse_str(format!("(module {globals})")).unwrap();
    let mut linker = Linker::new("", &globals).unwrap();
    for _ in 1..ITEMS_MAX / 100_000 {
        linker = linker.provide("p", &globals).unwrap();
    }
    let error = linker.provide("p", &globals).err().unwrap().to_string();
    assert_eq!(
        error,
        "the modules to link have 2100000 functions, tables, memories, globals and segments, \
         expected at most 2000000"
    );
}

#[test]
fn long_types_are_shortened() {
    let parameters = "i32 ".repeat(20);
    let main = format!(r#"(module (import "p" "g" (func (param {parameters}))))"#);
    let error = link(&main, &[("p", r#"(module (func (export "g")))"#)]).unwrap_err();
    assert!(
        error.to_string().contains("i32 and 4 more) -> ()"),
        "{error}"
    );
}

#[test]
fn an_import_of_itself_is_refused() {
    let forward =
        |from: &str| format!(r#"(module (import "{from}" "g" (func $g)) (export "g" (func $g)))"#);
    check(
        r#"(module (import "a" "g" (func $g)) (func (export "f") (call $g)))"#,
        &[("a", &forward("b")), ("b", &forward("a"))],
        "provider `a` imports `b`.`g`, which is an import of its own through re-exports; \
         define it in one of the modules",
    );
}

#[test]
fn initial_values_that_depend_on_each_other_are_refused() {
    let global = |from: &str| {
        format!(
            r#"(module (import "{from}" "g" (global $g i32))
                (global (export "g") i32 (global.get $g)))"#
        )
    };
    let error = link(
        r#"(module (import "a" "g" (global $g i32)) (export "g" (global $g)))"#,
        &[("a", &global("b")), ("b", &global("a"))],
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("the initial value of global 1 of provider `"),
        "{error}"
    );
}

#[test]
fn copies_of_initial_values_do_not_grow() {
    // Each module doubles the length of the expression, which no import can make a constant.
    let double = |from: &str| {
        format!(
            r#"(module (import "{from}" "g" (global $g i32))
                (global (export "g") i32 (i32.add (global.get $g) (global.get $g))))"#
        )
    };
    let modules: Vec<_> = (0..40)
        .map(|n| (format!("m{n}"), double(&format!("m{}", n + 1))))
        .collect();
    let mut providers: Vec<_> = modules
        .iter()
        .map(|(name, module)| (name.as_str(), module.as_str()))
        .collect();
    let main = r#"(module (import "m0" "g" (global $g i32))
        (func (export "f") (result i32) (global.get $g)))"#;
    let error = link(main, &providers).unwrap_err().to_string();
    assert!(error.contains("expected at most 4"), "{error}");
    // Once it is provided, every sum is a constant.
    let one = r#"(module (global (export "g") i32 (i32.const 1)))"#;
    providers.push(("m40", one));
    assert!(link(main, &providers).unwrap().len() < 100);
}

#[test]
fn two_memories_in_use_are_refused() {
    check(
        r#"(module (import "p" "g" (func $g (result i32))) (memory (export "memory") 1)
            (func (export "f") (result i32) (call $g)))"#,
        &[(
            "p",
            r#"(module (memory 1) (func (export "g") (result i32) (i32.load (i32.const 0))))"#,
        )],
        "the module and provider `p` use memories of their own, expected one memory; have one \
         import the memory of the other",
    );
}

#[test]
fn reserved_names_are_refused() {
    check(
        r#"(module (func (export "fusebox:row")))"#,
        &[],
        "it exports `fusebox:row`, but names with the prefix `fusebox:` are reserved; \
         rename the export",
    );
    check(
        "(module)",
        &[("fusebox", "(module)")],
        "a provider is named `fusebox`, which the host itself provides; rename the provider",
    );
}

#[test]
fn modules_that_are_not_permitted_are_refused() {
    let place = "provider `p` is not valid: ";
    for module in [
        "(module (memory 1 2 shared))",
        "(module (memory i64 1))",
        "(module (tag))",
        "(module (memory 1) (memory 1))",
        "(module (type (struct)))",
    ] {
        let error = link("(module)", &[("p", module)]).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
    let component = b"\0asm\x0d\0\x01\0";
    let error = Linker::new("", component).err().unwrap().to_string();
    assert!(error.starts_with("the module is "), "{error}");
}

#[test]
fn missing_imports_are_listed_and_those_of_the_host_stay() {
    let main = wat::parse_str(
        r#"(module (import "p" "g" (func $g)) (import "env" "missing" (func $missing (param i32)))
            (import "env" "unused" (func)) (import "fusebox" "log" (func $log (param i32 i32)))
            (func (export "f") (call $g) (call $missing (i32.const 1))
              (call $log (i32.const 1) (i32.const 1))))"#,
    )
    .unwrap();
    let provider = wat::parse_str(
        r#"(module (import "wasi" "table" (table $t 1 funcref))
            (func (export "g") (drop (table.get $t (i32.const 0)))))"#,
    )
    .unwrap();
    let linker = Linker::new("", &main)
        .and_then(|linker| linker.provide("p", &provider))
        .unwrap();
    let import = |module: &str, name: &str, ty: &str| Import {
        module: module.to_owned(),
        name: name.to_owned(),
        ty: ty.to_owned(),
    };
    assert_eq!(
        linker.missing_imports().unwrap(),
        [
            import("env", "missing", "a function (i32) -> ()"),
            import(
                "wasi",
                "table",
                "a table of funcref with at least 1 elements"
            ),
        ]
    );
    assert_eq!(
        linker.served_imports().unwrap(),
        [import("p", "g", "a function () -> ()")]
    );
}
