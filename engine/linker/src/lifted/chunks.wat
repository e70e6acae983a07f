;; Memory for the buffers of results: the region behind the arena while there is room, then chunks,
;; each at least twice as large as the one before. A chunk begins with address and size of the one
;; before.
(global $chunk (mut i32) (i32.const 0))
(global $chunk_bytes (mut i32) (i32.const 0))
;; 1 if the chunk is of an earlier call, and free.
(global $is_chunk_free (mut i32) (i32.const 0))

(func $alloc_scratch (result i32) (i32.const 1))

(func $begin
  (global.set $cursor (global.get $arena_end))
  (global.set $cursor_end (global.get $region_end))
  (if (global.get $chunk)
    (then
      (i64.store (global.get $chunk) (i64.const 0))
      (global.set $is_chunk_free (i32.const 1)))))

;; Returns a block of so many bytes at a multiple of 64.
(func $take (param $bytes i32) (result i32)
  (local $at i32)
  (local.set $at (call $next_place))
  (if (call $is_past_end (local.get $at) (local.get $bytes))
    (then
      (call $add_chunk (local.get $bytes))
      (local.set $at (call $next_place))))
  (global.set $cursor (i32.add (local.get $at) (local.get $bytes)))
  (local.get $at))

(func $next_place (result i32)
  (i32.and (i32.add (global.get $cursor) (i32.const 63)) (i32.const -64)))

;; Rounding up may have passed the end.
(func $is_past_end (param $at i32) (param $bytes i32) (result i32)
  (i32.or
    (i32.gt_u (i32.sub (local.get $at) (global.get $cursor))
      (i32.sub (global.get $cursor_end) (global.get $cursor)))
    (i32.gt_u (local.get $bytes) (i32.sub (global.get $cursor_end) (local.get $at)))))

(func $add_chunk (param $bytes i32)
  (local $need i32) (local $want i64) (local $at i32)
  (if (i32.gt_u (local.get $bytes) (i32.const 0x7ffe0000)) (then (unreachable)))
  (local.set $need (i32.add (local.get $bytes) (i32.const 128)))
  (block $found
    (br_if $found
      (i32.and
        (global.get $is_chunk_free)
        (i32.le_u (local.get $need) (global.get $chunk_bytes))))
    (local.set $want (i64.shl (i64.extend_i32_u (global.get $chunk_bytes)) (i64.const 1)))
    (if (i64.lt_u (local.get $want) (i64.const 0xf000))
      (then (local.set $want (i64.const 0xf000))))
    (if (i64.gt_u (local.get $want) (i64.const 0x7ffe0000))
      (then (local.set $want (i64.const 0x7ffe0000))))
    (if (i64.lt_u (local.get $want) (i64.extend_i32_u (local.get $need)))
      (then (local.set $want (i64.extend_i32_u (local.get $need)))))
    (local.set $at (call $obtain (i32.wrap_i64 (local.get $want))))
    ;; There may be memory for what is needed alone.
    (if (i32.eqz (local.get $at))
      (then (local.set $at (call $obtain (local.get $need)))))
    (if (i32.eqz (local.get $at)) (then (unreachable)))
    (i32.store (local.get $at) (global.get $chunk))
    (i32.store offset=4 (local.get $at) (global.get $chunk_bytes))
    (global.set $chunk (local.get $at))
    (global.set $chunk_bytes (i32.sub (global.get $block_end) (local.get $at))))
  (global.set $is_chunk_free (i32.const 0))
  (global.set $cursor (i32.add (global.get $chunk) (i32.const 8)))
  (global.set $cursor_end (i32.add (global.get $chunk) (global.get $chunk_bytes))))

;; Returns 1 if a block overlaps one of the driver.
(func $is_own (param $at i32) (param $bytes i32) (result i32)
  (local $chunk i32) (local $chunk_bytes i32) (local $left i32) (local $header i32)
  (if (call $overlaps (local.get $at) (local.get $bytes) (global.get $region)
        (i32.sub (global.get $region_end) (global.get $region)))
    (then (return (i32.const 1))))
  (local.set $chunk (global.get $chunk))
  (local.set $chunk_bytes (global.get $chunk_bytes))
  ;; There are no more than this, unless the guest has written to a chunk.
  (local.set $left (i32.const 64))
  (block $done
    (loop $next
      (br_if $done (i32.eqz (local.get $chunk)))
      (br_if $done (i32.eqz (local.get $left)))
      (if (call $overlaps (local.get $at) (local.get $bytes) (local.get $chunk)
            (local.get $chunk_bytes))
        (then (return (i32.const 1))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (local.set $header (local.get $chunk))
      (local.set $chunk (i32.load (local.get $header)))
      (local.set $chunk_bytes (i32.load offset=4 (local.get $header)))
      (br $next)))
  (i32.const 0))
