;; Breaks: a block lies in the memory.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param $old i32) (param $old_bytes i32) (param $alignment i32)
    (param $bytes i32) (result i32)
    (i32.const 0xfffffff0))
  (func (export "allocator_returns_outside") (param $a i32) (param $a_bytes i32) (param $b i32) (param $b_bytes i32)
    (result i32)
    (i32.store (i32.const 16) (local.get $a))
    (i32.store (i32.const 20) (local.get $a_bytes))
    (i32.const 16)))
