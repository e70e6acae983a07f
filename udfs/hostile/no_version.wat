;; Breaks: a module exports its ABI version.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_no_version") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
