;; Text and bytes by WITH (abi = 'c_string'): an address of bytes that end with a NUL.
(module
  (memory (export "memory") 1)

  ;; An allocator that takes all of the memory for its own, as many do. The size of a block is
  ;; in the word before it; the last block can be freed.
  (global $heap (mut i32) (i32.const 1024))
  (func $allocate (export "malloc") (param $bytes i32) (result i32) (local $at i32) (local $end i32)
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
  (func $free (export "free") (param $at i32)
    (if (i32.eq (global.get $heap)
          (i32.add (local.get $at) (i32.load (i32.sub (local.get $at) (i32.const 4)))))
      (then (global.set $heap (i32.sub (local.get $at) (i32.const 16))))))

  ;; Copies bytes, letters of ASCII in upper case.
  (func $to_upper (param $from i32) (param $bytes i32) (param $to i32) (local $byte i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $bytes)))
        (local.set $byte (i32.load8_u (local.get $from)))
        (i32.store8 (local.get $to)
          (i32.sub (local.get $byte)
            (select (i32.const 32) (i32.const 0)
              (i32.lt_u (i32.sub (local.get $byte) (i32.const 97)) (i32.const 26)))))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
        (br $next))))

  ;; Copies bytes in reverse order.
  (func $reverse (param $from i32) (param $bytes i32) (param $to i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $bytes)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
        (i32.store8 (i32.add (local.get $to) (local.get $bytes)) (i32.load8_u (local.get $from)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (br $next))))

  ;; Reads a number in decimal digits.
  (func $parse (param $at i32) (param $bytes i32) (result i64) (local $number i64)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $bytes)))
        (local.set $number
          (i64.add (i64.mul (local.get $number) (i64.const 10))
            (i64.extend_i32_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
        (br $next)))
    (local.get $number))

  (func $strlen (export "length") (param $text i32) (result i32) (local $bytes i32)
    (block $done
      (loop $next
        (br_if $done
          (i32.eqz (i32.load8_u (i32.add (local.get $text) (local.get $bytes)))))
        (local.set $bytes (i32.add (local.get $bytes) (i32.const 1)))
        (br $next)))
    (local.get $bytes))

  ;; Allocates a string of so many bytes, with the NUL.
  (func $new (param $bytes i32) (result i32) (local $at i32)
    (local.set $at (call $allocate (i32.add (local.get $bytes) (i32.const 1))))
    (i32.store8 (i32.add (local.get $at) (local.get $bytes)) (i32.const 0))
    (local.get $at))

  (func (export "upper") (param $text i32) (result i32) (local $to i32)
    (local.set $to (call $new (call $strlen (local.get $text))))
    (call $to_upper (local.get $text) (call $strlen (local.get $text)) (local.get $to))
    (local.get $to))

  (func (export "join") (param $a i32) (param $b i32) (result i32) (local $to i32)
    (local.set $to
      (call $new (i32.add (call $strlen (local.get $a)) (call $strlen (local.get $b)))))
    (memory.copy (local.get $to) (local.get $a) (call $strlen (local.get $a)))
    (memory.copy (i32.add (local.get $to) (call $strlen (local.get $a))) (local.get $b)
      (call $strlen (local.get $b)))
    (local.get $to))

  (func (export "reversed") (param $at i32) (result i32) (local $to i32)
    (local.set $to (call $new (call $strlen (local.get $at))))
    (call $reverse (local.get $at) (call $strlen (local.get $at)) (local.get $to))
    (local.get $to))

  ;; Returns the part of its argument from a colon on, or NULL, as strchr does.
  (func (export "from_colon") (param $text i32) (result i32)
    (loop $next
      (if (i32.eq (i32.load8_u (local.get $text)) (i32.const 58))
        (then (return (local.get $text))))
      (if (i32.eqz (i32.load8_u (local.get $text))) (then (return (i32.const 0))))
      (local.set $text (i32.add (local.get $text) (i32.const 1)))
      (br $next))
    (unreachable))

  (func (export "number") (param $text i32) (result i64)
    (call $parse (local.get $text) (call $strlen (local.get $text)))))
