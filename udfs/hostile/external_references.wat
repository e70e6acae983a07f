;; Breaks: external references are disabled, as garbage collection is.
(module
  (table 1 externref)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_udf_external_references") (param i32 i32 i32) (result i32)
    (ref.is_null (table.get (i32.const 0)))))
