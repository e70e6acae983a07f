;; Breaks: a module has one memory.
(module
  (memory (export "memory") 1)
  (memory 1)
  (func (export "fusebox_abi_1")))
