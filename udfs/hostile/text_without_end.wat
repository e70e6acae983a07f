;; Breaks: a string ends with a NUL byte.
(module
  (memory (export "memory") 1)
  (func (export "text_without_end") (param $text i32) (result i32) (local $at i32)
    (local.set $at (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 8)))
    (memory.fill (local.get $at) (i32.const 0x61) (i32.const 8))
    (local.get $at)))
