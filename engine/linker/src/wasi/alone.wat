;; Neither environment nor files: the end of the module that `preview1.wat` begins.
;;
;; Error numbers: 8 badf, 54 notdir, 58 notsup, 70 spipe.

  (global $seed (export "fusebox:seed") (mut i64) (i64.const 0))

  ;; Returns `errno` for a descriptor that is open, else badf.
  (func $if_open (param $fd i32) (param $errno i32) (result i32)
    (select (local.get $errno) (i32.const 8) (i32.lt_u (local.get $fd) (i32.const 3))))

  (func (export "environ_sizes_get") (param i32 i32) (result i32)
    (call $none (local.get 0) (local.get 1)))
  (func (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  (func (export "fd_read") (param $fd i32) (param $buffers i32) (param $count i32)
    (param $read i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))

  ;; A character device that can be read (right 1), written (right 6) and polled (right 27),
  ;; not sought: isatty asks for that.
  (func (export "fd_fdstat_get") (param $fd i32) (param $result i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $result) (i64.const 2))
    (i64.store offset=8 (local.get $result)
      (select (i64.const 0x8000040) (i64.const 0x8000002) (local.get $fd)))
    (i64.store offset=16 (local.get $result) (i64.const 0))
    (i32.const 0))

  (func (export "fd_filestat_get") (param $fd i32) (param $result i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (memory.fill (local.get $result) (i32.const 0) (i32.const 64))
    (i32.store8 offset=16 (local.get $result) (i32.const 2))
    (i32.const 0))

  (func (export "fd_close") (param i32) (result i32)
    (call $if_open (local.get 0) (i32.const 0)))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 70)))

  ;; No directory is open: badf ends the search for them.
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "fd_renumber") (param i32 i32) (result i32)
    (call $if_open (local.get 0) (call $if_open (local.get 1) (i32.const 58))))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 70)))
  (func (export "fd_tell") (param i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 70)))

  ;; Paths: no descriptor is a directory.

  (func (export "path_create_directory") (param i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32)
    (call $if_open (local.get 2) (i32.const 54)))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 54)))
