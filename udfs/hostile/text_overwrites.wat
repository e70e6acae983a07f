;; Breaks: a function does not write to its arguments, nor past them.
(module
  (memory (export "memory") 1)
  (func (export "text_overwrites") (param $text i32) (param $bytes i32) (result i32 i32)
    (local $first i32)
    ;; Finds what an earlier row has left behind the text, if there is something.
    (local.set $first (i32.load8_u (i32.add (local.get $text) (local.get $bytes))))
    (memory.fill (local.get $text) (i32.const 0x78) (local.get $bytes))
    (if (local.get $first)
      (then (i32.store8 (local.get $text) (local.get $first))))
    (local.get $text) (local.get $bytes)))
