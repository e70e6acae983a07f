;; Imports of Emscripten, from the module `env`, that need no host.
(module
  (import "wasi_snapshot_preview1" "internal:read_clock" (func $read_clock (result i64)))
  (import "fusebox:guest" "memory" (memory 0))

  (func (export "abort") unreachable)
  (func (export "_abort_js") unreachable)
  (func (export "_emscripten_throw_longjmp") unreachable)

  (func (export "emscripten_notify_memory_growth") (param i32))
  (func (export "_emscripten_runtime_keepalive_clear"))
  (func (export "_emscripten_get_now_is_monotonic") (result i32) (i32.const 1))

  ;; Milliseconds.
  (func $milliseconds (result f64)
    (f64.div (f64.convert_i64_u (call $read_clock)) (f64.const 1000000)))
  (func (export "emscripten_get_now") (result f64) (call $milliseconds))
  (func (export "emscripten_date_now") (result f64) (call $milliseconds))

  (func $copy (param $to i32) (param $from i32) (param $bytes i32)
    (memory.copy (local.get $to) (local.get $from) (local.get $bytes)))
  (func (export "emscripten_memcpy_js") (param i32 i32 i32)
    (call $copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "_emscripten_memcpy_js") (param i32 i32 i32)
    (call $copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "emscripten_memcpy_big") (param i32 i32 i32)
    (call $copy (local.get 0) (local.get 1) (local.get 2)))

  ;; Grows the memory to `bytes`. Returns 1, or 0 if it cannot.
  (func (export "emscripten_resize_heap") (param $bytes i32) (result i32) (local $pages i32)
    (local.set $pages (i32.wrap_i64 (i64.shr_u
      (i64.add (i64.extend_i32_u (local.get $bytes)) (i64.const 65535)) (i64.const 16))))
    (if (i32.le_u (local.get $pages) (memory.size)) (then (return (i32.const 1))))
    (i32.ne
      (memory.grow (i32.sub (local.get $pages) (memory.size)))
      (i32.const -1))))
