;; Imports of AssemblyScript's standard library, from the module `env`.
(module
  (import "fusebox" "log" (func $log (param $address i32) (param $length i32)))
  (import "wasi_snapshot_preview1" "internal:next_random" (func $next_random (result i64)))
  (import "wasi_snapshot_preview1" "internal:read_clock" (func $read_clock (result i64)))
  (import "fusebox:guest" "memory" (memory 0))

  ;; Logs the message, a string in UTF-16 with its length in bytes before it, and traps. The
  ;; message is rewritten in place, in UTF-8: an instance that traps is not used again.
  ;; Characters of more than two bytes, which would not fit, become question marks.
  (func (export "abort") (param $message i32) (param $file i32) (param $line i32)
    (param $column i32) (local $from i32) (local $to i32) (local $left i32) (local $unit i32)
    (if (i32.eqz (local.get $message)) (then unreachable))
    (local.set $left
      (i32.shr_u (i32.load (i32.sub (local.get $message) (i32.const 4))) (i32.const 1)))
    (local.set $from (local.get $message))
    (local.set $to (local.get $message))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $unit (i32.load16_u (local.get $from)))
        (if (i32.and
              (i32.ge_u (local.get $unit) (i32.const 0x80))
              (i32.lt_u (local.get $unit) (i32.const 0x800)))
          (then
            (i32.store8 (local.get $to)
              (i32.or (i32.const 0xc0) (i32.shr_u (local.get $unit) (i32.const 6))))
            (local.set $to (i32.add (local.get $to) (i32.const 1)))
            (local.set $unit
              (i32.or (i32.const 0x80) (i32.and (local.get $unit) (i32.const 0x3f))))))
        (i32.store8 (local.get $to)
          (select (i32.const 0x3f) (local.get $unit)
            (i32.ge_u (local.get $unit) (i32.const 0x800))))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $from (i32.add (local.get $from) (i32.const 2)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (call $log (local.get $message) (i32.sub (local.get $to) (local.get $message)))
    unreachable)

  ;; The seed of `Math.random`, of which all bits count.
  (func (export "seed") (result f64) (f64.reinterpret_i64 (call $next_random)))

  ;; Milliseconds since 1970.
  (func (export "Date.now") (result f64)
    (f64.convert_i64_u (i64.div_u (call $read_clock) (i64.const 1000000)))))
