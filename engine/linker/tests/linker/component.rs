//! Components, flattened: they behave as they do as components.

use fusebox_linker::component::{Component, ComponentError, LiftedFunction, StringEncoding};
use wasmtime::Val;

use crate::Guest;
use crate::guest::{surface, validate};

/// Flattens a component in the text format.
pub(crate) fn flatten(text: &str) -> Result<Component, ComponentError> {
    let component = Component::flatten(&wat::parse_str(text).unwrap());
    component.inspect(|component| validate(&component.module))
}

/// Flattens a component and instantiates its module.
fn guest(text: &str) -> (Guest, Vec<LiftedFunction>) {
    let component = flatten(text).unwrap_or_else(|error| panic!("{error}"));
    (Guest::new(&component.module), component.functions)
}

/// Calls the only function of a component without arguments.
fn call(text: &str) -> i64 {
    let (mut guest, functions) = guest(text);
    let [function] = &functions[..] else {
        panic!("{functions:?}");
    };
    guest.call(&function.core_export, &[])
}

#[test]
fn a_lifted_function_is_an_export_of_the_module() {
    let text = r#"(component
        (core module $m (func (export "add") (param i64 i64) (result i64)
          (i64.add (local.get 0) (local.get 1))))
        (core instance $i (instantiate $m))
        (func (export "add") (param "a" s64) (param "b" s64) (result s64)
          (canon lift (core func $i "add"))))"#;
    let (mut guest, functions) = guest(text);
    let function = &functions[0];
    assert_eq!(function.name.to_string(), "add");
    assert_eq!(function.core_export, "lift:add");
    assert_eq!(
        (&function.memory, &function.realloc, &function.post_return),
        (&None, &None, &None)
    );
    assert!(!function.ambient_inputs.clock && !function.ambient_inputs.random);
    assert_eq!(guest.call("lift:add", &[Val::I64(40), Val::I64(2)]), 42);
}

#[test]
fn a_string_is_passed_by_memory_and_allocator() {
    let text = r#"(component
        (core module $m (memory (export "memory") 1)
          (global $next (mut i32) (i32.const 64))
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
          (func (export "same") (param i32 i32) (result i32)
            (i32.store (i32.const 8) (local.get 0)) (i32.store (i32.const 12) (local.get 1))
            (i32.const 8))
          (func (export "after") (param i32) (global.set $next (i32.const 64))))
        (core instance $i (instantiate $m))
        (func (export "same") (param "text" string) (result string)
          (canon lift (core func $i "same") (memory $i "memory") string-encoding=utf16
            (realloc (func $i "cabi_realloc")) (post-return (func $i "after")))))"#;
    let (mut guest, functions) = guest(text);
    let function = &functions[0];
    assert_eq!(function.memory.as_deref(), Some("memory"));
    assert_eq!(function.realloc.as_deref(), Some("cabi_realloc"));
    assert_eq!(function.post_return.as_deref(), Some("post_return:same"));
    assert_eq!(function.encoding, StringEncoding::Utf16);
    let size = [0, 0, 1, 5].map(Val::I32);
    assert_eq!(guest.call("cabi_realloc", &size), 64);
    let result = guest.call("lift:same", &[Val::I32(64), Val::I32(5)]) as usize;
    assert_eq!(
        guest.memory()[result..result + 8],
        [64, 0, 0, 0, 5, 0, 0, 0]
    );
    guest.try_call("post_return:same", &[Val::I32(8)]).unwrap();
    assert_eq!(guest.call("cabi_realloc", &size), 64);
}

#[test]
fn a_module_that_is_instantiated_twice_has_two_states() {
    let text = r#"(component
        (core module $counter (global $n (mut i32) (i32.const 0))
          (func (export "next") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))
        (core module $m
          (import "a" "next" (func $a (result i32))) (import "b" "next" (func $b (result i32)))
          (func (export "f") (result i32)
            (drop (call $a)) (drop (call $a)) (drop (call $b))
            (i32.add (i32.mul (call $a) (i32.const 10)) (call $b))))
        (core instance $a (instantiate $counter))
        (core instance $b (instantiate $counter))
        (core instance $i (instantiate $m (with "a" (instance $a)) (with "b" (instance $b))))
        (func (export "f") (result s32) (canon lift (core func $i "f"))))"#;
    assert_eq!(call(text), 32);
}

