;; WASI preview 2 as a component alone in the world sees it, lowered to core functions: standard
;; input is at its end, output is a log; no files, no arguments, no environment, no network.
;; Clock and random numbers are those of preview 1.
;;
;; Handles are constants: 1 standard input, 2 and 3 standard output and error, 4 a pollable that
;; is always ready, 5 the pollable of the clock, 6 the network. Results that do not fit in a
;; core value are written to the address in the last parameter.
;;
;; Names have no colon, which is for what the providers share: `wasi/io/poll#poll` is `poll` of
;; `wasi:io/poll`.
(module
  (import "wasi_snapshot_preview1" "fusebox:clock" (global $clock (mut i64)))
  (import "wasi_snapshot_preview1" "internal:now" (global $now (mut i64)))
  ;; The time at which the pollable of the clock is ready, in nanoseconds. There is an instance of
  ;; this module for each allocator, which all share it.
  (import "wasi_snapshot_preview1" "internal:deadline" (global $deadline (mut i64)))
  (import "wasi_snapshot_preview1" "internal:read_clock" (func $read_clock (result i64)))
  (import "wasi_snapshot_preview1" "internal:next_random" (func $next_random (result i64)))
  (import "wasi_snapshot_preview1" "internal:log_buffer"
    (func $log_buffer (param $address i32) (param $length i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param $code i32)))
  (import "fusebox:guest" "realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (import "fusebox:guest" "memory" (memory 0))

  ;; Arguments, environment, directories: empty lists, at an address that is aligned.

  (func $empty_list (param $result i32)
    (i32.store (local.get $result) (i32.const 8))
    (i32.store offset=4 (local.get $result) (i32.const 0)))
  (func (export "wasi/cli/environment#get-environment") (param i32)
    (call $empty_list (local.get 0)))
  (func (export "wasi/cli/environment#get-arguments") (param i32)
    (call $empty_list (local.get 0)))
  (func (export "wasi/filesystem/preopens#get-directories") (param i32)
    (call $empty_list (local.get 0)))

  ;; Options without a value.

  (func $none (param $result i32) (i32.store8 (local.get $result) (i32.const 0)))
  (func (export "wasi/cli/environment#initial-cwd") (param i32) (call $none (local.get 0)))
  (func (export "wasi/cli/terminal-stdin#get-terminal-stdin") (param i32)
    (call $none (local.get 0)))
  (func (export "wasi/cli/terminal-stdout#get-terminal-stdout") (param i32)
    (call $none (local.get 0)))
  (func (export "wasi/cli/terminal-stderr#get-terminal-stderr") (param i32)
    (call $none (local.get 0)))

  (func (export "wasi/cli/exit#exit") (param $is_failure i32)
    (call $exit (local.get $is_failure)))
  (func (export "wasi/cli/exit#exit-with-code") (param $code i32) (call $exit (local.get $code)))
  (func (export "wasi/cli/stdin#get-stdin") (result i32) (i32.const 1))
  (func (export "wasi/cli/stdout#get-stdout") (result i32) (i32.const 2))
  (func (export "wasi/cli/stderr#get-stderr") (result i32) (i32.const 3))

  ;; Clocks.

  (func (export "wasi/clocks/monotonic-clock#now") (result i64)
    (i64.sub (call $read_clock) (global.get $clock)))
  (func (export "wasi/clocks/monotonic-clock#resolution") (result i64) (i64.const 1000))

  ;; A time in nanoseconds as seconds and nanoseconds.
  (func $datetime (param $time i64) (param $result i32)
    (i64.store (local.get $result) (i64.div_u (local.get $time) (i64.const 1000000000)))
    (i32.store offset=8 (local.get $result)
      (i32.wrap_i64 (i64.rem_u (local.get $time) (i64.const 1000000000)))))
  (func (export "wasi/clocks/wall-clock#now") (param i32)
    (call $datetime (call $read_clock) (local.get 0)))
  (func (export "wasi/clocks/wall-clock#resolution") (param i32)
    (call $datetime (i64.const 1000) (local.get 0)))

  ;; Polling. The pollable of the clock is that of the last subscription: waiting for it moves the
  ;; clock.

  (func $saturating_add (param $a i64) (param $b i64) (result i64) (local $sum i64)
    (local.set $sum (i64.add (local.get $a) (local.get $b)))
    (select (i64.const -1) (local.get $sum) (i64.lt_u (local.get $sum) (local.get $a))))
  (func (export "wasi/clocks/monotonic-clock#subscribe-instant") (param $when i64) (result i32)
    (global.set $deadline (call $saturating_add (global.get $clock) (local.get $when)))
    (i32.const 5))
  (func (export "wasi/clocks/monotonic-clock#subscribe-duration") (param $when i64) (result i32)
    (global.set $deadline (call $saturating_add (global.get $now) (local.get $when)))
    (i32.const 5))

  (func $ready (param $pollable i32) (result i32)
    (i32.or (i32.ne (local.get $pollable) (i32.const 5))
      (i64.ge_u (global.get $now) (global.get $deadline))))
  (func $wait
    (if (i64.gt_u (global.get $deadline) (global.get $now))
      (then (global.set $now (global.get $deadline)))))

  (func (export "wasi/io/poll#[method]pollable.ready") (param i32) (result i32)
    (call $ready (local.get 0)))
  (func (export "wasi/io/poll#[method]pollable.block") (param i32)
    (if (i32.eqz (call $ready (local.get 0))) (then (call $wait))))

  ;; Writes the positions of the pollables that are ready. If none is, waits for the clock.
  (func (export "wasi/io/poll#poll") (param $pollables i32) (param $count i32) (param $result i32)
    (local $at i32) (local $next i32) (local $position i32)
    ;; A list of none is an error of the guest.
    (if (i32.eqz (local.get $count)) (then unreachable))
    (if (i32.ge_u (local.get $count) (i32.const 0x10000000)) (then unreachable))
    (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 4)
      (i32.shl (local.get $count) (i32.const 2))))
    (local.set $next (local.get $at))
    (block $done
      (loop $again
        (local.set $position (i32.const 0))
        (loop $each
          (if (call $ready (i32.load (i32.add (local.get $pollables)
              (i32.shl (local.get $position) (i32.const 2)))))
            (then
              (i32.store (local.get $next) (local.get $position))
              (local.set $next (i32.add (local.get $next) (i32.const 4)))))
          (local.set $position (i32.add (local.get $position) (i32.const 1)))
          (br_if $each (i32.lt_u (local.get $position) (local.get $count))))
        (br_if $done (i32.ne (local.get $next) (local.get $at)))
        (call $wait)
        (br $again)))
    (i32.store (local.get $result) (local.get $at))
    (i32.store offset=4 (local.get $result)
      (i32.shr_u (i32.sub (local.get $next) (local.get $at)) (i32.const 2))))

  ;; Streams. A result is an error if its first byte is 1; `closed` is the error 1.

  (func $closed (param $result i32) (param $offset i32)
    (i32.store8 (local.get $result) (i32.const 1))
    (i32.store8 (i32.add (local.get $result) (local.get $offset)) (i32.const 1)))
  (func (export "wasi/io/streams#[method]input-stream.read") (param i32 i64 i32)
    (call $closed (local.get 2) (i32.const 4)))
  (func (export "wasi/io/streams#[method]input-stream.blocking-read") (param i32 i64 i32)
    (call $closed (local.get 2) (i32.const 4)))
  (func (export "wasi/io/streams#[method]input-stream.skip") (param i32 i64 i32)
    (call $closed (local.get 2) (i32.const 8)))
  (func (export "wasi/io/streams#[method]input-stream.blocking-skip") (param i32 i64 i32)
    (call $closed (local.get 2) (i32.const 8)))
  (func (export "wasi/io/streams#[method]input-stream.subscribe") (param i32) (result i32)
    (i32.const 4))
  (func (export "wasi/io/streams#[method]output-stream.splice") (param i32 i32 i64 i32)
    (call $closed (local.get 3) (i32.const 8)))
  (func (export "wasi/io/streams#[method]output-stream.blocking-splice") (param i32 i32 i64 i32)
    (call $closed (local.get 3) (i32.const 8)))

  ;; The number of bytes that may be written at once.
  (func (export "wasi/io/streams#[method]output-stream.check-write") (param i32) (param $result i32)
    (i64.store (local.get $result) (i64.const 0))
    (i64.store offset=8 (local.get $result) (i64.const 65536)))
  (func $write (param $stream i32) (param $address i32) (param $length i32) (param $result i32)
    (if (i32.ge_u (i32.sub (local.get $stream) (i32.const 2)) (i32.const 2)) (then unreachable))
    (call $log_buffer (local.get $address) (local.get $length))
    (i32.store8 (local.get $result) (i32.const 0)))
  (func (export "wasi/io/streams#[method]output-stream.write") (param i32 i32 i32 i32)
    (call $write (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "wasi/io/streams#[method]output-stream.blocking-write-and-flush")
    (param i32 i32 i32 i32)
    (call $write (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "wasi/io/streams#[method]output-stream.flush") (param i32 i32)
    (i32.store8 (local.get 1) (i32.const 0)))
  (func (export "wasi/io/streams#[method]output-stream.blocking-flush") (param i32 i32)
    (i32.store8 (local.get 1) (i32.const 0)))
  ;; Zeros are not logged.
  (func (export "wasi/io/streams#[method]output-stream.write-zeroes") (param i32 i64 i32)
    (i32.store8 (local.get 2) (i32.const 0)))
  (func (export "wasi/io/streams#[method]output-stream.blocking-write-zeroes-and-flush")
    (param i32 i64 i32)
    (i32.store8 (local.get 2) (i32.const 0)))
  (func (export "wasi/io/streams#[method]output-stream.subscribe") (param i32) (result i32)
    (i32.const 4))

  ;; Handles to constants need no end.

  (func (export "[resource-drop]input-stream") (param i32))
  (func (export "[resource-drop]output-stream") (param i32))
  (func (export "[resource-drop]pollable") (param i32))
  (func (export "[resource-drop]network") (param i32))

  ;; Random numbers.

  (func $random_bytes (param $length i64) (param $result i32) (local $address i32)
    (if (i64.gt_u (local.get $length) (i64.const 0xffffffff)) (then unreachable))
    (local.set $address (call $realloc (i32.const 0) (i32.const 0) (i32.const 1)
      (i32.wrap_i64 (local.get $length))))
    (drop (call $random (local.get $address) (i32.wrap_i64 (local.get $length))))
    (i32.store (local.get $result) (local.get $address))
    (i32.store offset=4 (local.get $result) (i32.wrap_i64 (local.get $length))))
  (func (export "wasi/random/random#get-random-bytes") (param i64 i32)
    (call $random_bytes (local.get 0) (local.get 1)))
  (func (export "wasi/random/insecure#get-insecure-random-bytes") (param i64 i32)
    (call $random_bytes (local.get 0) (local.get 1)))
  (func (export "wasi/random/random#get-random-u64") (result i64) (call $next_random))
  (func (export "wasi/random/insecure#get-insecure-random-u64") (result i64) (call $next_random))
  (func (export "wasi/random/insecure-seed#insecure-seed") (param i32)
    (i64.store (local.get 0) (call $next_random))
    (i64.store offset=8 (local.get 0) (call $next_random)))

  ;; Sockets: no network to have one. The error 2 is `not-supported`.

  (func $not_supported (param $result i32)
    (i32.store8 (local.get $result) (i32.const 1))
    (i32.store8 offset=4 (local.get $result) (i32.const 2)))
  (func (export "wasi/sockets/instance-network#instance-network") (result i32) (i32.const 6))
  (func (export "wasi/sockets/tcp-create-socket#create-tcp-socket") (param i32 i32)
    (call $not_supported (local.get 1)))
  (func (export "wasi/sockets/udp-create-socket#create-udp-socket") (param i32 i32)
    (call $not_supported (local.get 1)))
  (func (export "wasi/sockets/ip-name-lookup#resolve-addresses") (param i32 i32 i32 i32)
    (call $not_supported (local.get 3))))
