;; Attacks the search for rows that fail: of any rows, the last one is said to fail.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_blames_last") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i64.store (local.get $result) (i64.extend_i32_u (i32.sub (local.get $rows) (i32.const 1))))
    (i32.const 1)))
