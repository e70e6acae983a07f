;; Breaks: the return area of a component's function lies in the memory, at a multiple of 4.
(module
  (memory (export "memory") 1)
  (func (export "return_area_outside") (param $at i32) (result i32) (local.get $at)))
