;; Breaks: a memory is not shared.
(module
  (import "fusebox" "memory" (memory 1 1 shared))
  (func (export "fusebox_abi_1")))
