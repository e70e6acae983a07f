;; Breaks: text lies in the memory, with its length.
(module
  (memory (export "memory") 1)
  ;; The length passes the end.
  (func (export "packed_outside") (param i32) (result i64) (i64.const 0x00000010_7fffffff))
  (func (export "pair_outside") (param i32) (result i32 i32) (i32.const -1) (i32.const 1))
  (func (export "area_outside") (param $area i32) (param i32)
    (i64.store (local.get $area) (i64.const -1)))
  ;; The length itself lies outside, or it is that of more than the memory.
  (func (export "length_outside") (param i32) (result i32) (i32.const -3))
  (func (export "prefixed_outside") (param i32) (result i32)
    (i32.store (i32.const 64) (i32.const 0x7fffffff))
    (i32.const 64))
  (func (export "string_outside") (param i32) (result i32) (i32.const -1)))
