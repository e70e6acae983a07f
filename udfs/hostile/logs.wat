;; Logs messages of any place, of any length, without an end.
;;
;; The functions answer 7, whatever the host does with the messages: a guest cannot tell.
(module
  (import "fusebox" "log" (func $log (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 48) "\1b[31mred\ff\00\0a")
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32)
    (if (i32.gt_u (local.get $bytes) (i32.const 60000)) (then (return (i32.const 0))))
    (i32.const 128))
  (func (export "_initialize")
    (call $log (i32.const 0) (i32.const -1))
    (call $log (i32.const 48) (i32.const 8)))

  ;; Writes the result: one constant row.
  (func $answer (param $args i32) (param $rows i32) (param $result i32) (result i32) (local $i i32)
    (i32.store (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (i32.const 62000))
    (loop $next
      (i64.store (i32.add (i32.const 62000) (i32.shl (local.get $i) (i32.const 3))) (i64.const 7))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=8 (local.get $result) (i64.const 0))
    (i64.store offset=16 (local.get $result) (i64.const 0))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i64.store offset=32 (local.get $result) (i64.const 0))
    (i32.store offset=40 (local.get $result) (i32.const 16))
    (i32.const 0))

  ;; Messages outside of the memory, at its end, empty, and with control characters.
  (func (export "fusebox_udf_wild") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (call $log (i32.const -1) (i32.const -1))
    (call $log (i32.const 65536) (i32.const 0))
    (call $log (i32.const 65535) (i32.const 2))
    (call $log (i32.const 0) (i32.const 65536))
    (call $log (i32.const 48) (i32.const 11))
    (call $answer (local.get $args) (local.get $rows) (local.get $result)))

  ;; A million messages of the whole memory.
  (func (export "fusebox_udf_flood") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $left i32)
    (local.set $left (i32.const 1000000))
    (loop $again
      (call $log (i32.const 0) (i32.const 65536))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left)))
    (call $answer (local.get $args) (local.get $rows) (local.get $result)))

  ;; Messages without an end.
  (func (export "fusebox_udf_endless") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (loop $again
      (call $log (i32.const 48) (i32.const 11))
      (br $again))
    (unreachable)))
