;; Breaks: an object of AssemblyScript has a header with its class.
(module
  (memory (export "memory") 1)
  (data (i32.const 56) "\05\00\00\00\04\00\00\00abcd")
  (data (i32.const 88) "\02\00\00\00\f0\ff\ff\ff")
  ;; Of another class at 64, longer than the memory at 96; and whatever the caller says.
  (func (export "text_header") (param $at i32) (result i32) (local.get $at)))
