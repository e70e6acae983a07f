;; Breaks: a failure's message lies inside the memory.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_wild_failure") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i64.store (local.get $result) (i64.const -1))
    (i32.store offset=8 (local.get $result) (i32.const -1))   ;; message
    (i32.store offset=12 (local.get $result) (i32.const 100)) ;; its length
    (i32.const 1)))
