;; Breaks: results take memory in proportion to the rows of a batch. Returns 65,000,000
;; bytes of text for a batch of one row, and burns so much fuel for each row that calls
;; have one row.
(module
  (memory (export "memory") 1000)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_piles_up") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $left i32)
    (local.set $left (i32.mul (local.get $rows) (i32.const 210000)))
    (loop $more (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.store (i32.const 2052) (i32.const 65000000)) ;; the second offset
    (i32.store (i32.const 20) (i32.const 2048)) ;; offsets
    (i32.store (i32.const 24) (i32.const 65536)) ;; data
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 3))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; addresses of the buffers
    (i32.const 0)))
