;; Breaks: a function touches no more memory than its fuel pays for.
(module
  (type $column_function (func (param $args i32) (param $rows i32) (param $result i32) (result i32)))
  (memory (export "memory") 960) ;; 60 MB
  (table $table 100000 funcref)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))

  (func (export "fusebox_udf_fill") (type $column_function)
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 62914560))
      (br $again))
    (unreachable))

  (func (export "fusebox_udf_copy") (type $column_function)
    (loop $again
      (memory.copy (i32.const 1) (i32.const 0) (i32.const 62914559))
      (br $again))
    (unreachable))

  (func (export "fusebox_udf_fill_table") (type $column_function)
    (loop $again
      (table.fill $table (i32.const 0) (ref.null func) (i32.const 100000))
      (br $again))
    (unreachable))

  ;; Fills past the end of the memory, with enough fuel: traps before any write.
  (func (export "fusebox_udf_past_the_end") (type $column_function)
    (memory.fill (i32.const 1) (i32.const 1) (i32.const 62914560))
    (unreachable))

  ;; A length of -1, which is 4 GiB unsigned.
  (func (export "fusebox_udf_all_addresses") (type $column_function)
    (memory.fill (i32.const 0) (i32.const 1) (i32.const -1))
    (unreachable))

  ;; Grows memory to the limit, then fills all of it.
  (func (export "fusebox_udf_gigabytes") (type $column_function)
    (loop $more (br_if $more (i32.ne (memory.grow (i32.const 4096)) (i32.const -1))))
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x7fffffff))
      (br $again))
    (unreachable)))
