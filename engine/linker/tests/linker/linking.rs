//! Contents of linked modules.

use crate::guest::surface;
use crate::{Guest, link};

/// Links modules and calls the export `f` without arguments.
fn call(main: &str, providers: &[(&str, &str)]) -> i64 {
    Guest::new(&link(main, providers).unwrap()).call("f", &[])
}

#[test]
fn a_function_is_imported_from_a_provider() {
    let main = r#"(module (import "math" "double" (func $double (param i32) (result i32)))
        (func (export "f") (result i32) (call $double (i32.const 21))))"#;
    let math = r#"(module (func (export "double") (param i32) (result i32)
        (i32.add (local.get 0) (local.get 0))))"#;
    let linked = link(main, &[("math", math)]).unwrap();
    assert_eq!(Guest::new(&linked).call("f", &[]), 42);
    assert_eq!(surface(&linked), (vec!["f".to_owned()], vec![]));
}

#[test]
fn providers_import_from_each_other_and_from_the_main_module() {
    let main = r#"(module
        (import "a" "a" (func $a (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "leaf") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 10)))
        (func (export "f") (result i32)
          (i32.store (i32.const 8) (i32.const 3))
          (call $a (i32.const 8))))"#;
    let a = r#"(module (import "b" "b" (func $b (param i32) (result i32)))
        (func (export "a") (param i32) (result i32) (i32.add (call $b (local.get 0)) (i32.const 1)))
        (func (export "next") (param i32) (result i32) (i32.add (local.get 0) (i32.const 4))))"#;
    let b = r#"(module (import "env" "memory" (memory 1))
        (import "main" "leaf" (func $leaf (param i32) (result i32)))
        (import "a" "next" (func $next (param i32) (result i32)))
        (func (export "b") (param i32) (result i32)
          (call $leaf (call $next (i32.load (local.get 0))))))"#;
    assert_eq!(call(main, &[("b", b), ("a", a)]), 71);
}

#[test]
fn an_import_is_served_through_re_exports() {
    let main = r#"(module (import "a" "g" (func $g (result i32))) (export "f" (func $g)))"#;
    let a = r#"(module (import "b" "g" (func $g (result i32))) (export "g" (func $g)))"#;
    let b = r#"(module (func (export "g") (result i32) (i32.const 7)))"#;
    assert_eq!(call(main, &[("a", a), ("b", b)]), 7);
}

#[test]
fn unused_parts_of_a_provider_are_dropped() {
    let main = r#"(module (import "p" "used" (func $used (result i32)))
        (func (export "f") (result i32) (call $used)))"#;
    let provider = r#"(module
        (import "nowhere" "g" (func $g))
        (memory 1) (global $count (mut i64) (i64.const 0))
        (func (export "used") (result i32) (i32.const 1))
        (func (export "unused") (param f64) (call $g)
          (i64.store (i32.const 0) (global.get $count))))"#;
    let linked = link(main, &[("p", provider)]).unwrap();
    assert_eq!(surface(&linked).1, Vec::<String>::new());
    let text = payloads(&linked);
    for absent in ["memory", "global", "f64", "nowhere"] {
        assert!(!text.contains(absent), "{absent} in {text}");
    }
}

/// The contents of a module, in lower case.
fn payloads(module: &[u8]) -> String {
    let mut text = String::new();
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        text += &format!("{:?}\n", payload.unwrap()).to_lowercase();
    }
    text
}

#[test]
fn equal_types_and_equal_imports_are_one() {
    let main = r#"(module
        (type (func (param i64))) (type (func (param i64)))
        (import "fusebox" "log" (func $log (param i32 i32)))
        (import "p" "g" (func $g (param i32 i32)))
        (memory (export "memory") 1)
        (func (export "f") (call $log (i32.const 0) (i32.const 1))
          (call $g (i32.const 1) (i32.const 2))))"#;
    let provider = r#"(module (import "fusebox" "log" (func $log (param i32 i32)))
        (func (export "g") (param i32 i32) (call $log (local.get 0) (local.get 1))))"#;
    let linked = link(main, &[("p", provider)]).unwrap();
    assert_eq!(surface(&linked).1, ["fusebox.log"]);
    let mut guest = Guest::new(&linked);
    guest.memory()[..3].copy_from_slice(b"abc");
    guest.try_call("f", &[]).unwrap();
    assert_eq!(guest.messages(), ["a", "bc"]);
}

