;; Breaks: nothing, but a message must not move the cursor of a terminal or forge a
;; line.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (data (i32.const 1024) "first\nerror: second \1b[2J\ff")
  (func (export "fusebox_udf_forged_message") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.store offset=8 (local.get $result) (i32.const 1024)) ;; message
    (i32.store offset=12 (local.get $result) (i32.const 25))  ;; its length
    (i32.const 1)))
