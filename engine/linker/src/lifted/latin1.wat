;; Latin-1, in which components may have text.

;; Returns 1 if all characters of a text in UTF-8 are below 256.
(func $is_latin1 (param $at i32) (param $bytes i32) (result i32)
  (loop $next
    (block $other
      (loop $ascii
        (br_if $other (i32.lt_u (local.get $bytes) (i32.const 8)))
        (br_if $other
          (i64.ne (i64.const 0)
            (i64.and (i64.load (local.get $at)) (i64.const 0x8080808080808080))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 8)))
        (br $ascii)))
    (if (i32.eqz (local.get $bytes)) (then (return (i32.const 1))))
    (if (i32.ge_u (i32.load8_u (local.get $at)) (i32.const 0xc4))
      (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
    (br $next))
  (unreachable))

;; Converts a text in UTF-8 of characters below 256.
(func $to_latin1 (param $at i32) (param $bytes i32) (param $to i32)
  (local $end i32) (local $byte i32)
  (local.set $end (i32.add (local.get $at) (local.get $bytes)))
  (loop $next
    (if (i32.ge_u (local.get $at) (local.get $end)) (then (return)))
    (local.set $byte (i32.load8_u (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (if (i32.ge_u (local.get $byte) (i32.const 0x80))
      (then
        (local.set $byte
          (i32.or (i32.shl (i32.and (local.get $byte) (i32.const 3)) (i32.const 6))
            (i32.and (i32.load8_u (local.get $at)) (i32.const 0x3f))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (i32.store8 (local.get $to) (local.get $byte))
    (local.set $to (i32.add (local.get $to) (i32.const 1)))
    (br $next)))

;; Converts a text in Latin-1 to UTF-8, and returns the end of that.
(func $from_latin1 (param $at i32) (param $bytes i32) (param $to i32) (result i32)
  (local $end i32) (local $byte i32)
  (local.set $end (i32.add (local.get $at) (local.get $bytes)))
  (loop $next
    (if (i32.eq (local.get $at) (local.get $end)) (then (return (local.get $to))))
    (local.set $byte (i32.load8_u (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (if (i32.lt_u (local.get $byte) (i32.const 0x80))
      (then
        (i32.store8 (local.get $to) (local.get $byte))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (br $next)))
    (i32.store16 (local.get $to)
      (i32.or
        (i32.or (i32.const 0x80c0) (i32.shr_u (local.get $byte) (i32.const 6)))
        (i32.shl (i32.and (local.get $byte) (i32.const 0x3f)) (i32.const 8))))
    (local.set $to (i32.add (local.get $to) (i32.const 2)))
    (br $next))
  (unreachable))

;; Returns the number of bytes in UTF-8 of a text in Latin-1.
(func $latin1_bytes (param $at i32) (param $bytes i32) (result i32)
  (local $end i32) (local $sum i32)
  (local.set $sum (local.get $bytes))
  (local.set $end (i32.add (local.get $at) (local.get $bytes)))
  (loop $next
    (if (i32.eq (local.get $at) (local.get $end)) (then (return (local.get $sum))))
    (local.set $sum
      (i32.add (local.get $sum) (i32.shr_u (i32.load8_u (local.get $at)) (i32.const 7))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (br $next))
  (unreachable))
