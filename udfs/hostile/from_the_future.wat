;; Breaks: a module exports an ABI version that the host implements.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_2"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_from_the_future") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
