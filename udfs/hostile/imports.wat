;; Breaks: a module imports only row metering and WASI.
(module
  (import "env" "connect" (func $connect (param i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func (export "fusebox_udf_imports") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (call $connect (i32.const 0))))
