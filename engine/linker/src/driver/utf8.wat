;; UTF-8, in which the host has all text.

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
