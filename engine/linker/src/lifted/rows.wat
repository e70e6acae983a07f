;; Failure of a row: the first one counts. Until it is reported, nothing is asked of the guest.
(global $failed (mut i32) (i32.const 0))
(global $message (mut i32) (i32.const 0))
(global $message_bytes (mut i32) (i32.const 0))
(global $first (mut i32) (i32.const 0))
(global $second (mut i32) (i32.const 0))

;; The part of an argument or of the result that is passed: its name in the segment.
(global $part (mut i32) (i32.const 0))
(global $part_bytes (mut i32) (i32.const 0))

(func $fail_row (param $message i32) (param $bytes i32) (param $first i32) (param $second i32)
  (if (global.get $failed) (then (return)))
  (global.set $failed (i32.const 1))
  (global.set $message (local.get $message))
  (global.set $message_bytes (local.get $bytes))
  (global.set $first (local.get $first))
  (global.set $second (local.get $second))
  (global.set $place (global.get $part))
  (global.set $place_bytes (global.get $part_bytes)))

(func $report (param $result i32) (param $row i32) (result i32)
  (call $fail (local.get $result) (local.get $row)
    (global.get $message) (global.get $message_bytes) (global.get $first) (global.get $second)))

;; The bit of a row.
(func $bit (param $bits i32) (param $row i32) (result i32)
  (i32.and (i32.const 1)
    (i32.shr_u
      (i32.load8_u (i32.add (local.get $bits) (i32.shr_u (local.get $row) (i32.const 3))))
      (i32.and (local.get $row) (i32.const 7)))))

;; Returns 1 unless the row is null. The work is the same without bits, which are there if any row
;; of the batch is null.
(func $is_valid (param $bits i32) (param $row i32) (result i32)
  (i32.or
    (i32.eqz (local.get $bits))
    (i32.and (i32.const 1)
      (i32.shr_u
        (i32.load8_u
          (select
            (i32.add (local.get $bits) (i32.shr_u (local.get $row) (i32.const 3)))
            (i32.const 0)
            (local.get $bits)))
        (i32.and (local.get $row) (i32.const 7))))))

;; Returns 1 unless one of `count` rows is null.
(func $are_valid (param $bits i32) (param $row i32) (param $count i32) (result i32)
  (if (i32.eqz (local.get $bits)) (then (return (i32.const 1))))
  (loop $next
    (if (i32.eqz (local.get $count)) (then (return (i32.const 1))))
    (if (i32.and
          (i32.eqz (i32.and (local.get $row) (i32.const 7)))
          (i32.ge_u (local.get $count) (i32.const 64)))
      (then
        (if (i64.ne (i64.const -1)
              (i64.load (i32.add (local.get $bits) (i32.shr_u (local.get $row) (i32.const 3)))))
          (then (return (i32.const 0))))
        (local.set $row (i32.add (local.get $row) (i32.const 64)))
        (local.set $count (i32.sub (local.get $count) (i32.const 64)))
        (br $next)))
    (if (i32.eqz (call $bit (local.get $bits) (local.get $row)))
      (then (return (i32.const 0))))
    (local.set $row (i32.add (local.get $row) (i32.const 1)))
    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
    (br $next))
  (unreachable))

(func $set_bit (param $bits i32) (param $row i32)
  (local $at i32)
  (local.set $at (i32.add (local.get $bits) (i32.shr_u (local.get $row) (i32.const 3))))
  (i32.store8 (local.get $at)
    (i32.or (i32.load8_u (local.get $at))
      (i32.shl (i32.const 1) (i32.and (local.get $row) (i32.const 7))))))

;; Returns 1 if a block lies in the memory.
(func $is_within (param $at i32) (param $bytes i64) (result i32)
  (i32.and
    (i64.le_u (local.get $bytes) (i64.const 0x100000000))
    (i64.le_u
      (i64.add (i64.extend_i32_u (local.get $at)) (local.get $bytes))
      (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))))

;; Blocks that the guest has allocated for the arguments of a row: address and size of each.
(global $blocks (mut i32) (i32.const 0))
(global $blocks_max (mut i32) (i32.const 0))
(global $block_count (mut i32) (i32.const 0))
;; The range of addresses in them, and 1 if they may overlap.
(global $lowest (mut i32) (i32.const 0))
(global $highest (mut i64) (i64.const 0))
(global $may_overlap (mut i32) (i32.const 0))

(func $begin_row
  (global.set $failed (i32.const 0))
  (global.set $found_bytes (i32.const 0))
  (global.set $block_count (i32.const 0))
  (global.set $lowest (i32.const -1))
  (global.set $highest (i64.const 0))
  (global.set $may_overlap (i32.const 0)))

