;; Breaks: an immutable function keeps no state between calls.
;; Each export changes state other than memory and globals, and returns 0 for every
;; row until that state has changed.
(module
  ;; Layout: one page of globals, two pages of results, then the arena.
  (memory (export "memory") 10)
  (table $table 1 100 funcref)
  (table $copied 2 2 funcref)
  (elem (table $copied) (i32.const 0) func $something)
  (elem $elements func $something)
  (data $segment "x")

  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 196608))
  (func $something)

  (func (export "fusebox_udf_table") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $is_set i32)
    (local.set $is_set (i32.eqz (ref.is_null (table.get $table (i32.const 0)))))
    (table.set $table (i32.const 0) (ref.func $something))
    (call $answer (local.get $rows) (local.get $result) (local.get $is_set)))

  (func (export "fusebox_udf_table_size") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $more i32)
    (local.set $more (i32.sub (table.size $table) (i32.const 1)))
    (drop (table.grow $table (ref.null func) (i32.const 1)))
    (call $answer (local.get $rows) (local.get $result) (local.get $more)))

  (func (export "fusebox_udf_table_copied") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $is_set i32)
    (local.set $is_set (i32.eqz (ref.is_null (table.get $copied (i32.const 1)))))
    (table.copy $copied $copied (i32.const 1) (i32.const 0) (i32.const 1))
    (call $answer (local.get $rows) (local.get $result) (local.get $is_set)))

  ;; Traps in the call after the one that drops the segment.
  (func (export "fusebox_udf_dropped_data") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (memory.init $segment (i32.const 64) (i32.const 0) (i32.const 1))
    (data.drop $segment)
    (call $answer (local.get $rows) (local.get $result) (i32.const 0)))

  (func (export "fusebox_udf_dropped_elements") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (table.init $table $elements (i32.const 0) (i32.const 0) (i32.const 1))
    (elem.drop $elements)
    (call $answer (local.get $rows) (local.get $result) (i32.const 0)))

  (func $answer (param $rows i32) (param $result i32) (param $value i32) (result i32)
    (local $row i32)
    (loop $next
      (i64.store offset=65536
        (i32.shl (local.get $row) (i32.const 3))
        (i64.extend_i32_u (local.get $value)))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
    (i32.store (i32.const 20) (i32.const 65536)) ;; values
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; addresses of the buffers
    (i32.const 0)))
