;; Breaks: a memory is one instance's alone.
(module
  (import "fusebox" "memory" (memory 1 1 shared))
  (func (export "fusebox_abi_1")))