;; Makes room for another block.
(func $reserve_block
  (local $max i32) (local $new i32)
  (if (i32.lt_u (global.get $block_count) (global.get $blocks_max)) (then (return)))
  (local.set $max (i32.shl (global.get $blocks_max) (i32.const 1)))
  (if (i32.lt_u (local.get $max) (i32.const 64)) (then (local.set $max (i32.const 64))))
  (if (i32.gt_u (local.get $max) (i32.const 0x08000000)) (then (unreachable)))
  (local.set $new (call $take (i32.shl (local.get $max) (i32.const 3))))
  (memory.copy (local.get $new) (global.get $blocks)
    (i32.shl (global.get $block_count) (i32.const 3)))
  (global.set $blocks (local.get $new))
  (global.set $blocks_max (local.get $max)))

;; Adds a block, for which there is room.
(func $add_block (param $at i32) (param $bytes i32)
  (local $to i32) (local $end i64)
  (local.set $to
    (i32.add (global.get $blocks) (i32.shl (global.get $block_count) (i32.const 3))))
  (i32.store (local.get $to) (local.get $at))
  (i32.store offset=4 (local.get $to) (local.get $bytes))
  (global.set $block_count (i32.add (global.get $block_count) (i32.const 1)))
  (local.set $end
    (i64.add (i64.extend_i32_u (local.get $at)) (i64.extend_i32_u (local.get $bytes))))
  ;; Most allocators return blocks in order.
  (if (i32.and
        (i64.gt_u (local.get $end) (i64.extend_i32_u (global.get $lowest)))
        (i64.lt_u (i64.extend_i32_u (local.get $at)) (global.get $highest)))
    (then (global.set $may_overlap (i32.const 1))))
  (if (i32.lt_u (local.get $at) (global.get $lowest))
    (then (global.set $lowest (local.get $at))))
  (if (i64.gt_u (local.get $end) (global.get $highest))
    (then (global.set $highest (local.get $end)))))

;; Returns the address of a block that begins before another one ends, or -1.
(func $overlapping_block (result i32)
  (local $at i32) (local $end i32)
  (if (i32.eqz (global.get $may_overlap)) (then (return (i32.const -1))))
  (call $sort_blocks)
  (local.set $at (global.get $blocks))
  (local.set $end
    (i32.add (local.get $at)
      (i32.shl (i32.sub (global.get $block_count) (i32.const 1)) (i32.const 3))))
  (loop $next
    (if (i32.ge_u (local.get $at) (local.get $end)) (then (return (i32.const -1))))
    (if (call $overlaps
          (i32.load (local.get $at)) (i32.load offset=4 (local.get $at))
          (i32.load offset=8 (local.get $at)) (i32.load offset=12 (local.get $at)))
      (then (return (i32.load offset=8 (local.get $at)))))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br $next))
  (unreachable))

;; Sorts blocks by address, by heap sort: a block is an i64 with the address in the low half.
(func $sort_blocks
  (local $i i32) (local $last i64)
  (local.set $i (i32.shr_u (global.get $block_count) (i32.const 1)))
  (block $done
    (loop $next
      (br_if $done (i32.eqz (local.get $i)))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (call $sift (local.get $i) (global.get $block_count))
      (br $next)))
  (local.set $i (global.get $block_count))
  (block $done
    (loop $next
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $done (i32.le_s (local.get $i) (i32.const 0)))
      (local.set $last (i64.load (call $block (local.get $i))))
      (i64.store (call $block (local.get $i)) (i64.load (global.get $blocks)))
      (i64.store (global.get $blocks) (local.get $last))
      (call $sift (i32.const 0) (local.get $i))
      (br $next))))

(func $block (param $i i32) (result i32)
  (i32.add (global.get $blocks) (i32.shl (local.get $i) (i32.const 3))))

;; Moves a block down the heap of the first `count` blocks.
(func $sift (param $i i32) (param $count i32)
  (local $child i32) (local $moved i64)
  (local.set $moved (i64.load (call $block (local.get $i))))
  (block $done
    (loop $next
      (local.set $child (i32.add (i32.shl (local.get $i) (i32.const 1)) (i32.const 1)))
      (br_if $done (i32.ge_u (local.get $child) (local.get $count)))
      (if (i32.lt_u (i32.add (local.get $child) (i32.const 1)) (local.get $count))
        (then
          (if (i32.lt_u
                (i32.load (call $block (local.get $child)))
                (i32.load (call $block (i32.add (local.get $child) (i32.const 1)))))
            (then (local.set $child (i32.add (local.get $child) (i32.const 1)))))))
      (br_if $done
        (i32.ge_u
          (i32.wrap_i64 (local.get $moved))
          (i32.load (call $block (local.get $child)))))
      (i64.store (call $block (local.get $i)) (i64.load (call $block (local.get $child))))
      (local.set $i (local.get $child))
      (br $next)))
  (i64.store (call $block (local.get $i)) (local.get $moved)))

