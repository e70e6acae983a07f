;; Breaks: nothing: the text under a null need not be UTF-8.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_null_garbage") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.store (i32.const 16) (i32.const 512))  ;; validity: row 0 is null
    (i32.store (i32.const 20) (i32.const 1024)) ;; offsets
    (i32.store (i32.const 24) (i32.const 2048)) ;; data
    (i32.store (i32.const 1024) (i32.const 0))
    (i32.store (i32.const 1028) (i32.const 1))
    (i32.store8 (i32.const 2048) (i32.const 0xc3)) ;; the first byte of a two-byte character
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 3))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; addresses of the buffers
    (i32.const 0)))
