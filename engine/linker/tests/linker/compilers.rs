//! Imports of compilers beside WASI.

use wasmtime::Val;

use crate::{Guest, link_wasi};

#[test]
fn abort_of_assemblyscript_logs_its_message_and_traps() {
    let main = r#"(module (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
        (memory (export "memory") 1)
        (func (export "f") (param i32)
          (call $abort (local.get 0) (i32.const 0) (i32.const 1) (i32.const 2))))"#;
    let linked = link_wasi(main);
    for (text, expected) in [
        ("index out of range", "index out of range"),
        ("größer", "größer"),
        ("3 €", "3 ?"),
        ("", ""),
    ] {
        let mut guest = Guest::new(&linked);
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        guest.memory()[12..16].copy_from_slice(&(units.len() as u32).to_le_bytes());
        guest.memory()[16..][..units.len()].copy_from_slice(&units);
        assert_eq!(guest.try_call("f", &[Val::I32(16)]).map(|_| ()), None);
        assert_eq!(guest.messages(), [expected]);
    }
    for pointer in [0, 2, -1, 65_530] {
        let mut guest = Guest::new(&linked);
        guest.memory()[..4].fill(0xff);
        guest.memory()[65_526..65_530].fill(0xff);
        assert_eq!(guest.try_call("f", &[Val::I32(pointer)]).map(|_| ()), None);
        assert_eq!(guest.messages(), Vec::<String>::new(), "{pointer}");
    }
}

#[test]
fn imports_of_emscripten_need_no_host() {
    let main = r#"(module
        (import "env" "abort" (func $abort))
        (import "env" "emscripten_notify_memory_growth" (func $notify (param i32)))
        (import "env" "_emscripten_memcpy_js" (func $copy (param i32 i32 i32)))
        (import "env" "emscripten_resize_heap" (func $resize (param i32) (result i32)))
        (import "env" "_emscripten_get_now_is_monotonic" (func $monotonic (result i32)))
        (memory (export "memory") 1 3) (data (i32.const 4) "abcd")
        (func (export "abort") (call $abort))
        (export "resize" (func $resize))
        (func (export "pages") (result i32) (memory.size))
        (func (export "f") (result i32)
          (call $notify (i32.const 0))
          (call $copy (i32.const 8) (i32.const 4) (i32.const 4))
          (i32.sub (i32.load (i32.const 8)) (call $monotonic))))"#;
    let mut guest = Guest::new(&link_wasi(main));
    let expected = i64::from(u32::from_le_bytes(*b"abcd")) - 1;
    assert_eq!(guest.call("f", &[]), expected);
    for (bytes, grown, pages) in [(1, 1, 1), (65_537, 1, 2), (3 << 16, 1, 3), (-1, 0, 3)] {
        assert_eq!(guest.call("resize", &[Val::I32(bytes)]), grown);
        assert_eq!(guest.call("pages", &[]), pages);
    }
    assert_eq!(guest.try_call("abort", &[]).map(|_| ()), None);
}

#[test]
fn times_of_compilers_are_those_of_the_clock() {
    let main = r#"(module (import "env" "Date.now" (func $date (result f64)))
        (import "env" "emscripten_get_now" (func $now (result f64)))
        (memory (export "memory") 1)
        (func (export "f") (result i64)
          (i64.trunc_f64_s (f64.sub (call $date) (call $now)))))"#;
    assert_eq!(Guest::new(&link_wasi(main)).call("f", &[]), 0);
}
