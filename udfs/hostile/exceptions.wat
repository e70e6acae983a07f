;; Breaks: exceptions are disabled: fuel does not bound their cost.
(module
  (tag $oops)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_udf_exceptions") (param i32 i32 i32) (result i32) (throw $oops)))
