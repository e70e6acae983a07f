;; Breaks: a scalar function takes three i32 and returns one.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_wrong_type") (param i64) (result i64) (local.get 0)))
