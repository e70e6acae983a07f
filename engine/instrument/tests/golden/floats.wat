;; Floats other than NaNs: rounding of arithmetic, and its fuel.
(module
  (func $exp (param $x f64) (result f64) (local $n f64) (local $term f64) (local $sum f64)
    (local.set $sum (f64.const 1))
    (local.set $term (f64.const 1))
    (loop $each
      (local.set $n (f64.add (local.get $n) (f64.const 1)))
      (local.set $term (f64.div (f64.mul (local.get $term) (local.get $x)) (local.get $n)))
      (local.set $sum (f64.add (local.get $sum) (local.get $term)))
      (br_if $each (f64.gt (f64.abs (local.get $term)) (f64.const 1e-17))))
    (local.get $sum))
  (func (export "e") (result f64) (call $exp (f64.const 1)))
  (func (export "exp") (result f64 f64)
    (call $exp (f64.const 10)) (call $exp (f64.const -10)))
  (func (export "harmonic") (result f32) (local $n f32) (local $sum f32)
    (loop $each
      (local.set $n (f32.add (local.get $n) (f32.const 1)))
      (local.set $sum (f32.add (local.get $sum) (f32.div (f32.const 1) (local.get $n))))
      (br_if $each (f32.lt (local.get $n) (f32.const 1000))))
    (local.get $sum))
  (func (export "rounded") (result f64 f64 f64 f64 f32)
    (f64.nearest (f64.const 2.5)) (f64.ceil (f64.const -0.5)) (f64.floor (f64.const -0.5))
    (f64.trunc (f64.const -1.9)) (f32.demote_f64 (f64.const 0.1)))
  (func (export "truncated") (result i32 i64 i32)
    (i32.trunc_sat_f64_s (f64.const 1e10)) (i64.trunc_f64_s (f64.const -1.5e9))
    (i32.trunc_sat_f32_u (f32.const nan)))
  (func (export "not an integer") (result i32) (i32.trunc_f64_s (f64.const nan)))
  (func (export "dot") (result f32) (local $n i32) (local $sum v128) (local $x v128)
    (local.set $x (v128.const f32x4 0.1 0.2 0.3 0.4))
    (loop $each
      (local.set $sum (f32x4.add (local.get $sum) (f32x4.mul (local.get $x) (local.get $x))))
      (local.set $x (f32x4.add (local.get $x) (f32x4.splat (f32.const 0.25))))
      (br_if $each (i32.lt_u
        (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 64))))
    (f32.add
      (f32.add (f32x4.extract_lane 0 (local.get $sum)) (f32x4.extract_lane 1 (local.get $sum)))
      (f32.add (f32x4.extract_lane 2 (local.get $sum)) (f32x4.extract_lane 3 (local.get $sum))))))
