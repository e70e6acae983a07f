;; Breaks: 128-bit arithmetic is off until every machine has it.
(module
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_udf_wide_arithmetic") (param i32 i32 i32) (result i32)
    (i64.mul_wide_s (i64.const 1) (i64.const 2))
    drop
    i32.wrap_i64))
