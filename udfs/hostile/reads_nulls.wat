;; Breaks the rule of null rows: it begins every row of a STRICT function, also one that is null,
;; and reads the value under it, which is not specified.
;;
;; `metered` halves a value until it is odd, so that a row of 0 never terminates; `unmetered`
;; divides 100 by it, and begins no rows; `blames` reports a failure of the first row that is 0.
(module
  (import "fusebox" "row_begin" (func $row_begin (param $number i32)))
  (import "fusebox" "row_end" (func $row_end (param $bytes i32)))
  (memory (export "memory") 8)
  (func (export "fusebox_abi_1"))
  ;; An arena for 8,192 rows; the result's values follow it.
  (func (export "fusebox_alloc") (param $bytes i32) (result i32)
    (select (i32.const 64) (i32.const 0) (i32.le_u (local.get $bytes) (i32.const 131072))))

  ;; Returns the value of a row.
  (func $value (param $args i32) (param $number i32) (result i64)
    (i64.load (i32.add
      (i32.load offset=4 (i32.load offset=40 (local.get $args)))
      (i32.shl (local.get $number) (i32.const 3)))))

  (func $put (param $number i32) (param $value i64)
    (i64.store offset=196608 (i32.shl (local.get $number) (i32.const 3)) (local.get $value)))

  ;; Writes the result column, without a bitmap.
  (func $finish (param $rows i32) (param $result i32) (result i32)
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16))
    (i32.store (i32.const 20) (i32.const 196608))
    (i32.const 0))

  (func (export "fusebox_udf_metered") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $number i32) (local $x i64) (local $count i64)
    (loop $next
      (call $row_begin (local.get $number))
      (local.set $x (call $value (local.get $args) (local.get $number)))
      (local.set $count (i64.const 0))
      (block $odd
        (loop $again
          (br_if $odd (i64.ne (i64.and (local.get $x) (i64.const 1)) (i64.const 0)))
          (local.set $x (i64.shr_s (local.get $x) (i64.const 1)))
          (local.set $count (i64.add (local.get $count) (i64.const 1)))
          (br $again)))
      (call $row_end (i32.const 0))
      (call $put (local.get $number) (local.get $count))
      (br_if $next (i32.lt_u
        (local.tee $number (i32.add (local.get $number) (i32.const 1))) (local.get $rows))))
    (call $finish (local.get $rows) (local.get $result)))

  (func (export "fusebox_udf_unmetered") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $number i32)
    (loop $next
      (call $put (local.get $number)
        (i64.div_s (i64.const 100) (call $value (local.get $args) (local.get $number))))
      (br_if $next (i32.lt_u
        (local.tee $number (i32.add (local.get $number) (i32.const 1))) (local.get $rows))))
    (call $finish (local.get $rows) (local.get $result)))

  (func (export "fusebox_udf_blames") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $number i32)
    (loop $next
      (call $row_begin (local.get $number))
      (if (i64.eqz (call $value (local.get $args) (local.get $number))) (then
        (i64.store (local.get $result) (i64.extend_i32_u (local.get $number)))
        (return (i32.const 1))))
      (call $put (local.get $number) (call $value (local.get $args) (local.get $number)))
      (call $row_end (i32.const 0))
      (br_if $next (i32.lt_u
        (local.tee $number (i32.add (local.get $number) (i32.const 1))) (local.get $rows))))
    (call $finish (local.get $rows) (local.get $result))))
