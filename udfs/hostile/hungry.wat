;; Breaks: a function stays below its limit of memory.
;; Returns the pages it got, for a batch of one row.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_hungry") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    ;; Growing fails in the end, and that is all the guest gets to see.
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (i64.store (i32.const 1024) (i64.extend_i32_u (memory.size)))
    (i32.store (i32.const 20) (i32.const 1024)) ;; values
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; the buffers' addresses
    (i32.const 0)))
