//! Functions that reach clock or random numbers.

use fusebox_linker::{AmbientInputs, Linker};

fn inputs(main: &str, export: &str) -> AmbientInputs {
    let main = wat::parse_str(main).unwrap();
    let linker = Linker::new("", &main).unwrap().provide_wasi().unwrap();
    linker.ambient_inputs(export).unwrap()
}

const IMPORTS: &str = r#"
    (import "wasi_snapshot_preview1" "clock_time_get"
      (func $clock (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
      (func $write (param i32 i32 i32 i32) (result i32)))
    (import "env" "Date.now" (func $date (result f64)))
    (import "env" "seed" (func $seed (result f64)))
    (memory (export "memory") 1)
    (func $now (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 0))))
    (func $dice (drop (call $random (i32.const 0) (i32.const 4))))"#;

#[test]
fn inputs_are_found_through_calls() {
    let main = format!(
        r#"(module {IMPORTS}
            (func (export "pure") (drop (call $write
              (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))))
            (func (export "clock") (call $now))
            (func (export "random") (call $dice))
            (func (export "both") (call $now) (call $dice))
            (func (export "poll") (drop (call $poll
              (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))))
            (func (export "date") (drop (call $date)))
            (func (export "seed") (drop (call $seed))))"#
    );
    for (export, clock, random) in [
        ("pure", false, false),
        ("clock", true, false),
        ("random", false, true),
        ("both", true, true),
        ("poll", true, false),
        ("date", true, false),
        ("seed", false, true),
    ] {
        let expected = AmbientInputs { clock, random };
        assert_eq!(inputs(&main, export), expected, "{export}");
    }
}

#[test]
fn an_indirect_call_reaches_every_function_whose_address_is_taken() {
    let call = r#"(func (export "f") (call_indirect $t (i32.const 0)))
        (func (export "pure"))"#;
    for (taken, clock) in [
        ("", false),
        ("(elem (table $t) (i32.const 0) func $now)", true),
        (
            "(elem $e func $now) (func (export \"g\") (table.init $t $e
           (i32.const 0) (i32.const 0) (i32.const 1)))",
            true,
        ),
        (
            "(elem declare func $now) (func $start (table.set $t (i32.const 0) (ref.func $now)))
          (start $start)",
            true,
        ),
        (
            "(global $g (mut funcref) (ref.func $now)) (func (export \"g\")
           (table.set $t (i32.const 0) (global.get $g)))",
            true,
        ),
        // Never applied, and dropped by the linker.
        ("(elem $e func $now)", false),
    ] {
        let main = format!("(module {IMPORTS} (table $t 2 funcref) {taken} {call})");
        assert_eq!(inputs(&main, "f").clock, clock, "{taken}");
        assert!(!inputs(&main, "f").random, "{taken}");
        assert!(!inputs(&main, "pure").clock, "{taken}");
    }
}

#[test]
fn an_export_that_is_an_import_is_followed() {
    let main = format!(r#"(module {IMPORTS} (export "seed" (func $seed)))"#);
    assert!(inputs(&main, "seed").random);
}

#[test]
fn a_function_that_is_not_exported_is_refused() {
    let main = wat::parse_str(r#"(module (memory (export "memory") 1))"#).unwrap();
    let linker = Linker::new("", &main).unwrap();
    for name in ["f", "memory"] {
        let error = linker.ambient_inputs(name).unwrap_err().to_string();
        assert_eq!(error, format!("it exports no function `{name}`"));
    }
}

#[test]
fn state_of_clock_and_generator_is_hidden_from_guests() {
    for name in ["fusebox:clock", "internal:now", "internal:random"] {
        let main = format!(
            r#"(module (import "wasi_snapshot_preview1" "{name}" (global $g (mut i64)))
                (func (export "f") (result i64) (global.get $g)))"#
        );
        let main = wat::parse_str(main).unwrap();
        let linker = Linker::new("", &main).unwrap().provide_wasi().unwrap();
        assert_eq!(linker.missing_imports().unwrap()[0].name, name);
    }
}
