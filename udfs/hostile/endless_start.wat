;; Breaks: instantiation terminates.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (func $start (loop $again (br $again)))
  (start $start)
  (func (export "fusebox_udf_endless_start") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
