;; Breaks: the initial size of the memory is below the limit.
(module
  (memory (export "memory") 2000)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_large_memory") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
