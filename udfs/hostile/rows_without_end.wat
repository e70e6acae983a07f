;; Breaks: a row ends, and so do the rows.
(module
  (type $column_function (func (param $args i32) (param $rows i32) (param $result i32) (result i32)))
  (import "fusebox" "row_begin" (func $row (param i32)))
  (import "fusebox" "row_end" (func $settle (param i32)))
  (import "fusebox" "row_resume" (func $resume))
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))

  ;; The third row does not end.
  (func (export "fusebox_udf_third") (type $column_function)
    (call $row (i32.const 0))
    (call $row (i32.const 1))
    (call $row (i32.const 2))
    (loop $again (br $again))
    (unreachable))

  ;; No row has begun yet, or none is going on any more.
  (func (export "fusebox_udf_before") (type $column_function)
    (loop $again (br $again))
    (unreachable))
  (func (export "fusebox_udf_after") (type $column_function)
    (call $row (i32.const 0))
    (call $settle (i32.const 0))
    (loop $again (br $again))
    (unreachable))

  ;; A row is settled and taken up again, for ever.
  (func (export "fusebox_udf_to_and_fro") (type $column_function)
    (call $row (i32.const 0))
    (loop $again (call $settle (i32.const 1)) (call $resume) (br $again))
    (unreachable))
  (func (export "fusebox_udf_settling") (type $column_function)
    (call $row (i32.const 0))
    (loop $again (call $settle (i32.const 0)) (br $again))
    (unreachable))
  (func (export "fusebox_udf_resuming") (type $column_function)
    (loop $again (call $resume) (br $again))
    (unreachable))

  ;; A row is announced again, or one that the batch has not.
  (func (export "fusebox_udf_again") (type $column_function)
    (loop $again (call $row (i32.const 0)) (br $again))
    (unreachable))
  (func (export "fusebox_udf_beyond") (type $column_function)
    (local $row i32)
    (loop $again
      (call $row (local.get $row))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br $again))
    (unreachable))

  ;; A row pays for the bookkeeping of more bytes than it has fuel for.
  (func (export "fusebox_udf_dear") (type $column_function)
    (call $row (i32.const 0))
    (call $settle (i32.const -1))
    (i32.const 7)))
