;; Breaks: the state of an aggregate grows with its groups. Each update takes and fills
;; memory up to the limit.
(module
  (memory (export "memory") 32)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 1048576))
  (func $done
    (export "fusebox_udaf_merge_fattens")
    (export "fusebox_udaf_release_groups_fattens")
    (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i32.const 0))
  (func (export "fusebox_udaf_update_fattens")
    (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $page i32)
    (loop $more
      (local.set $page (memory.grow (i32.const 16)))
      (if (i32.ne (local.get $page) (i32.const -1))
        (then
          (memory.fill
            (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1) (i32.const 1048576))
          (br $more))))
    (call $done (local.get $args) (local.get $rows) (local.get $result)))
  ;; Returns zeros, as a column and as a struct of one column.
  (func $numbers
    (export "fusebox_udaf_finish_fattens")
    (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.store (i32.const 20) (i32.const 2048)) ;; values
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; addresses of the buffers
    (i32.const 0))
  (func (export "fusebox_udaf_state_fattens")
    (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (drop (call $numbers (local.get $args) (local.get $rows) (i32.const 64)))
    (i32.store (i32.const 32) (i32.const 64)) ;; the child
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 1))
    (i64.store offset=32 (local.get $result) (i64.const 1))
    (i32.store offset=40 (local.get $result) (i32.const 48)) ;; no validity
    (i32.store offset=44 (local.get $result) (i32.const 32)) ;; addresses of the children
    (i32.const 0)))
