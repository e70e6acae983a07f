//! Components that import WASI.

use fusebox_linker::component::Component;
use wasmtime::Val;

use crate::Guest;
use crate::component::flatten;
use crate::guest::surface;

/// A component with one core module, which imports one function of an interface. The core module
/// has a memory and an allocator, and `body` are its other parts.
pub(crate) fn importer(interface: &str, export: &str, name: &str, ty: &str, body: &str) -> String {
    format!(
        r#"(component
        (import "{interface}" (instance $wasi {export}))
        (core module $memory (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
        (core instance $memory (instantiate $memory))
        (core func $f (canon lower (func $wasi "{name}")
          (memory $memory "memory") (realloc (func $memory "realloc"))))
        (core module $m (import "" "f" (func $f {ty})) (import "" "memory" (memory 1)) {body})
        (core instance $m (instantiate $m (with "" (instance
          (export "f" (func $f)) (export "memory" (memory $memory "memory"))))))
        (func (export "run") (result s64) (canon lift (core func $m "run")))
        (func (export "memory") (result string)
          (canon lift (core func $m "string") (memory $memory "memory"))))"#
    )
}

/// Export of every core module of [`importer`].
pub(crate) const STRING: &str = r#"(func (export "string") (result i32) (i32.const 0))"#;

#[test]
fn the_clock_is_that_of_the_row() {
    let text = importer(
        "wasi:clocks/wall-clock@0.2.6",
        r#"(type (record (field "seconds" u64) (field "nanoseconds" u32)))
           (export "datetime" (type $datetime (eq 0)))
           (export "now" (func (result $datetime)))"#,
        "now",
        "(param i32)",
        &format!(
            r#"(func (export "run") (result i64) (call $f (i32.const 8))
              (i64.add (i64.mul (i64.load (i32.const 8)) (i64.const 1000000000))
                (i64.extend_i32_u (i32.load (i32.const 16))))) {STRING}"#
        ),
    );
    let component = flatten(&text).unwrap();
    let [string, run] = &component.functions[..] else {
        let names = component
            .functions
            .iter()
            .map(|function| function.name.to_string());
        panic!("{:?}", names.collect::<Vec<_>>());
    };
    // Functions are in the order of the exports.
    let (run, string) = (string, run);
    assert!(run.ambient_inputs.clock && !run.ambient_inputs.random);
    assert!(!string.ambient_inputs.clock);
    let mut guest = Guest::new(&component.module);
    guest.set_global("fusebox:clock", 12_000_000_345);
    for _ in 0..2 {
        guest.try_call("fusebox:row", &[]).unwrap();
        assert_eq!(guest.call("lift:run", &[]), 12_000_000_345);
        assert_eq!(guest.call("lift:run", &[]), 12_000_001_345);
    }
}

#[test]
fn output_is_logged() {
    let text = importer(
        "wasi:io/streams@0.2.0",
        r#"(export "output-stream" (type $stream (sub resource)))
           (export "error" (type $error (sub resource)))
           (type $failure (variant (case "failed" (own $error)) (case "closed")))
           (export "stream-error" (type $stream-error (eq $failure)))
           (export "[method]output-stream.blocking-write-and-flush" (func
             (param "self" (borrow $stream)) (param "contents" (list u8))
             (result (result (error $stream-error)))))"#,
        "[method]output-stream.blocking-write-and-flush",
        "(param i32 i32 i32 i32)",
        &format!(
            r#"(data (i32.const 32) "hello")
            (func (export "run") (result i64)
              (i32.store (i32.const 8) (i32.const -1))
              (call $f (i32.const 2) (i32.const 32) (i32.const 5) (i32.const 8))
              (i64.extend_i32_u (i32.load8_u (i32.const 8)))) {STRING}"#
        ),
    );
    let component = flatten(&text).unwrap();
    assert_eq!(surface(&component.module).1, ["fusebox.log"]);
    let mut guest = Guest::new(&component.module);
    assert_eq!(guest.call("lift:run", &[]), 0);
    assert_eq!(guest.messages(), ["hello"]);
}

#[test]
fn an_exit_traps_with_its_code() {
    let text = importer(
        "wasi:cli/exit@0.2.0",
        r#"(export "exit" (func (param "status" (result))))"#,
        "exit",
        "(param i32)",
        &format!(
            r#"(func (export "run") (result i64) (call $f (i32.const 1)) (i64.const 0)) {STRING}"#
        ),
    );
    let mut guest = Guest::new(&flatten(&text).unwrap().module);
    assert!(guest.try_call("lift:run", &[]).is_none());
    assert_eq!(guest.global("fusebox:exit_code"), 1);
}

#[test]
fn a_handle_that_nothing_creates_traps() {
    let text = importer(
        "wasi:filesystem/types@0.2.0",
        r#"(export "descriptor" (type $descriptor (sub resource)))
           (export "[method]descriptor.sync" (func (param "self" (borrow $descriptor))))"#,
        "[method]descriptor.sync",
        "(param i32)",
        &format!(
            r#"(func (export "run") (result i64) (call $f (i32.const 1)) (i64.const 0)) {STRING}"#
        ),
    );
    let mut guest = Guest::new(&flatten(&text).unwrap().module);
    assert!(guest.try_call("lift:run", &[]).is_none());
    assert_eq!(guest.call("lift:memory", &[]), 0);
}