#[test]
fn start_functions_run_in_order_of_dependency() {
    let start = |digit: i32| {
        format!(
            "(func $start (i32.store (i32.const 0)
               (i32.add (i32.mul (i32.load (i32.const 0)) (i32.const 10)) (i32.const {digit}))))
             (start $start)"
        )
    };
    let main = format!(
        r#"(module (import "a" "a" (func $a)) (memory (export "memory") 1) {}
            (func (export "f") (result i32) (call $a) (i32.load (i32.const 0))))"#,
        start(3)
    );
    let a = format!(
        r#"(module (import "b" "b" (func $b)) (import "main" "memory" (memory 1)) {}
            (func (export "a") (call $b)))"#,
        start(2)
    );
    let b = format!(
        r#"(module (import "main" "memory" (memory 1)) {} (func (export "b")))"#,
        start(1)
    );
    let unused = "(module (func $start unreachable) (start $start))";
    let providers = [("unused", unused), ("a", a.as_str()), ("b", b.as_str())];
    assert_eq!(call(&main, &providers), 123);
}

#[test]
fn constants_of_other_modules_are_copied() {
    let main = r#"(module
        (import "p" "base" (global $base i32)) (import "p" "callee" (global $callee funcref))
        (memory (export "memory") 1) (table $t 4 funcref)
        (global $next (mut i32) (i32.add (global.get $base) (i32.const 1)))
        (elem (table $t) (offset (i32.const 2)) funcref (global.get $callee) (ref.null func))
        (data (offset (global.get $base)) "\2a")
        (func (export "f") (result i32)
          (i32.add (call_indirect $t (result i32) (i32.const 2))
            (i32.add (global.get $next) (i32.load8_u (global.get $base))))))"#;
    let p = r#"(module (import "q" "page" (global $page i32)) (func $thousand (result i32)
          (i32.const 1000))
        (global (export "base") i32 (i32.add (i32.mul (global.get $page) (i32.const 16))
          (i32.const 8)))
        (global (export "callee") funcref (ref.func $thousand)))"#;
    let q = r#"(module (global (export "page") i32 (i32.const 2)))"#;
    assert_eq!(call(main, &[("p", p), ("q", q)]), 1000 + 41 + 42);
}

#[test]
fn tables_and_segments_are_shared() {
    let main = r#"(module
        (import "p" "table" (table $t 3 funcref)) (import "p" "fill" (func $fill))
        (func $one (result i32) (i32.const 1))
        (elem (table $t) (i32.const 0) func $one)
        (elem $passive funcref (ref.func $one))
        (func (export "f") (result i32)
          (table.init $t $passive (i32.const 2) (i32.const 0) (i32.const 1))
          (elem.drop $passive) (call $fill)
          (i32.add (call_indirect $t (result i32) (i32.const 1))
            (i32.add (call_indirect $t (result i32) (i32.const 0))
              (call_indirect $t (result i32) (i32.const 2))))))"#;
    let p = r#"(module (table $t (export "table") 5 funcref)
        (func $ten (result i32) (i32.const 10))
        (elem declare func $ten)
        (func (export "fill") (table.set $t (i32.const 1) (ref.func $ten))))"#;
    assert_eq!(call(main, &[("p", p)]), 12);
}

#[test]
fn data_is_copied_from_passive_segments() {
    let main = r#"(module (import "p" "g" (func $g))
        (memory (export "memory") 1) (data "dropped") (data $d "\01\02")
        (func (export "f") (result i32)
          (memory.init $d (i32.const 0) (i32.const 0) (i32.const 2)) (data.drop $d)
          (call $g) (i32.load (i32.const 0))))"#;
    let p = r#"(module (import "main" "memory" (memory 1)) (data $d "\03\04")
        (func (export "g") (memory.init $d (i32.const 2) (i32.const 0) (i32.const 2))))"#;
    assert_eq!(call(main, &[("p", p)]), 0x0403_0201);
}

#[test]
fn segments_of_providers_are_applied_first() {
    let main = r#"(module (import "p" "g" (func $g))
        (memory (export "memory") 1) (data (i32.const 1) "\02\02")
        (func (export "f") (result i32) (call $g) (i32.load (i32.const 0))))"#;
    let p = r#"(module (import "q" "g" (func $g)) (import "main" "memory" (memory 1))
        (data (i32.const 0) "\01\01\01\01") (func (export "g") (call $g)))"#;
    let q = r#"(module (import "main" "memory" (memory 1))
        (data (i32.const 2) "\03\03\03") (func (export "g")))"#;
    for providers in [[("p", p), ("q", q)], [("q", q), ("p", p)]] {
        assert_eq!(call(main, &providers), 0x0102_0201);
    }
}