#[test]
fn items_are_passed_in_lists_under_other_names() {
    let text = r#"(component
        (core module $parts
          (global (export "g") (mut i32) (i32.const 5)) (memory (export "m") 1)
          (table (export "t") 1 funcref) (func $seven (export "f") (result i32) (i32.const 7)))
        (core module $m
          (import "" "global" (global $g (mut i32))) (import "" "memory" (memory 1))
          (import "" "table" (table $t 1 funcref)) (import "" "function" (func $f (result i32)))
          (elem (table $t) (i32.const 0) func $f) (data (i32.const 16) "\0b")
          (func (export "f") (result i32)
            (i32.add (i32.add (global.get $g) (call $f))
              (i32.add (i32.load8_u (i32.const 16)) (call_indirect $t (result i32) (i32.const 0))))))
        (core instance $p (instantiate $parts))
        (alias core export $p "f" (core func $f))
        (core instance $i (instantiate $m (with "" (instance
          (export "global" (global $p "g")) (export "memory" (memory $p "m"))
          (export "table" (table $p "t")) (export "function" (func $f))))))
        (func (export "f") (result s32) (canon lift (core func $i "f"))))"#;
    assert_eq!(call(text), 5 + 7 + 11 + 7);
}

#[test]
fn an_interface_is_exported_through_a_nested_component() {
    let text = r#"(component
        (core module $m (func (export "udf:x/functions@1.0.0#twice") (param i32) (result i32)
            (i32.shl (local.get 0) (i32.const 1)))
          (func (export "udf:x/functions@1.0.0#half") (param i32) (result i32)
            (i32.shr_u (local.get 0) (i32.const 1))))
        (core instance $i (instantiate $m))
        (func $twice (param "n" u32) (result u32)
          (canon lift (core func $i "udf:x/functions@1.0.0#twice")))
        (func $half (param "n" u32) (result u32)
          (canon lift (core func $i "udf:x/functions@1.0.0#half")))
        (component $shim
          (import "import-twice" (func $twice (param "n" u32) (result u32)))
          (import "import-half" (func $half (param "n" u32) (result u32)))
          (export "twice" (func $twice)) (export "half" (func $half)))
        (instance $exports (instantiate $shim
          (with "import-twice" (func $twice)) (with "import-half" (func $half))))
        (export "udf:x/functions@1.0.0" (instance $exports)))"#;
    let (mut guest, functions) = guest(text);
    let names = functions.iter().map(|function| function.name.to_string());
    let names: Vec<_> = names.collect();
    let interface = "udf:x/functions@1.0.0";
    assert_eq!(
        names,
        ["half", "twice"].map(|name| format!("{interface}#{name}"))
    );
    let export = format!("lift:{interface}#twice");
    assert_eq!(guest.call(&export, &[Val::I32(21)]), 42);
}

#[test]
fn modules_and_components_are_found_by_outer_aliases() {
    let text = r#"(component $outer
        (core module $m (func (export "f") (result i32) (i32.const 3)))
        (component $leaf
          (alias outer $outer $m (core module $m))
          (core instance $i (instantiate $m))
          (func (export "f") (result s32) (canon lift (core func $i "f"))))
        (component $middle
          (import "part" (component $part (export "f" (func (result s32)))))
          (instance $i (instantiate $part))
          (alias export $i "f" (func $f))
          (export "g" (func $f)))
        (component $user
          (alias outer $outer $leaf (component $leaf))
          (alias outer $outer $middle (component $middle))
          (instance $i (instantiate $middle (with "part" (component $leaf))))
          (export "h" (func $i "g")))
        (instance $i (instantiate $user))
        (export "h" (func $i "h")))"#;
    assert_eq!(call(text), 3);
}

/// As `wit-component` encodes a module whose imports need its memory.
pub(crate) const SHIMMED: &str = r#"(component
    (import "wasi:random/random@0.2.3" (instance $random
      (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
      (export "get-random-u64" (func (result u64)))))
    (core module $main
      (import "wasi:random/random@0.2.3" "get-random-bytes" (func $bytes (param i64 i32)))
      (import "wasi:random/random@0.2.3" "get-random-u64" (func $u64 (result i64)))
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 256))
      (func (export "two") (result i32)
        (call $bytes (i64.const 8) (i32.const 16))
        (i32.and
          (i32.eq (i32.load (i32.const 16)) (i32.const 256))
          (i32.and
            (i32.eq (i32.load (i32.const 20)) (i32.const 8))
            (i64.ne (i64.load (i32.const 256)) (call $u64))))))
    (core module $shim (table (export "$imports") 1 1 funcref)
      (type $t (func (param i64 i32)))
      (func (export "0") (type $t)
        (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0))))
    (core module $fixups (import "" "$imports" (table 1 1 funcref))
      (import "" "0" (func $0 (param i64 i32))) (elem (i32.const 0) func $0))
    (core instance $shim (instantiate $shim))
    (alias core export $shim "0" (core func $indirect))
    (core func $u64 (canon lower (func $random "get-random-u64")))
    (core instance $main (instantiate $main (with "wasi:random/random@0.2.3" (instance
      (export "get-random-bytes" (func $indirect)) (export "get-random-u64" (func $u64))))))
    (core func $bytes (canon lower (func $random "get-random-bytes")
      (memory $main "memory") (realloc (func $main "cabi_realloc"))))
    (alias core export $shim "$imports" (core table $table))
    (core instance (instantiate $fixups (with "" (instance
      (export "$imports" (table $table)) (export "0" (func $bytes))))))
    (func (export "two") (result bool) (canon lift (core func $main "two"))))"#;

