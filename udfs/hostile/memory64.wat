;; Breaks: 64-bit memories are disabled.
(module
  (memory (export "memory") i64 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_memory64") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
