;; Files that can be read: the end of the module that `preview1.wat` begins, after the functions
;; `$node_of`, `$place_of`, `$set_node`, `$set_place`, `$free`, `$child`, `$parent`, `$size`, `$kind` and
;; `$copy`, which are generated.
;;
;; Error numbers: 8 badf, 28 inval, 31 isdir, 33 mfile, 44 noent, 54 notdir, 58 notsup, 69 rofs,
;; 70 spipe.

  (func $is_node (param $fd i32) (result i32)
    (i32.ge_s (call $node_of (local.get $fd)) (i32.const 0)))

  ;; Returns `errno` for a descriptor that is open, else badf.
  (func $if_open (param $fd i32) (param $errno i32) (result i32)
    (select (local.get $errno) (i32.const 8)
      (i32.or (i32.lt_u (local.get $fd) (i32.const 3)) (call $is_node (local.get $fd)))))

  ;; Returns the error of a change below a folder.
  (func $unchanged (param $fd i32) (result i32)
    (call $if_open (local.get $fd)
      (select (i32.const 69) (i32.const 54) (call $is_node (local.get $fd)))))

  ;; Returns the number of bytes before the first `/` of a path.
  (func $part (param $path i32) (param $length i32) (result i32) (local $size i32)
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $size) (local.get $length)))
        (br_if $done
          (i32.eq (i32.load8_u (i32.add (local.get $path) (local.get $size))) (i32.const 47)))
        (local.set $size (i32.add (local.get $size) (i32.const 1)))
        (br $next)))
    (local.get $size))

  ;; Returns the number of dots of a part that is `.` or `..`, else 0.
  (func $dots (param $part i32) (param $size i32) (result i32)
    (if (i32.or (i32.eqz (local.get $size)) (i32.gt_u (local.get $size) (i32.const 2)))
      (then (return (i32.const 0))))
    (if (i32.ne (i32.load8_u (local.get $part)) (i32.const 46)) (then (return (i32.const 0))))
    (if (i32.ne (i32.load8_u (i32.add (local.get $part) (i32.sub (local.get $size) (i32.const 1))))
          (i32.const 46))
      (then (return (i32.const 0))))
    (local.get $size))

  ;; Returns the node of a path below a folder: -1 if there is none, -2 if it is no folder. `/` at
  ;; the beginning is left out, and `..` does not leave the folder.
  (func $resolve (param $fd i32) (param $path i32) (param $length i32) (result i32)
    (local $node i32) (local $depth i32) (local $size i32) (local $dots i32) (local $last i32)
    ;; Reads the last byte, so that a path out of bounds traps.
    (if (local.get $length) (then
      (local.set $last (i32.add (local.get $path) (i32.sub (local.get $length) (i32.const 1))))
      (if (i32.lt_u (local.get $last) (local.get $path)) (then unreachable))
      (drop (i32.load8_u (local.get $last)))))
    (local.set $node (call $node_of (local.get $fd)))
    (if (i32.ne (call $kind (local.get $node)) (i32.const 3)) (then (return (i32.const -2))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $size (call $part (local.get $path) (local.get $length)))
        (local.set $dots (call $dots (local.get $path) (local.get $size)))
        (if (i32.or (i32.eqz (local.get $size)) (local.get $dots))
          (then
            (if (i32.ne (call $kind (local.get $node)) (i32.const 3))
              (then (return (i32.const -2))))))
        (if (i32.eq (local.get $dots) (i32.const 2))
          (then
            (if (i32.eqz (local.get $depth)) (then (return (i32.const -1))))
            (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
            (local.set $node (call $parent (local.get $node)))))
        (if (i32.and (i32.ne (local.get $size) (i32.const 0)) (i32.eqz (local.get $dots)))
          (then
            (local.set $node
              (call $child (local.get $node) (local.get $path) (local.get $size)))
            (if (i32.lt_s (local.get $node) (i32.const 0)) (then (return (i32.const -1))))
            (local.set $depth (i32.add (local.get $depth) (i32.const 1)))))
        (local.set $path (i32.add (local.get $path) (local.get $size)))
        (local.set $length (i32.sub (local.get $length) (local.get $size)))
        (br_if $done (i32.eqz (local.get $length)))
        (local.set $path (i32.add (local.get $path) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        ;; A path that ends with `/` is that of a folder.
        (if (i32.eqz (local.get $length))
          (then
            (if (i32.ne (call $kind (local.get $node)) (i32.const 3))
              (then (return (i32.const -2))))))
        (br $next)))
    (local.get $node))

  (func $error_of (param $node i32) (result i32)
    (select (i32.const 44) (i32.const 54) (i32.eq (local.get $node) (i32.const -1))))

  ;; Copies from a node to buffers, and returns the position after the last byte.
  (func $read_at (param $node i32) (param $place i64) (param $buffers i32) (param $count i32)
    (result i64) (local $length i32) (local $left i64)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $left
          (i64.sub (i64.extend_i32_u (call $size (local.get $node))) (local.get $place)))
        (br_if $done (i64.le_s (local.get $left) (i64.const 0)))
        (local.set $length (i32.load offset=4 (local.get $buffers)))
        (if (i64.gt_u (i64.extend_i32_u (local.get $length)) (local.get $left))
          (then (local.set $length (i32.wrap_i64 (local.get $left)))))
        (call $copy (local.get $node) (i32.load (local.get $buffers))
          (i32.wrap_i64 (local.get $place)) (local.get $length))
        (local.set $place
          (i64.add (local.get $place) (i64.extend_i32_u (local.get $length))))
        (local.set $buffers (i32.add (local.get $buffers) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (local.get $place))

  (func (export "fd_read") (param $fd i32) (param $buffers i32) (param $count i32)
    (param $read i32) (result i32) (local $node i32) (local $from i64) (local $to i64)
    (local.set $node (call $node_of (local.get $fd)))
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then
        (if (local.get $fd) (then (return (i32.const 8))))
        (i32.store (local.get $read) (i32.const 0))
        (return (i32.const 0))))
    (if (i32.eq (call $kind (local.get $node)) (i32.const 3)) (then (return (i32.const 31))))
    (local.set $from (call $place_of (local.get $fd)))
    (local.set $to (call $read_at (local.get $node) (local.get $from)
      (local.get $buffers) (local.get $count)))
    (i32.store (local.get $read) (i32.wrap_i64 (i64.sub (local.get $to) (local.get $from))))
    (call $set_place (local.get $fd) (local.get $to))
    (i32.const 0))

  (func (export "fd_pread") (param $fd i32) (param $buffers i32) (param $count i32)
    (param $from i64) (param $read i32) (result i32) (local $node i32)
    (local.set $node (call $node_of (local.get $fd)))
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then (return (call $if_open (local.get $fd) (i32.const 70)))))
    (if (i32.eq (call $kind (local.get $node)) (i32.const 3)) (then (return (i32.const 31))))
    (if (i64.lt_s (local.get $from) (i64.const 0)) (then (return (i32.const 28))))
    (i32.store (local.get $read) (i32.wrap_i64 (i64.sub
      (call $read_at (local.get $node) (local.get $from) (local.get $buffers) (local.get $count))
      (local.get $from))))
    (i32.const 0))

  ;; From the beginning (0), the place (1) or the end (2).
  (func $seek (param $fd i32) (param $offset i64) (param $whence i32) (param $result i32)
    (result i32) (local $node i32) (local $base i64)
    (local.set $node (call $node_of (local.get $fd)))
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then (return (call $if_open (local.get $fd) (i32.const 70)))))
    (if (i32.eq (call $kind (local.get $node)) (i32.const 3)) (then (return (i32.const 31))))
    (if (i32.gt_u (local.get $whence) (i32.const 2)) (then (return (i32.const 28))))
    (if (i32.eq (local.get $whence) (i32.const 1))
      (then (local.set $base (call $place_of (local.get $fd)))))
    (if (i32.eq (local.get $whence) (i32.const 2))
      (then (local.set $base (i64.extend_i32_u (call $size (local.get $node))))))
    ;; Places that do not fit are refused: both terms are less than 2^62.
    (if (i64.gt_u
          (i64.add (local.get $offset) (i64.const 0x2000000000000000))
          (i64.const 0x4000000000000000))
      (then (return (i32.const 28))))
    (local.set $base (i64.add (local.get $base) (local.get $offset)))
    (if (i64.gt_u (local.get $base) (i64.const 0x2000000000000000))
      (then (return (i32.const 28))))
    (i64.store (local.get $result) (local.get $base))
    (call $set_place (local.get $fd) (local.get $base))
    (i32.const 0))

  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32)
    (call $seek (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "fd_tell") (param i32 i32) (result i32)
    (call $seek (local.get 0) (i64.const 0) (i32.const 1) (local.get 1)))

  (func (export "fd_close") (param $fd i32) (result i32)
    (call $if_open (local.get $fd) (i32.const 0))
    (call $set_node (local.get $fd)
      (select (i32.const 0) (i32.const -1) (i32.eq (local.get $fd) (i32.const 3)))))

  ;; Device (2), folder (3) or file (4). Rights: read (1), seek (2), tell (5), open (13), list (14),
  ;; status of a path (18), of a file (21), poll (27).
  (func (export "fd_fdstat_get") (param $fd i32) (param $result i32) (result i32)
    (local $node i32) (local $rights i64)
    (local.set $node (call $node_of (local.get $fd)))
    (if (i32.and (i32.gt_u (local.get $fd) (i32.const 2))
          (i32.lt_s (local.get $node) (i32.const 0)))
      (then (return (i32.const 8))))
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then
        (i64.store (local.get $result) (i64.const 2))
        (i64.store offset=8 (local.get $result)
          (select (i64.const 0x8000040) (i64.const 0x8000002) (local.get $fd)))
        (i64.store offset=16 (local.get $result) (i64.const 0))
        (return (i32.const 0))))
    (i64.store (local.get $result) (i64.extend_i32_u (call $kind (local.get $node))))
    (local.set $rights
      (select (i64.const 0x246000) (i64.const 0x8200026)
        (i32.eq (call $kind (local.get $node)) (i32.const 3))))
    (i64.store offset=8 (local.get $result) (local.get $rights))
    (i64.store offset=16 (local.get $result)
      (select (i64.const 0x8246026) (i64.const 0)
        (i32.eq (call $kind (local.get $node)) (i32.const 3))))
    (i32.const 0))

  (func $status (param $node i32) (param $result i32)
    (memory.fill (local.get $result) (i32.const 0) (i32.const 64))
    (i64.store offset=8 (local.get $result) (i64.extend_i32_u (local.get $node)))
    (i32.store8 offset=16 (local.get $result) (call $kind (local.get $node)))
    (i64.store offset=24 (local.get $result) (i64.const 1))
    (i64.store offset=32 (local.get $result) (i64.extend_i32_u (call $size (local.get $node)))))

  (func (export "fd_filestat_get") (param $fd i32) (param $result i32) (result i32)
    (local $node i32)
    (local.set $node (call $node_of (local.get $fd)))
    (if (i32.ge_s (local.get $node) (i32.const 0))
      (then
        (call $status (local.get $node) (local.get $result))
        (return (i32.const 0))))
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (memory.fill (local.get $result) (i32.const 0) (i32.const 64))
    (i32.store8 offset=16 (local.get $result) (i32.const 2))
    (i32.const 0))

  (func (export "fd_prestat_get") (param $fd i32) (param $result i32) (result i32)
    (if (i32.ne (local.get $fd) (i32.const 3)) (then (return (i32.const 8))))
    (i32.store (local.get $result) (i32.const 0))
    (i32.store offset=4 (local.get $result) (i32.const 1))
    (i32.const 0))
  (func (export "fd_prestat_dir_name") (param $fd i32) (param $path i32) (param $length i32)
    (result i32)
    (if (i32.ne (local.get $fd) (i32.const 3)) (then (return (i32.const 8))))
    (if (local.get $length) (then (i32.store8 (local.get $path) (i32.const 47))))
    (i32.const 0))

  ;; The place of an entry is that of its bytes.
  (func (export "fd_readdir") (param $fd i32) (param $buffer i32) (param $length i32)
    (param $place i64) (param $read i32) (result i32) (local $node i32) (local $left i64)
    (local.set $node (call $node_of (local.get $fd)))
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then (return (call $if_open (local.get $fd) (i32.const 54)))))
    (if (i32.ne (call $kind (local.get $node)) (i32.const 3)) (then (return (i32.const 54))))
    (local.set $left (i64.extend_i32_u (call $size (local.get $node))))
    (if (i64.gt_u (local.get $place) (local.get $left)) (then (return (i32.const 28))))
    (local.set $left (i64.sub (local.get $left) (local.get $place)))
    (if (i64.gt_u (i64.extend_i32_u (local.get $length)) (local.get $left))
      (then (local.set $length (i32.wrap_i64 (local.get $left)))))
    (call $copy (local.get $node) (local.get $buffer) (i32.wrap_i64 (local.get $place))
      (local.get $length))
    (i32.store (local.get $read) (local.get $length))
    (i32.const 0))

  (func (export "fd_renumber") (param i32 i32) (result i32)
    (call $if_open (local.get 0) (call $if_open (local.get 1) (i32.const 58))))

  ;; Paths. Flags of opening: create (1), folder (2), exclusive (4), truncate (8).

  (func (export "path_open") (param $fd i32) (param $lookup i32) (param $path i32)
    (param $length i32) (param $flags i32) (param $rights i64) (param $inherited i64)
    (param $mode i32) (param $result i32) (result i32) (local $node i32) (local $new i32)
    (if (i32.eqz (call $is_node (local.get $fd)))
      (then (return (call $if_open (local.get $fd) (i32.const 54)))))
    (local.set $node (call $resolve (local.get $fd) (local.get $path) (local.get $length)))
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then
        (return (select (i32.const 69) (call $error_of (local.get $node))
          (i32.and (local.get $flags) (i32.const 1))))))
    ;; To be written (right 6), emptied, or created.
    (if (i32.or (i32.and (local.get $flags) (i32.const 12))
          (i32.wrap_i64 (i64.and (local.get $rights) (i64.const 0x40))))
      (then (return (i32.const 69))))
    (if (i32.and (i32.shr_u (i32.and (local.get $flags) (i32.const 2)) (i32.const 1))
          (i32.ne (call $kind (local.get $node)) (i32.const 3)))
      (then (return (i32.const 54))))
    (local.set $new (call $free))
    (if (i32.lt_s (local.get $new) (i32.const 0)) (then (return (i32.const 33))))
    (i32.store (local.get $result) (local.get $new))
    (call $set_node (local.get $new) (local.get $node))
    (i32.const 0))

  (func (export "path_filestat_get") (param $fd i32) (param $flags i32) (param $path i32)
    (param $length i32) (param $result i32) (result i32) (local $node i32)
    (if (i32.eqz (call $is_node (local.get $fd)))
      (then (return (call $if_open (local.get $fd) (i32.const 54)))))
    (local.set $node (call $resolve (local.get $fd) (local.get $path) (local.get $length)))
    (if (i32.lt_s (local.get $node) (i32.const 0))
      (then (return (call $error_of (local.get $node)))))
    (call $status (local.get $node) (local.get $result))
    (i32.const 0))

  ;; No node is a link.
  (func (export "path_readlink") (param $fd i32) (param $path i32) (param $length i32)
    (param i32 i32 i32) (result i32) (local $node i32)
    (if (i32.eqz (call $is_node (local.get $fd)))
      (then (return (call $if_open (local.get $fd) (i32.const 54)))))
    (local.set $node (call $resolve (local.get $fd) (local.get $path) (local.get $length)))
    (select (call $error_of (local.get $node)) (i32.const 28)
      (i32.lt_s (local.get $node) (i32.const 0))))

  (func (export "path_create_directory") (param i32 i32 i32) (result i32)
    (call $unchanged (local.get 0)))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32)
    (call $unchanged (local.get 0)))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $unchanged (local.get 0)))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32)
    (call $unchanged (local.get 0)))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32)
    (call $unchanged (local.get 0)))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32)
    (call $unchanged (local.get 2)))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32)
    (call $unchanged (local.get 0)))
