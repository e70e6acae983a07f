;; Breaks: the export of a scalar function has the prefix fusebox_udf_.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "plain") (param i64) (result i64) (local.get 0)))
