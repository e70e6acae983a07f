;; Breaks: tables stay below a limit that they share.
;; Returns how many of two tables of 100,000 elements it obtained, for a batch of
;; one row.
(module
  (memory (export "memory") 2)
  (table $a 0 funcref)
  (table $b 0 funcref)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_many_tables") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (drop (table.grow $a (ref.null func) (i32.const 100000)))
    (drop (table.grow $b (ref.null func) (i32.const 100000)))
    (i64.store (i32.const 1024) (i64.extend_i32_u
      (i32.div_u (i32.add (table.size $a) (table.size $b)) (i32.const 100000))))
    (i32.store (i32.const 20) (i32.const 1024)) ;; values
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; addresses of the buffers
    (i32.const 0)))
