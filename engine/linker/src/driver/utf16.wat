;; UTF-16, in which AssemblyScript keeps strings, and components may.

;; Returns the number of units of a text in UTF-8: one for a character, and another for one
;; of four bytes.
(func $utf16_units (param $at i32) (param $bytes i32) (result i32)
  (local $units i32) (local $word i64) (local $leads i64) (local $byte i32)
  (block $rest
    (loop $next
      (br_if $rest (i32.lt_u (local.get $bytes) (i32.const 8)))
      (local.set $word (i64.load (local.get $at)))
      (local.set $leads
        (i64.or
          (i64.xor (i64.shr_u (local.get $word) (i64.const 7)) (i64.const -1))
          (i64.shr_u (local.get $word) (i64.const 6))))
      (local.set $units
        (i32.add (local.get $units)
          (i32.wrap_i64
            (i64.add
              (i64.popcnt (i64.and (local.get $leads) (i64.const 0x0101010101010101)))
              (i64.popcnt
                (i64.and (i64.const 0x0101010101010101)
                  (i64.and
                    (i64.and (i64.shr_u (local.get $word) (i64.const 7))
                      (i64.shr_u (local.get $word) (i64.const 6)))
                    (i64.and (i64.shr_u (local.get $word) (i64.const 5))
                      (i64.shr_u (local.get $word) (i64.const 4))))))))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (local.set $bytes (i32.sub (local.get $bytes) (i32.const 8)))
      (br $next)))
  (block $done
    (loop $next
      (br_if $done (i32.eqz (local.get $bytes)))
      (local.set $byte (i32.load8_u (local.get $at)))
      (local.set $units
        (i32.add (local.get $units)
          (i32.add
            (i32.ne (i32.and (local.get $byte) (i32.const 0xc0)) (i32.const 0x80))
            (i32.ge_u (local.get $byte) (i32.const 0xf0)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
      (br $next)))
  (local.get $units))

;; Reads the last bytes of a text, of which there are less than four.
(func $last (param $at i32) (param $left i32) (result i32)
  (local $word i32)
  (local.set $word (i32.load8_u (local.get $at)))
  (if (i32.ge_u (local.get $left) (i32.const 2))
    (then
      (local.set $word
        (i32.or (local.get $word)
          (i32.shl (i32.load8_u offset=1 (local.get $at)) (i32.const 8))))))
  (if (i32.ge_u (local.get $left) (i32.const 3))
    (then
      (local.set $word
        (i32.or (local.get $word)
          (i32.shl (i32.load8_u offset=2 (local.get $at)) (i32.const 16))))))
  (local.get $word))

;; Converts a text in UTF-8, which the host has checked. An iteration of a loop is charged as a
;; whole, so that runs of ASCII have a loop of their own, here and below.
(func $to_utf16 (param $at i32) (param $bytes i32) (param $to i32)
  (local $end i32) (local $left i32) (local $word i32) (local $wide i64)
  (local.set $end (i32.add (local.get $at) (local.get $bytes)))
  (loop $next
    (block $other
      (loop $ascii
        (br_if $other
          (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 4)))
        (local.set $wide (i64.load32_u (local.get $at)))
        (br_if $other
          (i64.ne (i64.and (local.get $wide) (i64.const 0x80808080)) (i64.const 0)))
        (local.set $wide
          (i64.and (i64.const 0x0000ffff0000ffff)
            (i64.or (local.get $wide) (i64.shl (local.get $wide) (i64.const 16)))))
        (i64.store (local.get $to)
          (i64.and (i64.const 0x00ff00ff00ff00ff)
            (i64.or (local.get $wide) (i64.shl (local.get $wide) (i64.const 8)))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (br $ascii)))
    (if (i32.eqz (local.tee $left (i32.sub (local.get $end) (local.get $at)))) (then (return)))
    (local.set $word
      (if (result i32) (i32.ge_u (local.get $left) (i32.const 4))
        (then (i32.load (local.get $at)))
        (else (call $last (local.get $at) (local.get $left)))))
    (if (i32.eqz (i32.and (local.get $word) (i32.const 0x80)))
      (then
        (i32.store16 (local.get $to) (i32.and (local.get $word) (i32.const 0x7f)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $to (i32.add (local.get $to) (i32.const 2)))
        (br $next)))
    (if (i32.lt_u (i32.and (local.get $word) (i32.const 0xff)) (i32.const 0xe0))
      (then
        (i32.store16 (local.get $to)
          (i32.or
            (i32.shl (i32.and (local.get $word) (i32.const 0x1f)) (i32.const 6))
            (i32.and (i32.shr_u (local.get $word) (i32.const 8)) (i32.const 0x3f))))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))
        (local.set $to (i32.add (local.get $to) (i32.const 2)))
        (br $next)))
    (if (i32.lt_u (i32.and (local.get $word) (i32.const 0xff)) (i32.const 0xf0))
      (then
        (i32.store16 (local.get $to)
          (i32.or
            (i32.shl (i32.and (local.get $word) (i32.const 0x0f)) (i32.const 12))
            (i32.or
              (i32.and (i32.shr_u (local.get $word) (i32.const 2)) (i32.const 0xfc0))
              (i32.and (i32.shr_u (local.get $word) (i32.const 16)) (i32.const 0x3f)))))
        (local.set $at (i32.add (local.get $at) (i32.const 3)))
        (local.set $to (i32.add (local.get $to) (i32.const 2)))
        (br $next)))
    (local.set $word
      (i32.sub
        (i32.or
          (i32.or
            (i32.shl (i32.and (local.get $word) (i32.const 7)) (i32.const 18))
            (i32.and (i32.shl (local.get $word) (i32.const 4)) (i32.const 0x3f000)))
          (i32.or
            (i32.and (i32.shr_u (local.get $word) (i32.const 10)) (i32.const 0xfc0))
            (i32.and (i32.shr_u (local.get $word) (i32.const 24)) (i32.const 0x3f))))
        (i32.const 0x10000)))
    (i32.store16 (local.get $to)
      (i32.add (i32.const 0xd800) (i32.shr_u (local.get $word) (i32.const 10))))
    (i32.store16 offset=2 (local.get $to)
      (i32.add (i32.const 0xdc00) (i32.and (local.get $word) (i32.const 0x3ff))))
    (local.set $at (i32.add (local.get $at) (i32.const 4)))
    (local.set $to (i32.add (local.get $to) (i32.const 4)))
    (br $next)))

;; Returns the number of bytes of a text in UTF-8, or, if the unit at a position is an unpaired
;; surrogate, -1 - position.
(func $utf8_bytes (param $from i32) (param $bytes i32) (result i64)
  (local $i i32) (local $unit i32) (local $left i32) (local $sum i64)
  (loop $next
    (block $other
      (loop $ascii
        (br_if $other
          (i32.lt_u (i32.sub (local.get $bytes) (local.get $i)) (i32.const 8)))
        (br_if $other
          (i64.ne (i64.const 0)
            (i64.and (i64.load (i32.add (local.get $from) (local.get $i)))
              (i64.const 0xff80ff80ff80ff80))))
        (local.set $i (i32.add (local.get $i) (i32.const 8)))
        (local.set $sum (i64.add (local.get $sum) (i64.const 4)))
        (br $ascii)))
    (local.set $left (i32.sub (local.get $bytes) (local.get $i)))
    (if (i32.eqz (local.get $left)) (then (return (local.get $sum))))
    (local.set $unit (i32.load16_u (i32.add (local.get $from) (local.get $i))))
    (if (i32.eq (i32.and (local.get $unit) (i32.const 0xf800)) (i32.const 0xd800))
      (then
        (block $pair
          (br_if $pair
            (i32.and
              (i32.lt_u (local.get $unit) (i32.const 0xdc00))
              (if (result i32) (i32.ge_u (local.get $left) (i32.const 4))
                (then
                  (i32.eq (i32.const 0xdc00)
                    (i32.and (i32.const 0xfc00)
                      (i32.load16_u offset=2 (i32.add (local.get $from) (local.get $i))))))
                (else (i32.const 0)))))
          (return
            (i64.sub (i64.const -1)
              (i64.extend_i32_u (i32.shr_u (local.get $i) (i32.const 1))))))
        (local.set $sum (i64.add (local.get $sum) (i64.const 4)))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (br $next)))
    (local.set $sum
      (i64.add (local.get $sum)
        (i64.extend_i32_u
          (i32.add (i32.const 1)
            (i32.add
              (i32.ge_u (local.get $unit) (i32.const 0x80))
              (i32.ge_u (local.get $unit) (i32.const 0x800)))))))
    (local.set $i (i32.add (local.get $i) (i32.const 2)))
    (br $next))
  (unreachable))

;; Converts a text in UTF-16 without unpaired surrogates to UTF-8, and returns the end of that.
(func $from_utf16 (param $from i32) (param $bytes i32) (param $to i32) (result i32)
  (local $end i32) (local $code i32) (local $wide i64)
  (local.set $end (i32.add (local.get $from) (local.get $bytes)))
  (block $done
    (loop $next
      (block $other
        (loop $ascii
          (br_if $other
            (i32.lt_u (i32.sub (local.get $end) (local.get $from)) (i32.const 8)))
          (local.set $wide (i64.load (local.get $from)))
          (br_if $other
            (i64.ne (i64.const 0)
              (i64.and (local.get $wide) (i64.const 0xff80ff80ff80ff80))))
          (local.set $wide
            (i64.and (i64.const 0x0000ffff0000ffff)
              (i64.or (local.get $wide) (i64.shr_u (local.get $wide) (i64.const 8)))))
          (i64.store32 (local.get $to)
            (i64.or (local.get $wide) (i64.shr_u (local.get $wide) (i64.const 16))))
          (local.set $from (i32.add (local.get $from) (i32.const 8)))
          (local.set $to (i32.add (local.get $to) (i32.const 4)))
          (br $ascii)))
      (br_if $done (i32.eq (local.get $from) (local.get $end)))
      (local.set $code (i32.load16_u (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 2)))
      (if (i32.lt_u (local.get $code) (i32.const 0x80))
        (then
          (i32.store8 (local.get $to) (local.get $code))
          (local.set $to (i32.add (local.get $to) (i32.const 1)))
          (br $next)))
      (if (i32.lt_u (local.get $code) (i32.const 0x800))
        (then
          (i32.store16 (local.get $to)
            (i32.or (i32.const 0x80c0)
              (i32.or
                (i32.shr_u (local.get $code) (i32.const 6))
                (i32.shl (i32.and (local.get $code) (i32.const 0x3f)) (i32.const 8)))))
          (local.set $to (i32.add (local.get $to) (i32.const 2)))
          (br $next)))
      (if (i32.ne (i32.and (local.get $code) (i32.const 0xf800)) (i32.const 0xd800))
        (then
          (i32.store16 (local.get $to)
            (i32.or (i32.const 0x80e0)
              (i32.or
                (i32.shr_u (local.get $code) (i32.const 12))
                (i32.shl (i32.and (local.get $code) (i32.const 0xfc0)) (i32.const 2)))))
          (i32.store8 offset=2 (local.get $to)
            (i32.or (i32.const 0x80) (i32.and (local.get $code) (i32.const 0x3f))))
          (local.set $to (i32.add (local.get $to) (i32.const 3)))
          (br $next)))
      (local.set $code
        (i32.add (i32.const 0x10000)
          (i32.or
            (i32.shl (i32.and (local.get $code) (i32.const 0x3ff)) (i32.const 10))
            (i32.and (i32.load16_u (local.get $from)) (i32.const 0x3ff)))))
      (local.set $from (i32.add (local.get $from) (i32.const 2)))
      (i32.store (local.get $to)
        (i32.or (i32.const 0x808080f0)
          (i32.or
            (i32.or
              (i32.shr_u (local.get $code) (i32.const 18))
              (i32.and (i32.shr_u (local.get $code) (i32.const 4)) (i32.const 0x3f00)))
            (i32.or
              (i32.and (i32.shl (local.get $code) (i32.const 10)) (i32.const 0x3f0000))
              (i32.shl (i32.and (local.get $code) (i32.const 0x3f)) (i32.const 24))))))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (br $next)))
  (local.get $to))
