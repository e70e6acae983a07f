;; Breaks: the allocator terminates.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32)
    (loop $again (br $again))
    (unreachable))
  (func (export "fusebox_udf_endless_alloc") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 7)))
