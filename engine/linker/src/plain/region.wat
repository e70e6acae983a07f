;; Blocks for the results of a call, in the region behind the arena while there is room.
(func $begin
  (global.set $cursor (global.get $arena_end))
  (global.set $cursor_end (global.get $region_end)))

(func $take (param $bytes i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $cursor) (i32.const 63)) (i32.const -64)))
  ;; Rounding up may have passed the end.
  (if (i32.or
        (i32.gt_u (i32.sub (local.get $at) (global.get $cursor))
          (i32.sub (global.get $cursor_end) (global.get $cursor)))
        (i32.gt_u (local.get $bytes) (i32.sub (global.get $cursor_end) (local.get $at))))
    (then
      (local.set $at (call $obtain (local.get $bytes)))
      (if (i32.eqz (local.get $at)) (then (unreachable)))
      (global.set $cursor_end (global.get $block_end))))
  (global.set $cursor (i32.add (local.get $at) (local.get $bytes)))
  (local.get $at))

;; Blocks of the driver other than the region: arguments of a row, and bytes of the results.
(global $scratch (mut i32) (i32.const 0))
(global $large (mut i32) (i32.const 0))
(global $large_end (mut i32) (i32.const 0))
(global $spill (mut i32) (i32.const 0))
(global $spill_end (mut i32) (i32.const 0))

;; Returns 1 if a block overlaps one of the driver.
(func $is_own (param $at i32) (param $bytes i32) (result i32)
  (i32.or
    (i32.or
      (call $overlaps (local.get $at) (local.get $bytes) (global.get $region)
        (i32.sub (global.get $region_end) (global.get $region)))
      (call $overlaps (local.get $at) (local.get $bytes) (global.get $spill)
        (i32.sub (global.get $spill_end) (global.get $spill))))
    (i32.or
      (call $overlaps (local.get $at) (local.get $bytes) (global.get $large)
        (i32.sub (global.get $large_end) (global.get $large)))
      (call $overlaps (local.get $at) (local.get $bytes) (global.get $scratch)
        (select (i32.const 4096) (i32.const 0) (global.get $scratch))))))