;; Returns the number of the case with this name in a table of address and size of each name, from
;; `$cases` on, or -1.
(func $find_case (param $table i32) (param $count i32) (param $at i32) (param $bytes i32)
  (result i32)
  (local $i i32) (local $entry i32)
  (loop $next
    (if (i32.ge_u (local.get $i) (local.get $count)) (then (return (i32.const -1))))
    (local.set $entry
      (i32.add (i32.add (global.get $cases) (local.get $table))
        (i32.shl (local.get $i) (i32.const 3))))
    (if (i32.eq (local.get $bytes) (i32.load offset=4 (local.get $entry)))
      (then
        (if (call $is_equal (local.get $at)
              (i32.add (global.get $cases) (i32.load (local.get $entry))) (local.get $bytes))
          (then (return (local.get $i))))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br $next))
  (unreachable))

(func $is_equal (param $a i32) (param $b i32) (param $bytes i32) (result i32)
  (loop $next
    (if (i32.eqz (local.get $bytes)) (then (return (i32.const 1))))
    (if (i32.ne (i32.load8_u (local.get $a)) (i32.load8_u (local.get $b)))
      (then (return (i32.const 0))))
    (local.set $a (i32.add (local.get $a) (i32.const 1)))
    (local.set $b (i32.add (local.get $b) (i32.const 1)))
    (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
    (br $next))
  (unreachable))

;; Returns the character that is a text in UTF-8, or -1.
(func $only_character (param $at i32) (param $bytes i32) (result i32)
  (local $first i32) (local $need i32)
  (if (i32.eqz (local.get $bytes)) (then (return (i32.const -1))))
  (local.set $first (i32.load8_u (local.get $at)))
  (local.set $need
    (i32.add
      (i32.add (i32.const 1) (i32.ge_u (local.get $first) (i32.const 0xc0)))
      (i32.add
        (i32.ge_u (local.get $first) (i32.const 0xe0))
        (i32.ge_u (local.get $first) (i32.const 0xf0)))))
  (if (i32.ne (local.get $need) (local.get $bytes)) (then (return (i32.const -1))))
  (if (i32.eq (local.get $need) (i32.const 1)) (then (return (local.get $first))))
  (local.set $first
    (i32.and (local.get $first) (i32.shr_u (i32.const 0x7f) (local.get $need))))
  (loop $next
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $first
      (i32.or (i32.shl (local.get $first) (i32.const 6))
        (i32.and (i32.load8_u (local.get $at)) (i32.const 0x3f))))
    (local.set $need (i32.sub (local.get $need) (i32.const 1)))
    (br_if $next (i32.gt_u (local.get $need) (i32.const 1))))
  (local.get $first))

;; Writes a character in UTF-8, and returns the number of bytes.
(func $write_character (param $to i32) (param $code i32) (result i32)
  (if (i32.lt_u (local.get $code) (i32.const 0x80))
    (then
      (i32.store8 (local.get $to) (local.get $code))
      (return (i32.const 1))))
  (if (i32.lt_u (local.get $code) (i32.const 0x800))
    (then
      (i32.store8 (local.get $to)
        (i32.or (i32.const 0xc0) (i32.shr_u (local.get $code) (i32.const 6))))
      (i32.store8 offset=1 (local.get $to) (call $continuation (local.get $code) (i32.const 0)))
      (return (i32.const 2))))
  (if (i32.lt_u (local.get $code) (i32.const 0x10000))
    (then
      (i32.store8 (local.get $to)
        (i32.or (i32.const 0xe0) (i32.shr_u (local.get $code) (i32.const 12))))
      (i32.store8 offset=1 (local.get $to) (call $continuation (local.get $code) (i32.const 6)))
      (i32.store8 offset=2 (local.get $to) (call $continuation (local.get $code) (i32.const 0)))
      (return (i32.const 3))))
  (i32.store8 (local.get $to)
    (i32.or (i32.const 0xf0) (i32.shr_u (local.get $code) (i32.const 18))))
  (i32.store8 offset=1 (local.get $to) (call $continuation (local.get $code) (i32.const 12)))
  (i32.store8 offset=2 (local.get $to) (call $continuation (local.get $code) (i32.const 6)))
  (i32.store8 offset=3 (local.get $to) (call $continuation (local.get $code) (i32.const 0)))
  (i32.const 4))

(func $continuation (param $code i32) (param $shift i32) (result i32)
  (i32.or (i32.const 0x80)
    (i32.and (i32.const 0x3f) (i32.shr_u (local.get $code) (local.get $shift)))))
