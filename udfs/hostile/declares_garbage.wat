;; Breaks: the section fusebox.functions is SQL.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (@custom "fusebox.functions" "CREATE FUNCTION declares_garbage(x BIGINT) RETURNS")
  (func (export "fusebox_udf_declares_garbage") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