#[test]
fn imports_that_are_missing_are_named_if_they_are_reached() {
    let component = |body: &str| {
        importer(
            "wasi:http/types@0.2.0",
            r#"(export "get" (func (result u32)))"#,
            "get",
            "(result i32)",
            &format!("{body} {STRING}"),
        )
    };
    let reached = component(r#"(func (export "run") (result i64) (i64.extend_i32_u (call $f)))"#);
    assert_eq!(
        flatten(&reached).unwrap_err().to_string(),
        "exported functions may call `wasi:http/types@0.2.0#get`, expected imports of `wasi:cli`, \
         `wasi:clocks`, `wasi:filesystem`, `wasi:io`, `wasi:random` and `wasi:sockets` 0.2 alone; \
         build the component without them, or compose it with a component that provides them"
    );
    let unreached = component(r#"(func (export "run") (result i64) (i64.const 4))"#);
    let mut guest = Guest::new(&flatten(&unreached).unwrap().module);
    assert_eq!(guest.call("lift:run", &[]), 4);
}

#[test]
fn preview_1_is_served_without_its_adapter() {
    let text = r#"(component
        (import "wasi:http/types@0.2.0" (instance $http (export "get" (func (result u32)))))
        (core func $get (canon lower (func $http "get")))
        (core module $shim (type $t (func (param i32 i32) (result i32)))
          (table (export "$imports") 1 1 funcref)
          (func (export "0") (type $t)
            (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0))))
        (core instance $shim (instantiate $shim))
        (core module $main
          (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "run") (result i64)
            (drop (call $random (i32.const 8) (i32.const 8))) (i64.load (i32.const 8)))
          (func (export "string") (result i32) (i32.const 0)))
        (core instance $main (instantiate $main
          (with "wasi_snapshot_preview1" (instance (export "random_get" (func $shim "0"))))))
        (core module $adapter (import "http" "get" (func $get (result i32)))
          (import "main" "memory" (memory 1))
          (func (export "random_get") (param i32 i32) (result i32) (call $get)))
        (core instance $adapter (instantiate $adapter (with "main" (instance $main))
          (with "http" (instance (export "get" (func $get))))))
        (core module $fixups (import "" "$imports" (table 1 1 funcref))
          (import "" "0" (func $0 (param i32 i32) (result i32))) (elem (i32.const 0) func $0))
        (core instance (instantiate $fixups (with "" (instance
          (export "$imports" (table $shim "$imports"))
          (export "0" (func $adapter "random_get"))))))
        (func (export "run") (result s64) (canon lift (core func $main "run")))
        (func (export "string") (result string)
          (canon lift (core func $main "string") (memory $main "memory"))))"#;
    let component = flatten(text).unwrap();
    assert!(component.functions[0].ambient_inputs.random);
    let mut guest = Guest::new(&component.module);
    // The first number of SplitMix64 with the seed 0.
    assert_eq!(
        guest.call("lift:run", &[]),
        0xe220_a839_7b1d_cdaf_u64 as i64
    );
}

#[test]
fn waiting_for_the_clock_moves_it() {
    let text = r#"(component
        (import "wasi:io/poll@0.2.0" (instance $poll
          (export "pollable" (type $p (sub resource)))
          (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
        (alias export $poll "pollable" (type $pollable))
        (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
          (alias outer 1 $pollable (type $p)) (export "pollable" (type $q (eq $p)))
          (export "now" (func (result u64)))
          (export "subscribe-duration" (func (param "when" u64) (result (own $q))))))
        (core module $memory (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
        (core instance $memory (instantiate $memory))
        (core func $now (canon lower (func $clock "now")))
        (core func $subscribe (canon lower (func $clock "subscribe-duration")))
        (core func $poll (canon lower (func $poll "poll") (memory $memory "memory")
          (realloc (func $memory "realloc"))))
        (core module $m (import "memory" "memory" (memory 1))
          (import "" "now" (func $now (result i64)))
          (import "" "subscribe" (func $subscribe (param i64) (result i32)))
          (import "" "poll" (func $poll (param i32 i32 i32)))
          (func (export "run") (result i64) (local $before i64)
            (local.set $before (call $now))
            (i32.store (i32.const 64) (call $subscribe (i64.const 5000000)))
            (call $poll (i32.const 64) (i32.const 1) (i32.const 80))
            (if (i32.ne (i32.load (i32.const 84)) (i32.const 1)) (then unreachable))
            (if (i32.load (i32.load (i32.const 80))) (then unreachable))
            (i64.sub (call $now) (local.get $before))))
        (core instance $m (instantiate $m (with "memory" (instance $memory)) (with "" (instance
          (export "now" (func $now)) (export "subscribe" (func $subscribe))
          (export "poll" (func $poll))))))
        (func (export "run") (result s64) (canon lift (core func $m "run"))))"#;
    let component: Component = flatten(text).unwrap();
    let mut guest = Guest::new(&component.module);
    // The first read moves the clock by a microsecond.
    assert_eq!(guest.call("lift:run", &[]), 5_001_000);
    let arguments: [Val; 0] = [];
    assert!(guest.try_call("fusebox:row", &arguments).is_some());
}
