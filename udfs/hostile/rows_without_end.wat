;; Breaks: rows terminate, and are begun in order.
(module
  (type $column_function (func (param $args i32) (param $rows i32) (param $result i32) (result i32)))
  (import "fusebox" "row_begin" (func $row_begin (param i32)))
  (import "fusebox" "row_end" (func $row_end (param i32)))
  (import "fusebox" "row_resume" (func $row_resume))
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))

  ;; The third row does not terminate.
  (func (export "fusebox_udf_third") (type $column_function)
    (call $row_begin (i32.const 0))
    (call $row_begin (i32.const 1))
    (call $row_begin (i32.const 2))
    (loop $again (br $again))
    (unreachable))

  ;; Loops before the first row begins, or after the last has ended.
  (func (export "fusebox_udf_before") (type $column_function)
    (loop $again (br $again))
    (unreachable))
  (func (export "fusebox_udf_after") (type $column_function)
    (call $row_begin (i32.const 0))
    (call $row_end (i32.const 0))
    (loop $again (br $again))
    (unreachable))

  ;; Ends and resumes a row forever.
  (func (export "fusebox_udf_to_and_fro") (type $column_function)
    (call $row_begin (i32.const 0))
    (loop $again (call $row_end (i32.const 1)) (call $row_resume) (br $again))
    (unreachable))
  (func (export "fusebox_udf_settling") (type $column_function)
    (call $row_begin (i32.const 0))
    (loop $again (call $row_end (i32.const 0)) (br $again))
    (unreachable))
  (func (export "fusebox_udf_resuming") (type $column_function)
    (loop $again (call $row_resume) (br $again))
    (unreachable))

  ;; Begins a row twice, or a row that the batch does not have.
  (func (export "fusebox_udf_again") (type $column_function)
    (loop $again (call $row_begin (i32.const 0)) (br $again))
    (unreachable))
  (func (export "fusebox_udf_beyond") (type $column_function)
    (local $row i32)
    (loop $again
      (call $row_begin (local.get $row))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br $again))
    (unreachable))

  ;; Ends a row with more bytes than its fuel pays for.
  (func (export "fusebox_udf_dear") (type $column_function)
    (call $row_begin (i32.const 0))
    (call $row_end (i32.const -1))
    (i32.const 7)))
