;; Breaks: a function terminates. Each export is an endless loop of another shape.
(module
  (type $column_function (func (param $args i32) (param $rows i32) (param $result i32) (result i32)))
  (memory (export "memory") 2)
  (global $turns (mut i64) (i64.const 0))
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))

  ;; Continues on a condition.
  (func (export "fusebox_udf_conditional") (type $column_function)
    (loop $again (br_if $again (i32.const 1)))
    (i32.const 7))

  ;; Terminates after 2^64 iterations.
  (func (export "fusebox_udf_patient") (type $column_function)
    (loop $again
      (global.set $turns (i64.add (global.get $turns) (i64.const 1)))
      (br_if $again (i64.ne (global.get $turns) (i64.const 0))))
    (i32.const 7))

  ;; Short loops nested in a long one.
  (func (export "fusebox_udf_nested") (type $column_function)
    (local $turn i32)
    (loop $outer
      (local.set $turn (i32.const 3))
      (loop $inner
        (br_if $inner (local.tee $turn (i32.sub (local.get $turn) (i32.const 1)))))
      (br $outer))
    (unreachable))

  ;; Branches back from the innermost of many blocks.
  (func (export "fusebox_udf_innermost") (type $column_function)
    (loop $a (loop $b (loop $c (loop $d (loop $e (loop $f (br $a)))))))
    (unreachable))

  ;; Has a br_table whose exit is never taken.
  (func (export "fusebox_udf_branch_table") (type $column_function)
    (local $turn i32)
    (block $out
      (loop $one
        (loop $other
          (local.set $turn (i32.xor (local.get $turn) (i32.const 1)))
          (br_table $one $other $out (local.get $turn)))))
    (i32.const 7))

  ;; Calls functions that each return at once.
  (func $nothing)
  (func (export "fusebox_udf_calls") (type $column_function)
    (loop $again (call $nothing) (br $again))
    (unreachable))

  ;; Runs bulk memory operations on zero bytes.
  (func (export "fusebox_udf_no_bytes") (type $column_function)
    (loop $again (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)) (br $again))
    (unreachable))

  ;; Has block parameters, carried from iteration to iteration.
  (func (export "fusebox_udf_carrying") (type $column_function)
    (i64.const 1)
    (loop $again (param i64) (i64.const 3) (i64.mul) (br $again))
    (unreachable))

  ;; Grows a memory that is at its maximum.
  (func (export "fusebox_udf_growing") (type $column_function)
    (loop $again (drop (memory.grow (i32.const 1))) (br $again))
    (unreachable))

  ;; Continues on a value that it loads.
  (func (export "fusebox_udf_reading") (type $column_function)
    (loop $again (br_if $again (i32.eqz (i32.load8_u (i32.const 0)))))
    (i32.const 7)))
