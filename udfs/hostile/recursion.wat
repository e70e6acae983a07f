;; Breaks: a function does not exhaust the stack. Each export recurses in another way.
(module
  (type $down (func (param i32) (result i32)))
  (type $column_function (func (param $args i32) (param $rows i32) (param $result i32) (result i32)))
  (memory (export "memory") 2)
  (table funcref (elem $through_table $tail_through_table))
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))

  (func $one (type $down) (i32.add (call $other (local.get 0)) (i32.const 1)))
  (func $other (type $down) (i32.mul (call $one (local.get 0)) (i32.const 3)))
  (func (export "fusebox_udf_mutual") (type $column_function) (call $one (i32.const 0)))

  (func $through_table (type $down)
    (i32.add (call_indirect (type $down) (local.get 0) (i32.const 0)) (i32.const 1)))
  (func (export "fusebox_udf_through_table") (type $column_function)
    (call_indirect (type $down) (i32.const 0) (i32.const 0)))

  ;; Each frame makes two calls, so that a depth of a hundred frames takes years.
  (func $tree (param $depth i32)
    (if (i32.eqz (local.get $depth)) (then (return)))
    (call $tree (i32.sub (local.get $depth) (i32.const 1)))
    (call $tree (i32.sub (local.get $depth) (i32.const 1))))
  (func (export "fusebox_udf_tree") (type $column_function)
    (call $tree (i32.const 100)) (i32.const 7))

  ;; Tail calls use no stack, so only fuel ends them.
  (func $tail (type $down) (return_call $tail (local.get 0)))
  (func (export "fusebox_udf_tail") (type $column_function) (return_call $tail (i32.const 0)))

  (func $there (type $down) (return_call $back (local.get 0)))
  (func $back (type $down) (return_call $there (local.get 0)))
  (func (export "fusebox_udf_mutual_tail") (type $column_function) (call $there (i32.const 0)))

  (func $tail_through_table (type $down)
    (return_call_indirect (type $down) (local.get 0) (i32.const 1)))
  (func (export "fusebox_udf_tail_through_table") (type $column_function)
    (call_indirect (type $down) (i32.const 0) (i32.const 1)))

  ;; The function of an export may also be called inside the module.
  (func $entry (export "fusebox_udf_entry") (type $column_function)
    (i32.add (call $entry (local.get 0) (local.get 1) (local.get 2)) (i32.const 1))))
