;; Returns the number of each row within its call, from 1, so that a query sees how
;; many rows each call of the guest had.
(module
  (memory (export "memory") 4)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32)
    (select (i32.const 65536) (i32.const 0) (i32.le_u (local.get $bytes) (i32.const 65536))))
  (func (export "fusebox_udf_place") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $row i32)
    (loop $next
      (i64.store offset=131072
        (i32.mul (local.get $row) (i32.const 8))
        (i64.extend_i32_u (i32.add (local.get $row) (i32.const 1))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
    (i32.store (i32.const 20) (i32.const 131072)) ;; values
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; addresses of the buffers
    (i32.const 0)))
