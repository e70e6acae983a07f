;; Breaks: an object of AssemblyScript has an address that is a multiple of 16.
(module
  (memory (export "memory") 1)
  (func (export "__new") (param $bytes i32) (param $class i32) (result i32) (i32.const 1032))
  (func (export "__pin") (param $object i32) (result i32) (local.get $object))
  (func (export "__unpin") (param $object i32))
  (func (export "allocator_misaligns") (param $text i32) (result i32) (local.get $text)))
