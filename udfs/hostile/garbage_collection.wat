;; Breaks: garbage collection is disabled: its timing is not deterministic.
(module
  (type $point (struct (field f64) (field f64)))
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_udf_garbage_collection") (param i32 i32 i32) (result i32)
    (drop (struct.new_default $point))
    (i32.const 0)))
