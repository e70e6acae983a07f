;; Breaks: exceptions are off: what they cost is not bounded by fuel.
(module
  (tag $oops)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_udf_exceptions") (param i32 i32 i32) (result i32) (throw $oops)))
