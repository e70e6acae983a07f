;; Plain functions that use WASI preview 1.
(module
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (global $rows (mut i64) (i64.const 0))

  ;; A reactor: runs before any other function.
  (func (export "_initialize") (i64.store (i32.const 64) (i64.const 1)))

  (func (export "now") (param i64) (result i64)
    (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 0)))
    (i64.mul (i64.load (i32.const 0)) (i64.load (i32.const 64))))

  (func (export "random") (param i64) (result i64)
    (drop (call $random (i32.const 8) (i32.const 8)))
    (i64.load (i32.const 8)))

  (data (i32.const 32) "hello\n")
  (func (export "hello") (param i32) (result i32)
    (i32.store (i32.const 16) (i32.const 32))
    (i32.store (i32.const 20) (i32.const 6))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
    (i32.add (local.get 0) (i32.load (i32.const 24))))

  (func (export "leave") (param i32) (result i32)
    (call $exit (local.get 0)) (unreachable)))
