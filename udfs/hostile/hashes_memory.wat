;; Breaks: an immutable function keeps no state between calls.
;; Returns for each row a hash of the memory, without the arguments, and writes to
;; all parts of it.
(module
  ;; Layout: one page of globals, two pages of results, then the arena.
  (memory (export "memory") 10)
  (data (i32.const 4000) "What was here before is here again.")
  (data (i32.const 655352) "The end.")
  (func (export "fusebox_abi_1"))
  (func (export "fusebox_alloc") (param $bytes i32) (result i32) (i32.const 196608))

  (func (export "fusebox_udf_hash") (param $args i32) (param $rows i32) (param $result i32) (result i32)
    (local $row i32)
    (local $end i32)
    (local $hash i64)
    ;; The end of the argument's values, or of their padding.
    (local.set $end
      (i32.and
        (i32.add
          (i32.add
            (i32.load offset=4 (i32.load offset=40 (local.get $args)))
            (i32.shl (i32.wrap_i64 (i64.load (local.get $args))) (i32.const 3)))
          (i32.const 63))
        (i32.const -64)))
    (local.set $hash
      (call $hash (i32.const 0) (i32.const 196608) (i64.const 1469598103934665603)))
    (local.set $hash
      (call $hash (local.get $end) (i32.shl (memory.size) (i32.const 16)) (local.get $hash)))
    ;; Samples of every part: the ends of the memory, of blocks, of the arena.
    (memory.fill (i32.const 0) (i32.const 0xaa) (i32.const 5000))
    (i32.store8 (i32.const 8191) (i32.const 1))
    (i32.store8 (i32.const 8192) (i32.const 1))
    (i32.store8 (i32.const 65535) (i32.const 1))
    (memory.fill (local.get $args) (i32.const 0xbb) (i32.const 64))
    (i32.store8 (local.get $end) (i32.const 1))
    (i32.store8 (i32.add (local.get $end) (i32.const 4096)) (i32.const 1))
    (memory.fill (i32.const 600000) (i32.const 0xcc) (i32.const 55360))
    (loop $next
      (i64.store offset=65536 (i32.shl (local.get $row) (i32.const 3)) (local.get $hash))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
    (i32.store (i32.const 16) (i32.const 0)) ;; no validity
    (i32.store (i32.const 20) (i32.const 65536)) ;; values
    (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
    (i64.store offset=24 (local.get $result) (i64.const 2))
    (i32.store offset=40 (local.get $result) (i32.const 16)) ;; addresses of the buffers
    (i32.const 0))

  ;; Skips words of zeros, so that the hash does not depend on how many follow
  ;; the arguments.
  (func $hash (param $at i32) (param $end i32) (param $hash i64) (result i64)
    (local $word i64)
    (loop $next
      (local.set $word (i64.load (local.get $at)))
      (if (i64.ne (local.get $word) (i64.const 0))
        (then
          (local.set $hash
            (i64.mul
              (i64.xor
                (local.get $hash)
                (i64.xor (local.get $word) (i64.extend_i32_u (local.get $at))))
              (i64.const 1099511628211)))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $hash)))
