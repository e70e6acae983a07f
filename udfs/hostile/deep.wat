;; Breaks: a function does not exhaust the stack.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func $down (param i32) (result i32)
    (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "fusebox_udf_deep") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (call $down (i32.const 0))))
