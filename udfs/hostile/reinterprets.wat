;; Breaks: a value is one of its type. Returns its first argument as it is, whatever type
;; was declared.
(module
  (memory (export "memory") 8)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 65536))
  (func (export "fusebox_udf_reinterprets") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    ;; The header of a column has 60 bytes.
    (memory.copy (local.get $result) (local.get $args) (i32.const 60))
    (i32.const 0)))
