;; Breaks: a function is declared once.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (@custom "fusebox.functions" "CREATE FUNCTION f(x BIGINT) RETURNS BIGINT; CREATE FUNCTION f(x BIGINT) RETURNS BIGINT;")
  (func (export "fusebox_udf_f") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
