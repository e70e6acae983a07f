;; Breaks: text is UTF-8.
(module
  (memory (export "memory") 1)
  ;; A surrogate, an overlong character, and a part of one.
  (data (i32.const 16) "abcdefgh\ed\a0\80" "\c0\80" "ok\f0\9f\98")
  (func (export "text_not_utf8") (param $at i32) (param $bytes i32) (result i32 i32)
    (i32.add (i32.const 16) (local.get $at)) (local.get $bytes)))
