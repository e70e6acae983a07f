;; WASI preview 1 as a program alone in the world sees it: three descriptors, of which 0 is at
;; its end and 1 and 2 are a log; no arguments, no network. Environment and files are in the text
;; that follows this one: `alone.wat`, or a generated one.
;;
;; Results are functions of the guest's calls since the beginning of the row, the global
;; `fusebox:clock` and the global `fusebox:seed`. A pointer out of bounds traps.
;;
;; Error numbers: 8 badf, 28 inval, 52 nosys, 57 notsock, 58 notsup, 70 spipe, 76 notcapable.
(module
  (import "fusebox" "log" (func $log (param $address i32) (param $length i32)))
  (import "fusebox:guest" "memory" (memory 0))

  ;; 2000-01-01 until the host sets it: some runtimes refuse a clock at zero.
  (global $clock (export "fusebox:clock") (mut i64) (i64.const 946684800000000000))
  (global $exit_code (export "fusebox:exit_code") (mut i64) (i64.const -1))

  ;; The next time that is read, in nanoseconds, and the state of the generator.
  (global $now (export "internal:now") (mut i64) (i64.const 946684800000000000))
  (global $random (export "internal:random") (mut i64) (i64.const 0))
  ;; The time at which the clock of preview 2 goes off.
  (global (export "internal:deadline") (mut i64) (i64.const 0))

  (func (export "fusebox:row")
    (global.set $now (global.get $clock))
    (global.set $random (global.get $seed)))

  ;; Arguments.

  (func $none (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (func (export "args_sizes_get") (param i32 i32) (result i32)
    (call $none (local.get 0) (local.get 1)))
  (func (export "args_get") (param i32 i32) (result i32) (i32.const 0))

  ;; Clocks: 0 realtime, 1 monotonic, 2 and 3 time of the process and the thread.

  ;; The time, which then advances by a microsecond, so that no two reads are equal.
  (func $read_clock (export "internal:read_clock") (result i64)
    (global.get $now)
    (global.set $now (i64.add (global.get $now) (i64.const 1000))))

  ;; The time of the realtime clock at which a clock shows zero.
  (func $epoch (param $id i32) (result i64)
    (select (global.get $clock) (i64.const 0) (i32.ge_u (local.get $id) (i32.const 2))))

  (func (export "clock_res_get") (param $id i32) (param $result i32) (result i32)
    (if (i32.gt_u (local.get $id) (i32.const 3)) (then (return (i32.const 28))))
    (i64.store (local.get $result) (i64.const 1000))
    (i32.const 0))

  (func (export "clock_time_get") (param $id i32) (param $precision i64) (param $result i32)
    (result i32)
    (if (i32.gt_u (local.get $id) (i32.const 3)) (then (return (i32.const 28))))
    (i64.store (local.get $result) (i64.sub (call $read_clock) (call $epoch (local.get $id))))
    (i32.const 0))

  ;; Random numbers: SplitMix64, from Steele, Lea and Flood, "Fast Splittable Pseudorandom
  ;; Number Generators", OOPSLA 2014, with the mixing function of variant 13 of Stafford.

  (func $next_random (export "internal:next_random") (result i64) (local $z i64)
    (global.set $random (i64.add (global.get $random) (i64.const 0x9e3779b97f4a7c15)))
    (local.set $z (global.get $random))
    (local.set $z (i64.mul
      (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 30)))
      (i64.const 0xbf58476d1ce4e5b9)))
    (local.set $z (i64.mul
      (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 27)))
      (i64.const 0x94d049bb133111eb)))
    (i64.xor (local.get $z) (i64.shr_u (local.get $z) (i64.const 31))))

  (func (export "random_get") (param $buffer i32) (param $length i32) (result i32) (local $z i64)
    ;; Traps if any byte is out of bounds, before the sums below could wrap around.
    (memory.fill (local.get $buffer) (i32.const 0) (local.get $length))
    (block $done
      (loop $word
        (br_if $done (i32.lt_u (local.get $length) (i32.const 8)))
        (i64.store (local.get $buffer) (call $next_random))
        (local.set $buffer (i32.add (local.get $buffer) (i32.const 8)))
        (local.set $length (i32.sub (local.get $length) (i32.const 8)))
        (br $word)))
    (if (local.get $length) (then
      (local.set $z (call $next_random))
      (loop $byte
        (i64.store8 (local.get $buffer) (local.get $z))
        (local.set $z (i64.shr_u (local.get $z) (i64.const 8)))
        (local.set $buffer (i32.add (local.get $buffer) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br_if $byte (local.get $length)))))
    (i32.const 0))

  ;; Descriptors.

  ;; Passes a buffer to the log. Reads its last byte, so that one out of bounds traps.
  (func $log_buffer (export "internal:log_buffer") (param $address i32) (param $length i32)
    (local $last i32)
    (if (i32.eqz (local.get $length)) (then (return)))
    (local.set $last
      (i32.add (local.get $address) (i32.sub (local.get $length) (i32.const 1))))
    (if (i32.lt_u (local.get $last) (local.get $address)) (then unreachable))
    (drop (i32.load8_u (local.get $last)))
    (call $log (local.get $address) (local.get $length)))

  (func (export "fd_write") (param $fd i32) (param $buffers i32) (param $count i32)
    (param $written i32) (result i32) (local $sum i32) (local $length i32)
    (if (i32.ge_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 2))
      (then (return (i32.const 8))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $length (i32.load offset=4 (local.get $buffers)))
        (call $log_buffer (i32.load (local.get $buffers)) (local.get $length))
        (local.set $sum (i32.add (local.get $sum) (local.get $length)))
        (local.set $buffers (i32.add (local.get $buffers) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  (func (export "fd_advise") (param i32 i64 i64 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 70)))
  (func (export "fd_allocate") (param i32 i64 i64) (result i32)
    (call $if_open (local.get 0) (i32.const 70)))
  (func (export "fd_datasync") (param i32) (result i32)
    (call $if_open (local.get 0) (i32.const 28)))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 0)))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32)
    (call $if_open (local.get 0) (i32.const 0)))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32)
    (call $if_open (local.get 0) (i32.const 28)))
  (func (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 76)))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 70)))
  (func (export "fd_sync") (param i32) (result i32)
    (call $if_open (local.get 0) (i32.const 28)))
  ;; Sockets: no descriptor is one.

  (func (export "sock_accept") (param i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 57)))
  (func (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 57)))
  (func (export "sock_send") (param i32 i32 i32 i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 57)))
  (func (export "sock_shutdown") (param i32 i32) (result i32)
    (call $if_open (local.get 0) (i32.const 57)))

  ;; The process.

  (func (export "proc_exit") (param $code i32)
    (global.set $exit_code (i64.extend_i32_u (local.get $code)))
    unreachable)
  (func (export "proc_raise") (param i32) (result i32) (i32.const 52))
  (func (export "sched_yield") (result i32) (i32.const 0))

  ;; Polling: a subscription has 48 bytes (user data at 0, tag at 8; clock: id at 16, timeout at
  ;; 24, flags at 40; else: descriptor at 16), an event 32 (user data at 0, error number at
  ;; 8, tag at 10, bytes and flags at 16).

  ;; The time at which the clock of a subscription goes off.
  (func $deadline (param $subscription i32) (param $since i64) (result i64) (local $time i64)
    (if (i32.and (i32.load16_u offset=40 (local.get $subscription)) (i32.const 1))
      (then (local.set $since (call $epoch (i32.load offset=16 (local.get $subscription))))))
    (local.set $time
      (i64.add (local.get $since) (i64.load offset=24 (local.get $subscription))))
    (select (i64.const -1) (local.get $time) (i64.lt_u (local.get $time) (local.get $since))))

  (func $event (param $event i32) (param $subscription i32) (param $errno i32)
    (i64.store (local.get $event) (i64.load (local.get $subscription)))
    (i64.store offset=8 (local.get $event)
      (i64.extend_i32_u (i32.or
        (local.get $errno)
        (i32.shl (i32.load8_u offset=8 (local.get $subscription)) (i32.const 16)))))
    (i64.store offset=16 (local.get $event) (i64.const 0))
    (i64.store offset=24 (local.get $event) (i64.const 0)))

  ;; Instead of waiting, sets the time to the first deadline. A descriptor is ready at once.
  (func (export "poll_oneoff") (param $subscriptions i32) (param $events i32)
    (param $count i32) (param $written i32) (result i32)
    (local $at i32) (local $left i32) (local $since i64) (local $until i64) (local $time i64)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $since (global.get $now))
    (local.set $until (i64.const -1))
    (local.set $at (local.get $subscriptions))
    (local.set $left (local.get $count))
    (loop $next
      (local.set $time (i64.const 0))
      (if (i32.eqz (i32.load8_u offset=8 (local.get $at)))
        (then (local.set $time (call $deadline (local.get $at) (local.get $since)))))
      (if (i64.lt_u (local.get $time) (local.get $until))
        (then (local.set $until (local.get $time))))
      (local.set $at (i32.add (local.get $at) (i32.const 48)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (if (i64.gt_u (local.get $until) (local.get $since))
      (then (global.set $now (local.get $until))))
    (local.set $at (local.get $subscriptions))
    (local.set $left (local.get $count))
    (local.set $count (i32.const 0))
    (loop $next
      (block $is_pending
        (if (i32.load8_u offset=8 (local.get $at))
          (then
            (call $event (local.get $events) (local.get $at)
              (call $if_open (i32.load offset=16 (local.get $at)) (i32.const 0))))
          (else
            (br_if $is_pending (i64.gt_u
              (call $deadline (local.get $at) (local.get $since)) (global.get $now)))
            (call $event (local.get $events) (local.get $at) (i32.const 0))))
        (local.set $events (i32.add (local.get $events) (i32.const 32)))
        (local.set $count (i32.add (local.get $count) (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 48)))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $next (local.get $left)))
    (i32.store (local.get $written) (local.get $count))
    (i32.const 0))
