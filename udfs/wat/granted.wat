;; Plain functions over what a statement lets a module read: environment, a file and a seed.
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get"
    (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get"
    (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread"
    (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get"
    (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "ref/airports.csv")

  ;; The file, once it is open.
  (global $file (mut i32) (i32.const -1))

  ;; Returns a byte of `/ref/airports.csv`, -1 past its end, or an error number of WASI less 1000.
  (func (export "byte_at") (param $place i64) (result i64) (local $error i32)
    (if (i32.lt_s (global.get $file) (i32.const 0))
      (then
        (local.set $error (call $path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 16)
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64)))
        (if (local.get $error)
          (then (return (i64.extend_i32_s (i32.sub (local.get $error) (i32.const 1000))))))
        (global.set $file (i32.load (i32.const 64)))))
    (i32.store (i32.const 72) (i32.const 96))
    (i32.store (i32.const 76) (i32.const 1))
    (local.set $error (call $fd_pread (global.get $file) (i32.const 72) (i32.const 1)
      (local.get $place) (i32.const 80)))
    (if (local.get $error)
      (then (return (i64.extend_i32_s (i32.sub (local.get $error) (i32.const 1000))))))
    (select (i64.load8_u (i32.const 96)) (i64.const -1) (i32.load (i32.const 80))))

  ;; Returns a byte of the environment, or -1 past its end.
  (func (export "environment_at") (param $place i64) (result i64)
    (drop (call $environ_sizes_get (i32.const 64) (i32.const 68)))
    (if (i64.ge_u (local.get $place) (i64.load32_u (i32.const 68)))
      (then (return (i64.const -1))))
    (drop (call $environ_get (i32.const 1024) (i32.const 65536)))
    (i64.load8_u offset=65536 (i32.wrap_i64 (local.get $place))))

  ;; Returns a number from 0 to 5.
  (func (export "dice") (param i64) (result i64)
    (drop (call $random_get (i32.const 64) (i32.const 8)))
    (i64.rem_u (i64.load (i32.const 64)) (i64.const 6))))
