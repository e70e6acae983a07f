;; Breaks: typed function references are disabled.
(module
  (type $function (func))
  (func $f)
  (elem declare func $f)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_udf_function_references") (param i32 i32 i32) (result i32)
    (call_ref $function (ref.func $f))
    (i32.const 0)))
