;; Memory: loads and stores, bulk operations, growth, and a start function.
(module
  (memory (export "memory") 1 4)
  (data (i32.const 16) "fuse")
  (data $passive "box")
  (table $t 10 20 funcref)
  (global $starts (export "starts") (mut i32) (i32.const 0))
  (func $start
    (global.set $starts (i32.add (global.get $starts) (i32.const 1)))
    (i32.store8 (i32.const 20) (i32.const 98)))
  (start $start)
  (func (export "fnv1a") (result i64) (local $n i32) (local $hash i64)
    (local.set $hash (i64.const 0xcbf29ce484222325))
    (loop $each
      (local.set $hash (i64.mul (i64.const 0x100000001b3)
        (i64.xor (local.get $hash) (i64.load8_u offset=16 (local.get $n)))))
      (br_if $each (i32.lt_u
        (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8))))
    (local.get $hash))
  (func (export "fill") (memory.fill (i32.const 100) (i32.const 7) (i32.const 1000)))
  (func (export "copy") (memory.copy (i32.const 200) (i32.const 16) (i32.const 5)))
  (func (export "init") (memory.init $passive (i32.const 300) (i32.const 0) (i32.const 3)))
  (func (export "grow") (result i32 i32 i32)
    (memory.grow (i32.const 2)) (memory.grow (i32.const 2)) (memory.size))
  (func (export "grow a table") (result i32)
    (table.grow $t (ref.null func) (i32.const 5)))
  (func (export "out of bounds") (result i32) (i32.load (i32.const 0x7fffffff)))
  (func (export "too much") (memory.fill (i32.const 0) (i32.const 0) (i32.const -1))))
