;; Arguments of a row. They lie in a block that is zero before each row, at the same address for
;; each row of at most 4,096 bytes: what a function does then depends on no other row, whatever
;; the alignment it looks for and however far it reads past the end.
(global $base (mut i32) (i32.const 0))
(global $bump (mut i32) (i32.const 0))

;; Chooses the block for arguments of so many bytes. The first 16 are the return area.
(func $open (param $bytes i64)
  (global.set $base (global.get $scratch))
  (if (i64.gt_u (local.get $bytes) (i64.const 4096))
    (then
      (if (i64.gt_u (local.get $bytes) (i64.const 0x7fff0000)) (then (unreachable)))
      (if (i32.gt_u (i32.wrap_i64 (local.get $bytes))
            (i32.sub (global.get $large_end) (global.get $large)))
        (then
          ;; The price of memory is not the row's, since other rows may have grown it before.
          (call $row_pause (i32.const 0))
          (global.set $large_end (i32.const 0))
          (global.set $large (i32.const 0))
          (global.set $large (call $obtain (i32.wrap_i64 (local.get $bytes))))
          (if (i32.eqz (global.get $large)) (then (unreachable)))
          (global.set $large_end (global.get $block_end))
          (memory.fill (global.get $large) (i32.const 0)
            (i32.sub (global.get $large_end) (global.get $large)))
          (call $row_resume)))
      (global.set $base (global.get $large))))
  (global.set $bump (i32.add (global.get $base) (i32.const 16))))

;; Clears what a row has written.
(func $close
  (memory.fill (global.get $base) (i32.const 0)
    (i32.sub (global.get $bump) (global.get $base)))
  (global.set $bump (global.get $base)))

;; Copies an argument behind `prefix` bytes, and returns its address. A zero byte follows.
(func $pass (param $from i32) (param $bytes i32) (param $prefix i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $bump) (i32.const 15)) (i32.const -16)))
  (global.set $bump
    (i32.add (i32.add (local.get $at) (local.get $prefix))
      (i32.add (local.get $bytes) (i32.const 1))))
  (memory.copy (i32.add (local.get $at) (local.get $prefix)) (local.get $from)
    (local.get $bytes))
  (local.get $at))

;; Bytes of the results of a batch.
(global $out (mut i32) (i32.const 0))
(global $out_end (mut i32) (i32.const 0))
(global $out_at (mut i32) (i32.const 0))

;; Begins the results in what is left of the region, but for a little.
(func $begin_results
  (local $rest i32)
  (local.set $rest (i32.sub (global.get $cursor_end) (global.get $cursor)))
  (if (i32.lt_u (local.get $rest) (i32.const 2048))
    (then (local.set $rest (i32.const 2048))))
  (global.set $out (call $take (i32.sub (local.get $rest) (i32.const 1024))))
  (global.set $out_at (global.get $out))
  (global.set $out_end (global.get $cursor)))

;; Makes room for a result that is not too much. The buffer doubles.
(func $reserve (param $bytes i32)
  (local $have i32) (local $need i64)
  (if (i32.le_u (local.get $bytes) (i32.sub (global.get $out_end) (global.get $out_at)))
    (then (return)))
  (local.set $have (i32.sub (global.get $out_at) (global.get $out)))
  (local.set $need
    (i64.add (i64.extend_i32_u (local.get $have)) (i64.extend_i32_u (local.get $bytes))))
  (if (i32.or
        (i32.eq (global.get $out) (global.get $spill))
        (i64.gt_u (local.get $need)
          (i64.extend_i32_u (i32.sub (global.get $spill_end) (global.get $spill)))))
    (then
      (local.set $need (i64.add (local.get $need) (i64.extend_i32_u (local.get $have))))
      (if (i64.gt_u (local.get $need) (i64.const 0x7fff0000))
        (then (local.set $need (i64.const 0x7fff0000))))
      (local.set $bytes (call $obtain (i32.wrap_i64 (local.get $need))))
      (if (i32.eqz (local.get $bytes)) (then (unreachable)))
      (global.set $spill (local.get $bytes))
      (global.set $spill_end (global.get $block_end))))
  (memory.copy (global.get $spill) (global.get $out) (local.get $have))
  (global.set $out (global.get $spill))
  (global.set $out_end (global.get $spill_end))
  (global.set $out_at (i32.add (global.get $out) (local.get $have))))

;; Appends a result, for which there is room.
(func $append (param $from i32) (param $bytes i32)
  (memory.copy (global.get $out_at) (local.get $from) (local.get $bytes))
  (global.set $out_at (i32.add (global.get $out_at) (local.get $bytes))))

;; Returns 1 if the results of a batch would be too many bytes for offsets.
(func $is_too_much (param $bytes i64) (result i32)
  (i64.gt_u
    (i64.add (local.get $bytes)
      (i64.extend_i32_u (i32.sub (global.get $out_at) (global.get $out))))
    (i64.const 0x7ffe0000)))

;; Returns the position of the first zero byte before an end, or -1.
(func $find_zero (param $from i32) (param $end i64) (result i32)
  (local $at i64) (local $word i64)
  (local.set $at (i64.extend_i32_u (local.get $from)))
  (block $found
    (block $bytes
      (loop $next
        (br_if $bytes
          (i64.gt_u (i64.add (local.get $at) (i64.const 8)) (local.get $end)))
        (local.set $word (i64.load (i32.wrap_i64 (local.get $at))))
        (local.set $word
          (i64.and (i64.const 0x8080808080808080)
            (i64.and (i64.sub (local.get $word) (i64.const 0x0101010101010101))
              (i64.xor (local.get $word) (i64.const -1)))))
        (if (i64.ne (local.get $word) (i64.const 0))
          (then
            (local.set $at
              (i64.add (local.get $at) (i64.shr_u (i64.ctz (local.get $word)) (i64.const 3))))
            (br $found)))
        (local.set $at (i64.add (local.get $at) (i64.const 8)))
        (br $next)))
    (loop $next
      (if (i64.ge_u (local.get $at) (local.get $end)) (then (return (i32.const -1))))
      (br_if $found (i32.eqz (i32.load8_u (i32.wrap_i64 (local.get $at)))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
  (i32.sub (i32.wrap_i64 (local.get $at)) (local.get $from)))

;; Returns the length of a string that ends with a zero byte, or -1 if none follows.
(func $string_length (param $at i32) (result i32)
  (call $find_zero (local.get $at)
    (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16))))
