;; Breaks: an export is declared once.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (@custom "fusebox.functions" "CREATE FUNCTION a(x BIGINT) RETURNS BIGINT EXPORT 'f'; CREATE FUNCTION b(x DOUBLE) RETURNS DOUBLE EXPORT 'f';")
  (func (export "fusebox_udf_f") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
