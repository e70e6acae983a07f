;; Rows: the fuel that they burn, and the row that runs out.
(module
  (import "fusebox" "row_begin" (func $row_begin (param i32)))
  (import "fusebox" "row_end" (func $row_end (param i32)))
  (import "fusebox" "has_fuel" (func $has_fuel (result i32)))
  (memory (export "memory") 1)
  (func (export "rows") (result i64) (local $n i32) (local $x i64)
    (loop $each
      (call $row_begin (local.get $n))
      (local.set $x (i64.add (i64.mul (local.get $x) (i64.const 31)) (i64.extend_i32_u (local.get $n))))
      (br_if $each (i32.lt_u
        (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10))))
    (local.get $x))
  (func (export "one row too many") (local $n i32)
    (loop $each
      (call $row_begin (local.get $n))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $each)))
  (func (export "a row without an end")
    (call $row_begin (i32.const 0))
    (call $row_begin (i32.const 1))
    (loop $l (br $l)))
  (func (export "rows while there is fuel") (result i32) (local $n i32) (local $x i32)
    (block $end
      (loop $each
        (call $row_begin (local.get $n))
        (local.set $x (i32.const 20))
        (loop $l (br_if $l (local.tee $x (i32.sub (local.get $x) (i32.const 1)))))
        (call $row_end (i32.const 0))
        (br_if $end (i32.ge_u
          (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10)))
        (br_if $each (call $has_fuel))))
    (local.get $n)))
