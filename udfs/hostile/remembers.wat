;; Breaks: an immutable function keeps no state between calls.
;; Each export counts calls, or something that changes with calls, and returns for
;; every row the count before this call.
(module
  ;; Layout: one page of globals, two pages of results, then the arena.
  (memory (export "memory") 10)
  (data (i32.const 64) "\00\00\00\00")
  (global $calls (mut i64) (i64.const 0))
  (global $top (mut i32) (i32.const 1024))
  (global $asked (mut i64) (i64.const 0))

  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32)
    (global.set $asked (i64.add (global.get $asked) (i64.const 1)))
    (i32.const 196608))

  (func (export "fusebox_udf_static") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $calls i64)
    (local.set $calls (i64.load (i32.const 64)))
    (i64.store (i32.const 64) (i64.add (local.get $calls) (i64.const 1)))
    (call $answer (local.get $rows) (local.get $result) (local.get $calls)))

  (func (export "fusebox_udf_global") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $calls i64)
    (local.set $calls (global.get $calls))
    (global.set $calls (i64.add (local.get $calls) (i64.const 1)))
    (call $answer (local.get $rows) (local.get $result) (local.get $calls)))

  ;; A linked list, each element with the address of the previous one.
  (func (export "fusebox_udf_heap") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $length i64)
    (local $element i32)
    (local.set $element (i32.load (i32.const 72)))
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $element)))
        (local.set $length (i64.add (local.get $length) (i64.const 1)))
        (local.set $element (i32.load (local.get $element)))
        (br $next)))
    (i32.store (global.get $top) (i32.load (i32.const 72)))
    (i32.store (i32.const 72) (global.get $top))
    (global.set $top (i32.add (global.get $top) (i32.const 8)))
    (call $answer (local.get $rows) (local.get $result) (local.get $length)))

  ;; The size of the memory in pages.
  (func (export "fusebox_udf_size") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $pages i64)
    (local.set $pages (i64.extend_i32_u (memory.size)))
    (drop (memory.grow (i32.const 1)))
    (call $answer (local.get $rows) (local.get $result) (local.get $pages)))

  ;; The number of calls of fusebox_alloc.
  (func (export "fusebox_udf_asked") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (call $answer (local.get $rows) (local.get $result) (global.get $asked)))

  ;; The number of previous rows, those of this batch included.
  (func (export "fusebox_udf_rows") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $row i32)
    (loop $next
      (i64.store offset=65536
        (i32.shl (local.get $row) (i32.const 3))
        (i64.load (i32.const 64)))
      (i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
    (call $return (local.get $rows) (local.get $result)))

  ;; Returns the same number for every row.
  (func $answer (param $rows i32) (param $result i32) (param $value i64) (result i32)
    (local $row i32)
    (loop $next
      (i64.store offset=65536 (i32.shl (local.get $row) (i32.const 3)) (local.get $value))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
    (call $return (local.get $rows) (local.get $result)))

  (func $return (param $rows i32) (param $result i32) (result i32)
    (i32.store (i32.const 20) (i32.const 65536)) ;; values
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; addresses of the buffers
    (i32.const 0)))
