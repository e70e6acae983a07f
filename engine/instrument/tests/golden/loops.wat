;; Loops with a known trip count, other loops, and endless loops.
(module
  (func (export "down") (result i32) (local $n i32) (local $x i32)
    (local.set $n (i32.const 1000))
    loop
      (local.set $x (i32.xor (i32.mul (local.get $x) (i32.const 5)) (local.get $n)))
      local.get $n i32.const -8 i32.add local.tee $n br_if 0
    end
    (local.get $x))
  (func (export "up") (result i32) (local $n i32) (local $end i32) (local $x i32)
    (local.set $end (i32.const 256))
    loop
      (local.set $x (i32.add (local.get $x) (local.get $n)))
      local.get $n i32.const 16 i32.add local.tee $n local.get $end i32.ne br_if 0
    end
    (local.get $x))
  (func (export "collatz") (result i32) (local $x i64) (local $steps i32)
    (local.set $x (i64.const 27))
    (block $done
      (loop $step
        (br_if $done (i64.le_u (local.get $x) (i64.const 1)))
        (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
        (local.set $x
          (if (result i64) (i32.wrap_i64 (i64.and (local.get $x) (i64.const 1)))
            (then (i64.add (i64.mul (local.get $x) (i64.const 3)) (i64.const 1)))
            (else (i64.shr_u (local.get $x) (i64.const 1)))))
        (br $step)))
    (local.get $steps))
  (func (export "nested") (result i64) (local $i i32) (local $j i32) (local $x i64)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $x (i64.add (local.get $x)
          (i64.extend_i32_u (i32.mul (local.get $i) (local.get $j)))))
        (br_if $inner (i32.lt_u
          (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $i))))
      (br_if $outer (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 20))))
    (local.get $x))
  (func (export "states") (result i32) (local $state i32) (local $x i32)
    (loop $next
      (block $c (block $b (block $a
        (br_table $a $b $c (i32.rem_u (local.get $state) (i32.const 3))))
        (local.set $x (i32.add (local.get $x) (i32.const 3)))
        (br $c))
        (local.set $x (i32.div_u (i32.mul (local.get $x) (i32.const 7)) (i32.const 5))))
      (br_if $next (i32.lt_u
        (local.tee $state (i32.add (local.get $state) (i32.const 1))) (i32.const 100))))
    (local.get $x))
  (func (export "divide by zero") (result i32) (i32.div_u (i32.const 1) (i32.const 0)))
  (func (export "past its end") (local $n i32)
    (local.set $n (i32.const 97))
    loop
      local.get $n i32.const -8 i32.add local.tee $n br_if 0
    end)
  (func (export "forever") (loop $l (br $l))))
