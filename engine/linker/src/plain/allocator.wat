;; Memory of the driver: the arena of arguments, and blocks for results. `$obtain` returns a block
;; and sets `$block_end`, or returns 0; it and `$alloc_scratch` stand in `blocks.rs`.
(global $block_end (mut i32) (i32.const 0))
(global $region (mut i32) (i32.const 0))
(global $region_end (mut i32) (i32.const 0))
(global $arena_end (mut i32) (i32.const 0))
(global $cursor (mut i32) (i32.const 0))
(global $cursor_end (mut i32) (i32.const 0))

;; Pages that are grown for a block: the guest takes them for those of another allocator.
(func $grow (param $bytes i32) (result i32)
  (local $old i32) (local $pages i32)
  ;; No block is at address 0.
  (if (i32.eqz (memory.size)) (then (drop (memory.grow (i32.const 1)))))
  (local.set $pages (i32.add (i32.shr_u (local.get $bytes) (i32.const 16)) (i32.const 1)))
  (local.set $old (memory.grow (local.get $pages)))
  (if (i32.eq (local.get $old) (i32.const -1)) (then (return (i32.const 0))))
  (global.set $block_end
    (i32.shl (i32.add (local.get $old) (local.get $pages)) (i32.const 16)))
  (i32.shl (local.get $old) (i32.const 16)))

(func $alloc (param $bytes i32) (result i32)
  (local $at i32)
  (if (i32.eqz (call $alloc_scratch)) (then (return (i32.const 0))))
  (if (i32.or
        (i32.eqz (global.get $region))
        (i32.gt_u (local.get $bytes) (i32.sub (global.get $region_end) (global.get $region))))
    (then
      (local.set $at (call $obtain (local.get $bytes)))
      (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
      (global.set $region (local.get $at))
      (global.set $region_end (global.get $block_end))))
  (global.set $arena_end (i32.add (global.get $region) (local.get $bytes)))
  (global.get $region))

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

(func $is_inside (param $at i32) (param $bytes i32) (result i32)
  (i64.le_u
    (i64.add (i64.extend_i32_u (local.get $at)) (i64.extend_i32_u (local.get $bytes)))
    (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))))

(func $overlaps (param $a i32) (param $a_bytes i32) (param $b i32) (param $b_bytes i32) (result i32)
  (i32.and
    (i64.lt_u (i64.extend_i32_u (local.get $a))
      (i64.add (i64.extend_i32_u (local.get $b)) (i64.extend_i32_u (local.get $b_bytes))))
    (i64.lt_u (i64.extend_i32_u (local.get $b))
      (i64.add (i64.extend_i32_u (local.get $a)) (i64.extend_i32_u (local.get $a_bytes))))))

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
