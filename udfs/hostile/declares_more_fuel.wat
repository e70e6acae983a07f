;; Breaks: a declaration may lower the limits of fuel and memory, not raise them.
(module
  (memory (export "memory") 2)
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 4096))
  (@custom "fusebox.functions" "CREATE FUNCTION greedy(x BIGINT) RETURNS BIGINT WITH (fuel_per_row = 9000000000000000000, memory = '1MB')")
  (func (export "fusebox_udf_greedy") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (i32.const 0)))
