;; Breaks: a string of AssemblyScript has no half of a character.
(module
  (memory (export "memory") 1)
  (data (i32.const 56) "\02\00\00\00\06\00\00\00a\00\3d\d8b\00")
  (data (i32.const 88) "\02\00\00\00\03\00\00\00abc")
  (func (export "text_not_utf16") (param $row i32) (result i32)
    (select (i32.const 96) (i32.const 64) (local.get $row))))
