;; Returns the capacity of columns with so many rows: a multiple of 64, for whole words of bits.
(func $grown (param $max i32) (param $need i32) (result i32)
  (local.set $max (i32.shl (local.get $max) (i32.const 1)))
  (if (i32.gt_u (local.get $max) (i32.const 0x0fffffc0))
    (then (local.set $max (i32.const 0x0fffffc0))))
  (if (i32.lt_u (local.get $max) (local.get $need)) (then (local.set $max (local.get $need))))
  (i32.and (i32.add (local.get $max) (i32.const 63)) (i32.const -64)))

;; Returns the capacity of a buffer of so many bytes.
(func $grown_data (param $max i32) (param $need i64) (result i32)
  (local $grown i64)
  (local.set $grown (i64.shl (i64.extend_i32_u (local.get $max)) (i64.const 1)))
  (if (i64.lt_u (local.get $grown) (i64.const 1024)) (then (local.set $grown (i64.const 1024))))
  (if (i64.gt_u (local.get $grown) (i64.const 0x7ffe0000))
    (then (local.set $grown (i64.const 0x7ffe0000))))
  (if (i64.lt_u (local.get $grown) (local.get $need))
    (then (local.set $grown (local.get $need))))
  (if (i64.gt_u (local.get $grown) (i64.const 0xffffffff)) (then (unreachable)))
  (i32.wrap_i64 (local.get $grown)))

;; Returns a block with the first bytes of another.
(func $move (param $from i32) (param $bytes i32) (param $max i32) (result i32)
  (local $to i32)
  (local.set $to (call $take (local.get $max)))
  (memory.copy (local.get $to) (local.get $from) (local.get $bytes))
  (local.get $to))

;; Returns bits for `max` rows, of which those behind the first `rows` are zero. Both are multiples
;; of 64.
(func $move_bits (param $from i32) (param $rows i32) (param $max i32) (result i32)
  (local $to i32)
  (local.set $rows (i32.shr_u (local.get $rows) (i32.const 3)))
  (local.set $max (i32.shr_u (local.get $max) (i32.const 3)))
  (local.set $to (call $move (local.get $from) (local.get $rows) (local.get $max)))
  (memory.fill (i32.add (local.get $to) (local.get $rows)) (i32.const 0)
    (i32.sub (local.get $max) (local.get $rows)))
  (local.get $to))

;; Returns the offsets of `rows` rows, with room for `max`. Without rows, the first offset is 0.
(func $move_offsets (param $from i32) (param $rows i32) (param $max i32) (result i32)
  (local $to i32)
  (local.set $to (call $take (i32.add (i32.shl (local.get $max) (i32.const 2)) (i32.const 4))))
  (if (i32.eqz (local.get $rows))
    (then
      (i32.store (local.get $to) (i32.const 0))
      (return (local.get $to))))
  (memory.copy (local.get $to) (local.get $from)
    (i32.add (i32.shl (local.get $rows) (i32.const 2)) (i32.const 4)))
  (local.get $to))
