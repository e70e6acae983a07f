;; A component whose post-return frees all of its memory, that of the columns of a batch too.
(component
  (core module $m
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 4096))
    (func $take (param $bytes i32) (result i32) (local $at i32)
      (local.set $at (global.get $next))
      (global.set $next (i32.add (local.get $at)
        (i32.and (i32.add (local.get $bytes) (i32.const 15)) (i32.const -16))))
      (if (i32.gt_u (global.get $next) (i32.shl (memory.size) (i32.const 16)))
        (then (drop (memory.grow (i32.const 4)))))
      (local.get $at))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $take (local.get 3)))
    ;; Uses some memory of its own for each row.
    (func (export "inc") (param i32) (result i32)
      (memory.fill (call $take (i32.const 512)) (i32.const 0) (i32.const 512))
      (i32.add (local.get 0) (i32.const 1)))
    (func (export "free") (param i32) (global.set $next (i32.const 4096))))
  (core instance $m (instantiate $m))
  (func $inc (param "n" u32) (result u32)
    (canon lift (core func $m "inc") (memory $m "memory") (realloc (func $m "realloc"))
      (post-return (func $m "free"))))
  (export "inc" (func $inc)))
