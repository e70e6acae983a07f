;; A scalar function written by hand from the specification alone.
;;
;; CREATE FUNCTION clamp_to(value BIGINT, low BIGINT, high BIGINT) RETURNS BIGINT
;;
;; STRICT: the host makes a result null whose argument is null, so the guest reads no
;; validity bitmap.
(module
  (memory (export "memory") 1)

  ;; Layout: the addresses of the result's buffers at 16, the arena at 64, the
  ;; values of the result at $arena_end.
  (global $arena_end (mut i32) (i32.const 64))

  (@custom "fusebox.functions"
    "CREATE FUNCTION clamp_to(value BIGINT, low BIGINT, high BIGINT) RETURNS BIGINT LANGUAGE WASM STRICT;")

  (func (export "fusebox_abi_1"))

  ;; Places the arena at 64 and grows the memory until it fits.
  (func (export "fusebox_alloc") (param $bytes i32) (result i32)
    (if (i32.eqz (call $reach (i32.add (local.get $bytes) (i32.const 64))))
      (then (return (i32.const 0))))
    (global.set $arena_end (i32.add (local.get $bytes) (i32.const 64)))
    (i32.const 64))

  ;; Grows the memory to at least $end bytes; returns 1 on success, else 0.
  (func $reach (param $end i32) (result i32)
    (loop $more
      (if (i32.ge_u (i32.shl (memory.size) (i32.const 16)) (local.get $end))
        (then (return (i32.const 1))))
      (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.const 0))

  ;; Returns the address of the values of an argument.
  (func $values (param $array i32) (result i32)
    (i32.load offset=4 (i32.load offset=40 (local.get $array))))

  ;; Returns the stride of an argument in bytes: 0 if it is constant.
  (func $stride (param $array i32) (result i32)
    (i32.shl (i64.ne (i64.load (local.get $array)) (i64.const 1)) (i32.const 3)))

  (func (export "fusebox_udf_clamp_to") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $value i32) (local $low i32) (local $high i32)
    (local $value_stride i32) (local $low_stride i32) (local $high_stride i32)
    (local $out i32) (local $end i32) (local $x i64)
    (local.set $value (call $values (local.get $args)))
    (local.set $low (call $values (i32.add (local.get $args) (i32.const 64))))
    (local.set $high (call $values (i32.add (local.get $args) (i32.const 128))))
    (local.set $value_stride (call $stride (local.get $args)))
    (local.set $low_stride (call $stride (i32.add (local.get $args) (i32.const 64))))
    (local.set $high_stride (call $stride (i32.add (local.get $args) (i32.const 128))))
    (local.set $out (global.get $arena_end))
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 3))))
    (if (i32.eqz (call $reach (local.get $end))) (then (unreachable)))

    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows))) ;; length
    (i64.store offset=24 (local.get $result) (i64.const 2))              ;; n_buffers
    (i32.store offset=40 (local.get $result) (i32.const 16))             ;; buffers
    (i32.store (i32.const 16) (i32.const 0))           ;; no validity: no row is null
    (i32.store (i32.const 20) (local.get $out))        ;; values
    (loop $row
      (local.set $x (i64.load (local.get $value)))
      (if (i64.lt_s (local.get $x) (i64.load (local.get $low)))
        (then (local.set $x (i64.load (local.get $low)))))
      (if (i64.gt_s (local.get $x) (i64.load (local.get $high)))
        (then (local.set $x (i64.load (local.get $high)))))
      (i64.store (local.get $out) (local.get $x))
      (local.set $value (i32.add (local.get $value) (local.get $value_stride)))
      (local.set $low (i32.add (local.get $low) (local.get $low_stride)))
      (local.set $high (i32.add (local.get $high) (local.get $high_stride)))
      (local.set $out (i32.add (local.get $out) (i32.const 8)))
      (br_if $row (i32.lt_u (local.get $out) (local.get $end))))
    (i32.const 0)))