#[test]
fn calls_through_shims_become_direct() {
    let component = flatten(SHIMMED).unwrap();
    let payloads = payloads(&component.module);
    assert!(!payloads.contains("TableSection"), "{payloads}");
    assert!(component.functions[0].ambient_inputs.random);
    assert!(!component.functions[0].ambient_inputs.clock);
    assert_eq!(Guest::new(&component.module).call("lift:two", &[]), 1);
}

#[test]
fn a_start_function_beside_a_shim_runs() {
    let start = r#"(import "" "start" (func $start)) (start $start) (elem (i32.const 0) func $0)"#;
    let text = SHIMMED
        .replace("(elem (i32.const 0) func $0)", start)
        .replace(
            r#"(export "0" (func $bytes))"#,
            r#"(export "0" (func $bytes)) (export "start" (func $main "start"))"#,
        )
        .replace(
            r#"(func (export "two") (result i32)"#,
            r#"(func (export "start") (i32.store8 (i32.const 99) (i32.const 77)))
               (func (export "two") (result i32)"#,
        );
    let component = flatten(&text).unwrap();
    let payloads = payloads(&component.module);
    assert!(!payloads.contains("TableSection"), "{payloads}");
    let mut guest = Guest::new(&component.module);
    assert_eq!(guest.memory()[99], 77);
    assert_eq!(guest.call("lift:two", &[]), 1);
}

#[test]
fn a_table_that_others_use_as_well_is_kept() {
    let other = r#"(core module $other (import "" "$imports" (table 1 1 funcref)))
        (core instance (instantiate $other (with "" (instance
          (export "$imports" (table $table))))))
        (func (export "two") (result bool)"#;
    let text = SHIMMED.replace(r#"(func (export "two") (result bool)"#, other);
    let component = flatten(&text).unwrap();
    let payloads = payloads(&component.module);
    assert!(payloads.contains("TableSection"), "{payloads}");
    assert_eq!(Guest::new(&component.module).call("lift:two", &[]), 1);
}

fn payloads(module: &[u8]) -> String {
    let payloads = wasmparser::Parser::new(0).parse_all(module);
    payloads
        .map(|payload| format!("{:?}\n", payload.unwrap()))
        .collect()
}

#[test]
fn the_same_component_gives_the_same_module() {
    let modules = [(); 4].map(|()| flatten(SHIMMED).unwrap().module);
    assert!(modules.iter().all(|module| *module == modules[0]));
}

#[test]
fn start_functions_run_in_the_order_of_instantiation() {
    let start = |digit: u32| {
        format!(
            r#"(core module $m{digit} (import "" "m" (memory 1)) (func $start
              (i32.store (i32.const 0) (i32.add
                (i32.mul (i32.load (i32.const 0)) (i32.const 10)) (i32.const {digit}))))
              (start $start))
            (core instance (instantiate $m{digit} (with "" (instance $memory))))"#
        )
    };
    let text = format!(
        r#"(component
        (core module $memory (memory (export "m") 1)
          (func (export "f") (result i32) (i32.load (i32.const 0))))
        (core instance $memory (instantiate $memory))
        {} {} {}
        (func (export "f") (result s32) (canon lift (core func $memory "f"))))"#,
        start(2),
        start(1),
        start(3)
    );
    assert_eq!(call(&text), 213);
}

#[test]
fn the_module_imports_the_log_alone() {
    let text = r#"(component
        (import "wasi:io/streams@0.2.0" (instance $streams
          (export "output-stream" (type $out (sub resource)))))
        (alias export $streams "output-stream" (type $out))
        (import "wasi:cli/stdout@0.2.0" (instance $stdout
          (alias outer 1 $out (type $out1)) (export "output-stream" (type $out2 (eq $out1)))
          (export "get-stdout" (func (result (own $out2))))))
        (core module $m (import "" "get" (func $get (result i32)))
          (import "" "drop" (func $drop (param i32)))
          (func (export "f") (result i32) (call $drop (call $get)) (call $get)))
        (core func $get (canon lower (func $stdout "get-stdout")))
        (core func $drop (canon resource.drop $out))
        (core instance $i (instantiate $m (with "" (instance
          (export "get" (func $get)) (export "drop" (func $drop))))))
        (func (export "f") (result s32) (canon lift (core func $i "f"))))"#;
    let component = flatten(text).unwrap();
    assert_eq!(surface(&component.module).1, Vec::<String>::new());
    assert_eq!(call(text), 2);
}
