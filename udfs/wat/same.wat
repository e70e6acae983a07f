;; Returns its argument, of any type: the lowered ArrowArray is also the result.
;; Fails for an argument that is constant for the batch, which has one row.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32)
    (local $missing i32)
    (local.set $missing
      (i32.sub
        (i32.add (i32.const 65536) (local.get $bytes))
        (i32.mul (memory.size) (i32.const 65536))))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.lt_s
              (memory.grow (i32.div_u (i32.add (local.get $missing) (i32.const 65535)) (i32.const 65536)))
              (i32.const 0))
          (then (return (i32.const 0))))))
    (i32.const 65536))
  (func (export "fusebox_udf_same") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (memory.copy (local.get $result) (local.get $args) (i32.const 64))
    (i32.const 0)))
