;; Breaks: a module exports fusebox_alloc.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_udf_no_alloc") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