#[test]
fn a_provider_may_have_the_only_memory_in_use() {
    let main = r#"(module (import "p" "g" (func $g (param i32) (result i32))) (memory 1)
        (func (export "f") (result i32) (call $g (i32.const 5))))"#;
    let p = r#"(module (memory 1) (data (i32.const 5) "\09")
        (func (export "g") (param i32) (result i32) (i32.load8_u (local.get 0))))"#;
    assert_eq!(call(main, &[("p", p)]), 9);
}

#[test]
fn the_first_provider_of_a_name_and_type_serves() {
    let main = r#"(module (import "env" "g" (func $g (result i64)))
        (func (export "f") (result i64) (call $g)))"#;
    let first = r#"(module (func (export "g") (result i32) (i32.const 1)))"#;
    let second = r#"(module (func (export "g") (result i64) (i64.const 2)))"#;
    let third = r#"(module (func (export "g") (result i64) (i64.const 3)))"#;
    assert_eq!(
        call(main, &[("env", first), ("env", second), ("env", third)]),
        2
    );
}

#[test]
fn all_instructions_with_indices_are_renumbered() {
    let main = r#"(module
        (import "p" "table" (table $t 1 funcref)) (import "p" "global" (global $g (mut i64)))
        (import "p" "tail" (func $tail (param i64) (result i64)))
        (type $unused (func (param f32 f32 f32)))
        (type $pair (func (param i64) (result i64 i64)))
        (table $own 2 funcref) (memory (export "memory") 1)
        (func (export "f") (result i64)
          (drop (table.grow $own (ref.null func) (i32.const 1)))
          (table.copy $own $t (i32.const 0) (i32.const 0) (i32.const 1))
          (table.fill $own (i32.const 0) (ref.null func) (i32.const 1))
          (drop (table.get $t (i32.const 0)))
          (i64.store (i32.const 0) (i64.extend_i32_u (table.size $own)))
          (v128.store (i32.const 16) (v128.load64_splat (i32.const 0)))
          (global.set $g (i64.load (i32.const 24)))
          (i64.const 4) (block (type $pair) (i64.const 100)) (i64.mul)
          (return_call $tail)))"#;
    let p = r#"(module (table (export "table") 1 funcref)
        (global $g (export "global") (mut i64) (i64.const 0))
        (func (export "tail") (param i64) (result i64) (i64.add (local.get 0) (global.get $g))))"#;
    assert_eq!(call(main, &[("p", p)]), 403);
}

#[test]
fn a_module_without_providers_stays_the_same() {
    let main = r#"(module (import "env" "g" (func $g (param i32) (result i32)))
        (global (export "global") (mut i64) (i64.const 5))
        (func (export "f") (param i32) (result i32) (call $g (local.get 0))))"#;
    let linked = link(main, &[]).unwrap();
    let exports = ["global", "f"].map(str::to_owned).to_vec();
    assert_eq!(surface(&linked), (exports, vec!["env.g".to_owned()]));
    assert_eq!(link(main, &[]).unwrap(), linked);
}

#[test]
fn long_chains_of_imports_and_initial_values_are_followed() {
    const LENGTH: usize = 20_000;
    // Item n of one module is item n + 1 of the other.
    let chain = |other: &str, parity: usize| {
        let (mut imports, mut rest) = (String::new(), String::new());
        for n in (0..LENGTH).filter(|n| n % 2 == parity) {
            let next = n + 1;
            imports += &format!(
                r#"(import "{other}" "f{next}" (func $f{n} (result i32)))
                (import "{other}" "g{next}" (global $g{n} i32))"#
            );
            rest += &format!(
                r#"(export "f{n}" (func $f{n}))
                (global (export "g{n}") i32 (i32.add (global.get $g{n}) (i32.const 1)))"#
            );
        }
        format!("(module {imports} {rest} END)")
    };
    let end = format!(
        r#"(func (export "f{LENGTH}") (result i32) (i32.const 7))
        (global (export "g{LENGTH}") i32 (i32.const 5))"#
    );
    let main = r#"(module (import "even" "f0" (func $f (result i32)))
        (import "even" "g0" (global $g i32))
        (func (export "f") (result i32) (i32.add (call $f) (global.get $g))))"#;
    let even = chain("odd", 0).replace("END", &end);
    let odd = chain("even", 1).replace("END", "");
    let linked = link(main, &[("odd", &odd), ("even", &even)]).unwrap();
    assert_eq!(Guest::new(&linked).call("f", &[]), 7 + 5 + LENGTH as i64);
    assert!(linked.len() < 200, "{} bytes", linked.len());
}
