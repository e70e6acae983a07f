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

;; Returns the position of the first character that is not UTF-8 (table 3-7 of the Unicode
;; standard), or -1.
(func $utf8_error (param $from i32) (param $bytes i32) (result i32)
  (local $i i32) (local $at i32) (local $left i32) (local $byte i32) (local $more i32)
  (loop $next
    ;; An iteration is charged as a whole: runs of ASCII have a loop of their own.
    (block $other
      (loop $ascii
        (br_if $other
          (i32.lt_u (i32.sub (local.get $bytes) (local.get $i)) (i32.const 8)))
        (br_if $other
          (i64.ne (i64.const 0)
            (i64.and (i64.load (i32.add (local.get $from) (local.get $i)))
              (i64.const 0x8080808080808080))))
        (local.set $i (i32.add (local.get $i) (i32.const 8)))
        (br $ascii)))
    (local.set $left (i32.sub (local.get $bytes) (local.get $i)))
    (if (i32.eqz (local.get $left)) (then (return (i32.const -1))))
    (local.set $at (i32.add (local.get $from) (local.get $i)))
    (local.set $byte (i32.load8_u (local.get $at)))
    (if (i32.lt_u (local.get $byte) (i32.const 0x80))
      (then
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.set $more
      (i32.add (i32.const 1)
        (i32.add (i32.ge_u (local.get $byte) (i32.const 0xe0))
          (i32.ge_u (local.get $byte) (i32.const 0xf0)))))
    (if (i32.or
          (i32.or
            (i32.lt_u (local.get $byte) (i32.const 0xc2))
            (i32.gt_u (local.get $byte) (i32.const 0xf4)))
          (i32.le_u (local.get $left) (local.get $more)))
      (then (return (local.get $i))))
    (if (i32.eqz (call $is_second (local.get $byte) (i32.load8_u offset=1 (local.get $at))))
      (then (return (local.get $i))))
    (if (i32.ge_u (local.get $more) (i32.const 2))
      (then
        (if (i32.ne (i32.const 0x80)
              (i32.and (i32.load8_u offset=2 (local.get $at)) (i32.const 0xc0)))
          (then (return (local.get $i))))))
    (if (i32.eq (local.get $more) (i32.const 3))
      (then
        (if (i32.ne (i32.const 0x80)
              (i32.and (i32.load8_u offset=3 (local.get $at)) (i32.const 0xc0)))
          (then (return (local.get $i))))))
    (local.set $i (i32.add (local.get $i) (i32.add (local.get $more) (i32.const 1))))
    (br $next))
  (unreachable))

;; Returns 1 if a second byte may follow a first one.
(func $is_second (param $first i32) (param $second i32) (result i32)
  (local $low i32) (local $high i32)
  (local.set $low (i32.const 0x80))
  (local.set $high (i32.const 0xbf))
  (if (i32.eq (local.get $first) (i32.const 0xe0)) (then (local.set $low (i32.const 0xa0))))
  (if (i32.eq (local.get $first) (i32.const 0xed)) (then (local.set $high (i32.const 0x9f))))
  (if (i32.eq (local.get $first) (i32.const 0xf0)) (then (local.set $low (i32.const 0x90))))
  (if (i32.eq (local.get $first) (i32.const 0xf4)) (then (local.set $high (i32.const 0x8f))))
  (i32.and
    (i32.ge_u (local.get $second) (local.get $low))
    (i32.le_u (local.get $second) (local.get $high))))
