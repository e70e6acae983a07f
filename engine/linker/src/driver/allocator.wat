;; Memory of a driver: the arena of arguments, and what is left of its block for results.
;; `$obtain` returns a block and sets `$block_end`, or returns 0; it stands in `obtain.rs`.
;; `$alloc_scratch`, of the driver, returns 0 if it has no memory for blocks of its own.
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
