;; A scalar function written by hand that meters its rows: each has its own fuel.
;;
;; CREATE FUNCTION halve(value BIGINT) RETURNS BIGINT returns how often the value
;; can be halved; a row of 0 never terminates. A null row is left out: what stands under a
;; null is not specified, and may be 0.
(module
  (import "fusebox" "row_begin" (func $row_begin (param $number i32)))
  (import "fusebox" "row_end" (func $row_end (param $bytes i32)))
  (memory (export "memory") 8)
  (func (export "fusebox_abi_1"))
  ;; An arena for 8,192 rows; the result's values follow it.
  (func (export "fusebox_alloc") (param $bytes i32) (result i32)
    (select (i32.const 64) (i32.const 0) (i32.le_u (local.get $bytes) (i32.const 131072))))

  ;; Returns 1 if a row is null; there is no bitmap if none is.
  (func $is_null (param $bitmap i32) (param $number i32) (result i32)
    (if (i32.eqz (local.get $bitmap)) (then (return (i32.const 0))))
    (i32.eqz (i32.and (i32.const 1) (i32.shr_u
      (i32.load8_u (i32.add (local.get $bitmap) (i32.shr_u (local.get $number) (i32.const 3))))
      (i32.and (local.get $number) (i32.const 7))))))

  (func (export "fusebox_udf_halve") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $number i32) (local $stride i32) (local $bitmap i32) (local $values i32)
    (local $x i64) (local $count i64)
    (local.set $bitmap (i32.load (i32.load offset=40 (local.get $args))))
    (local.set $values (i32.load offset=4 (i32.load offset=40 (local.get $args))))
    (local.set $stride (i64.ne (i64.load (local.get $args)) (i64.const 1)))
    (loop $next
      (block $null
        (br_if $null (call $is_null (local.get $bitmap) (local.get $number)))
        (call $row_begin (local.get $number))
        (local.set $x (i64.load (i32.add (local.get $values)
          (i32.shl (i32.mul (local.get $number) (local.get $stride)) (i32.const 3)))))
        (local.set $count (i64.const 0))
        (block $odd
          (loop $again
            (br_if $odd (i64.ne (i64.and (local.get $x) (i64.const 1)) (i64.const 0)))
            (local.set $x (i64.shr_s (local.get $x) (i64.const 1)))
            (local.set $count (i64.add (local.get $count) (i64.const 1)))
            (br $again)))
        (call $row_end (i32.const 0))
        (i64.store offset=196608 (i32.shl (local.get $number) (i32.const 3)) (local.get $count)))
      (br_if $next (i32.lt_u
        (local.tee $number (i32.add (local.get $number) (i32.const 1))) (local.get $rows))))
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows))) ;; length
    (i64.store offset=24 (local.get $result) (i64.const 2))              ;; n_buffers
    (i32.store offset=40 (local.get $result) (i32.const 16))             ;; buffers
    (i32.store (i32.const 20) (i32.const 196608))                        ;; values
    (i32.const 0))

  ;; Returns the argument. Its rows are bounded, so metering_mode is not 0.
  (func (export "fusebox_udf_same") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $number i32) (local $values i32)
    (local.set $values (i32.load offset=4 (i32.load offset=40 (local.get $args))))
    (loop $next
      (call $row_begin (local.get $number))
      (i64.store offset=196608 (i32.shl (local.get $number) (i32.const 3))
        (i64.load (i32.add (local.get $values) (i32.shl (local.get $number) (i32.const 3)))))
      (call $row_end (i32.const 0))
      (br_if $next (i32.lt_u
        (local.tee $number (i32.add (local.get $number) (i32.const 1))) (local.get $rows))))
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16))
    (i32.store (i32.const 20) (i32.const 196608))
    (i32.const 0)))
