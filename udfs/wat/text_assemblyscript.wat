;; Text and bytes by WITH (abi = 'assemblyscript'): objects with a header, strings in UTF-16.
(module
  (memory (export "memory") 1)

  ;; An allocator that takes all of the memory for its own, as many do. The size of a block is
  ;; in the word before it; the last block can be freed.
  (global $heap (mut i32) (i32.const 1024))
  (func $allocate (param $bytes i32) (result i32) (local $at i32) (local $end i32)
    (local.set $at
      (i32.add (i32.const 16) (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16))))
    (local.set $end (i32.add (local.get $at) (local.get $bytes)))
    (if (i32.gt_u (local.get $end) (i32.shl (memory.size) (i32.const 16)))
      (then
        (if (i32.eq (i32.const -1)
              (memory.grow
                (i32.add (i32.const 1)
                  (i32.shr_u
                    (i32.sub (local.get $end) (i32.shl (memory.size) (i32.const 16)))
                    (i32.const 16)))))
          (then (return (i32.const 0))))))
    (i32.store (i32.sub (local.get $at) (i32.const 4)) (local.get $bytes))
    (global.set $heap (local.get $end))
    (local.get $at))

  ;; Allocates an object: class and size are in the words before it.
  (func $new (export "__new") (param $bytes i32) (param $class i32) (result i32)
    (local $at i32)
    (local.set $at (call $allocate (i32.add (local.get $bytes) (i32.const 16))))
    (if (i32.eqz (local.get $at)) (then (return (i32.const 0))))
    (local.set $at (i32.add (local.get $at) (i32.const 16)))
    (i32.store (i32.sub (local.get $at) (i32.const 8)) (local.get $class))
    (i32.store (i32.sub (local.get $at) (i32.const 4)) (local.get $bytes))
    (local.get $at))
  (func (export "__pin") (param $object i32) (result i32) (local.get $object))
  (func (export "__unpin") (param $object i32))

  (func $size (param $object i32) (result i32)
    (i32.load (i32.sub (local.get $object) (i32.const 4))))

  ;; The number of units, as `String#length`.
  (func (export "length") (param $text i32) (result i32)
    (i32.shr_u (call $size (local.get $text)) (i32.const 1)))

  (func (export "upper") (param $text i32) (result i32)
    (local $to i32) (local $bytes i32) (local $i i32) (local $unit i32)
    (local.set $bytes (call $size (local.get $text)))
    (local.set $to (call $new (local.get $bytes) (i32.const 2)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $bytes)))
        (local.set $unit (i32.load16_u (i32.add (local.get $text) (local.get $i))))
        (i32.store16 (i32.add (local.get $to) (local.get $i))
          (i32.sub (local.get $unit)
            (select (i32.const 32) (i32.const 0)
              (i32.lt_u (i32.sub (local.get $unit) (i32.const 97)) (i32.const 26)))))
        (local.set $i (i32.add (local.get $i) (i32.const 2)))
        (br $next)))
    (local.get $to))

  (func (export "join") (param $a i32) (param $b i32) (result i32) (local $to i32)
    (local.set $to
      (call $new (i32.add (call $size (local.get $a)) (call $size (local.get $b)))
        (i32.const 2)))
    (memory.copy (local.get $to) (local.get $a) (call $size (local.get $a)))
    (memory.copy (i32.add (local.get $to) (call $size (local.get $a))) (local.get $b)
      (call $size (local.get $b)))
    (local.get $to))

  ;; Reverses the bytes of an `ArrayBuffer`.
  (func (export "reversed") (param $at i32) (result i32) (local $to i32) (local $i i32)
    (local.set $to (call $new (call $size (local.get $at)) (i32.const 1)))
    (local.set $i (call $size (local.get $at)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $i)))
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (i32.store8 (i32.add (local.get $to) (local.get $i)) (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (local.get $to))

  ;; Returns the string from a unit on: null if there is no such unit, and half of a character
  ;; if the unit is the second of two.
  (func (export "suffix") (param $text i32) (param $from i32) (result i32) (local $to i32)
    (local.set $from (i32.shl (local.get $from) (i32.const 1)))
    (if (i32.ge_u (local.get $from) (call $size (local.get $text)))
      (then (return (i32.const 0))))
    (local.set $to
      (call $new (i32.sub (call $size (local.get $text)) (local.get $from)) (i32.const 2)))
    (memory.copy (local.get $to) (i32.add (local.get $text) (local.get $from))
      (call $size (local.get $to)))
    (local.get $to))

  (func (export "number") (param $text i32) (result i64) (local $i i32) (local $number i64)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (call $size (local.get $text))))
        (local.set $number
          (i64.add (i64.mul (local.get $number) (i64.const 10))
            (i64.extend_i32_u
              (i32.sub (i32.load16_u (i32.add (local.get $text) (local.get $i)))
                (i32.const 48)))))
        (local.set $i (i32.add (local.get $i) (i32.const 2)))
        (br $next)))
    (local.get $number)))
