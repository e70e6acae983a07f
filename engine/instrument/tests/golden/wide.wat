;; Wide arithmetic: 128-bit integers in two halves, the low one first.
(module
  (func (export "add") (result i64 i64)
    (i64.add128 (i64.const -1) (i64.const 2) (i64.const 1) (i64.const 3)))
  (func (export "sub") (result i64 i64)
    (i64.sub128 (i64.const 0) (i64.const 3) (i64.const 1) (i64.const 3)))
  (func (export "mul unsigned") (result i64 i64)
    (i64.mul_wide_u (i64.const -1) (i64.const -1)))
  (func (export "mul signed") (result i64 i64)
    (i64.mul_wide_s (i64.const -1) (i64.const 0x7fffffffffffffff)))
  (func (export "30!") (result i64 i64)
    (local $n i64) (local $low i64) (local $high i64)
    (local.set $low (i64.const 1))
    (local.set $n (i64.const 30))
    (loop $next
      (i64.mul_wide_u (local.get $low) (local.get $n))
      (i64.const 0) (i64.mul (local.get $high) (local.get $n))
      i64.add128
      local.set $high
      local.set $low
      (br_if $next (i32.eqz (i64.eqz
        (local.tee $n (i64.sub (local.get $n) (i64.const 1)))))))
    (local.get $low) (local.get $high))
  (func (export "a NaN times 2") (result i64 i64)
    (i64.mul_wide_u
      (i64.reinterpret_f64 (f64.sub (f64.const inf) (f64.const inf)))
      (i64.const 2))))
