;; Breaks: stack switching is disabled: the stack limit does not cover the stacks of
;; continuations.
(module
  (type $function (func))
  (type $continuation (cont $function))
  (func $f)
  (elem declare func $f)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_udf_stack_switching") (param i32 i32 i32) (result i32)
    (resume $continuation (cont.new $continuation (ref.func $f)))
    (i32.const 0)))
