;; Text and bytes by WITH (abi = 'canonical'): the core module of a component, as wit-bindgen
;; writes it. Arguments are the function's own, a result is the caller's until `cabi_post_…`.
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
  (func $free (param $at i32)
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

  (func (export "cabi_realloc") (param $old i32) (param $old_bytes i32) (param $alignment i32)
    (param $bytes i32) (result i32)
    (if (i32.eqz (local.get $bytes)) (then (return (local.get $alignment))))
    (call $allocate (local.get $bytes)))

  ;; Writes the return area.
  (func $return (param $at i32) (param $bytes i32) (result i32)
    (i32.store (i32.const 16) (local.get $at))
    (i32.store (i32.const 20) (local.get $bytes))
    (i32.const 16))

  ;; Frees a result.
  (func $post (export "cabi_post_upper") (export "cabi_post_join") (export "cabi_post_reversed")
    (param $area i32)
    (call $free (i32.load (local.get $area))))

  (func (export "upper") (param $text i32) (param $bytes i32) (result i32) (local $to i32)
    (local.set $to (call $allocate (local.get $bytes)))
    (call $to_upper (local.get $text) (local.get $bytes) (local.get $to))
    (call $return (local.get $to) (local.get $bytes)))

  (func (export "join") (param $a i32) (param $a_bytes i32) (param $b i32) (param $b_bytes i32)
    (result i32) (local $to i32)
    (local.set $to (call $allocate (i32.add (local.get $a_bytes) (local.get $b_bytes))))
    (memory.copy (local.get $to) (local.get $a) (local.get $a_bytes))
    (memory.copy (i32.add (local.get $to) (local.get $a_bytes)) (local.get $b)
      (local.get $b_bytes))
    (call $return (local.get $to) (i32.add (local.get $a_bytes) (local.get $b_bytes))))

  (func (export "reversed") (param $at i32) (param $bytes i32) (result i32) (local $to i32)
    (local.set $to (call $allocate (local.get $bytes)))
    (call $reverse (local.get $at) (local.get $bytes) (local.get $to))
    (call $return (local.get $to) (local.get $bytes)))

  (func (export "length") (param $text i32) (param $bytes i32) (result i32) (local.get $bytes))
  (func (export "number") (param $text i32) (param $bytes i32) (result i64)
    (call $parse (local.get $text) (local.get $bytes))))
