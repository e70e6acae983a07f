;; Breaks: a page of memory has 65,536 bytes.
(module
  (memory (export "memory") 1 (pagesize 1))
  (func (export "fusebox_abi_1")))
