;; Plain functions: exports over numbers, without the ABI of columns.
(module
  (func (export "add") (param i64 i64) (result i64)
    (i64.add (local.get 0) (local.get 1)))

  ;; Euclid's algorithm.
  (func (export "gcd") (param $a i64) (param $b i64) (result i64)
    (local $rest i64)
    (loop $next
      (if (i64.ne (local.get $b) (i64.const 0))
        (then
          (local.set $rest (i64.rem_u (local.get $a) (local.get $b)))
          (local.set $a (local.get $b))
          (local.set $b (local.get $rest))
          (br $next))))
    (local.get $a))

  (func (export "half") (param f64) (result f64)
    (f64.mul (local.get 0) (f64.const 0.5)))

  (func (export "third") (param f32) (result f32)
    (f32.div (local.get 0) (f32.const 3)))

  (func (export "negate") (param i32) (result i32)
    (i32.sub (i32.const 0) (local.get 0)))

  (func (export "is_even") (param i32) (result i32)
    (i32.eqz (i32.and (local.get 0) (i32.const 1))))

  (func (export "flip") (param i32) (result i32)
    (i32.eqz (local.get 0)))

  (func (export "divmod") (param i64 i64) (result i64 i64)
    (i64.div_s (local.get 0) (local.get 1))
    (i64.rem_s (local.get 0) (local.get 1)))

  (func (export "answer") (result i32) (i32.const 42))

  (func (export "endless") (param i32) (result i32)
    (loop $again (br $again)) (unreachable))

  (func (export "vector") (param v128) (result i32) (i32.const 0))
  (func (export "nothing") (param i32)))
