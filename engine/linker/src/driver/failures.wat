;; Failures of rows, with a message of the segment `$messages`, in which the bytes 1 and 2 stand
;; for two numbers, 3 for the first one as an address, 4 for a place, and 5 for a text.

;; The place: bytes of the segment.
(global $place (mut i32) (i32.const 0))
(global $place_bytes (mut i32) (i32.const 0))

;; The text, of which 4,096 bytes are copied at most.
(global $found (mut i32) (i32.const 0))
(global $found_bytes (mut i32) (i32.const 0))

(func $fail (param $result i32) (param $row i32) (param $message i32) (param $length i32)
  (param $a i32) (param $b i32) (result i32)
  (local $from i32) (local $end i32) (local $text i32) (local $to i32) (local $byte i32)
  (local.set $from (call $take (local.get $length)))
  (memory.init $messages (local.get $from) (local.get $message) (local.get $length))
  (local.set $end (i32.add (local.get $from) (local.get $length)))
  (if (i32.gt_u (global.get $found_bytes) (i32.const 4096))
    (then (global.set $found_bytes (i32.const 4096))))
  (local.set $text
    (call $take
      (i32.add
        (i32.add (local.get $length) (i32.const 32))
        (i32.add (global.get $place_bytes) (global.get $found_bytes)))))
  (local.set $to (local.get $text))
  (loop $next
    (local.set $byte (i32.load8_u (local.get $from)))
    (block $done
      (block $other
        (block $address
          (block $place
            (block $text
              (block $second
                (block $first
                  (br_table $other $first $second $address $place $text $other
                    (local.get $byte)))
                (local.set $to (call $decimal (local.get $to) (local.get $a)))
                (br $done))
              (local.set $to (call $decimal (local.get $to) (local.get $b)))
              (br $done))
            (memory.copy (local.get $to) (global.get $found) (global.get $found_bytes))
            (local.set $to (i32.add (local.get $to) (global.get $found_bytes)))
            (br $done))
          (memory.init $messages (local.get $to) (global.get $place) (global.get $place_bytes))
          (local.set $to (i32.add (local.get $to) (global.get $place_bytes)))
          (br $done))
        (i32.store16 (local.get $to) (i32.const 0x7830)) ;; 0x
        (local.set $to
          (call $hexadecimal (i32.add (local.get $to) (i32.const 2)) (local.get $a)))
        (br $done))
      (i32.store8 (local.get $to) (local.get $byte))
      (local.set $to (i32.add (local.get $to) (i32.const 1))))
    (local.set $from (i32.add (local.get $from) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $from) (local.get $end))))
  (i64.store (local.get $result) (i64.extend_i32_u (local.get $row)))
  (i32.store offset=8 (local.get $result) (local.get $text))
  (i32.store offset=12 (local.get $result) (i32.sub (local.get $to) (local.get $text)))
  (i32.const 1))

;; Writes a number, and returns the address behind it.
(func $decimal (param $to i32) (param $number i32) (result i32)
  (if (i32.ge_u (local.get $number) (i32.const 10))
    (then
      (local.set $to
        (call $decimal (local.get $to) (i32.div_u (local.get $number) (i32.const 10))))))
  (i32.store8 (local.get $to)
    (i32.add (i32.const 0x30) (i32.rem_u (local.get $number) (i32.const 10))))
  (i32.add (local.get $to) (i32.const 1)))

(func $hexadecimal (param $to i32) (param $number i32) (result i32)
  (if (i32.ge_u (local.get $number) (i32.const 16))
    (then
      (local.set $to
        (call $hexadecimal (local.get $to) (i32.shr_u (local.get $number) (i32.const 4))))))
  (local.set $number (i32.and (local.get $number) (i32.const 15)))
  (i32.store8 (local.get $to)
    (i32.add (local.get $number)
      (select (i32.const 0x57) (i32.const 0x30)
        (i32.ge_u (local.get $number) (i32.const 10)))))
  (i32.add (local.get $to) (i32.const 1)))
