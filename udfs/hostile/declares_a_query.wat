;; Breaks: the section fusebox.functions holds only CREATE FUNCTION statements.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (@custom "fusebox.functions" "DROP FUNCTION abs;")
  (func (export "fusebox_udf_declares_a_query") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
