//! Messages to the host change nothing that the guest sees.

use fusebox_abi::METERING_PER_ROW;
use fusebox_instrument::{
    EXPORT_CALL_FUEL, EXPORT_FUEL, EXPORT_HOST, HOST_LOG, Options, RowFuel, instrument,
};
use wasmtime::{Caller, Func, Ref};

use crate::oracle::RowInstance;

/// An export `f` that logs at the start, in each row and by calls of every kind, and returns
/// the number of rows. Its rows are straight-line code.
fn module() -> Vec<u8> {
    let text = r#"(module
      (import "fusebox" "log" (func $log (param i32 i32)))
      (import "fusebox" "row_begin" (func $row_begin (param i32)))
      (import "fusebox" "row_end" (func $row_end (param i32)))
      (type $message (func (param i32 i32)))
      (table 1 funcref) (elem (i32.const 0) func $log)
      (memory (export "memory") 1)
      (func $tail (param i32 i32) (return_call $log (local.get 0) (local.get 1)))
      (func $one (param $row i32)
        (call $row_begin (local.get $row))
        (call $log (i32.const -1) (local.get $row))
        (call $row_end (i32.const 0)))
      (func (export "f") (param $rows i32) (result i32) (local $row i32)
        (call $tail (i32.const 1) (i32.const 2))
        (call_indirect (type $message) (i32.const 3) (i32.const 4) (i32.const 0))
        (loop $next
          (call $one (local.get $row))
          (local.set $row (i32.add (local.get $row) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
        (local.get $row)))"#;
    wat::parse_str(text).unwrap()
}

/// Calls `f` for three rows, with a host that listens or none. Returns its result, the fuel
/// that is left, and the messages.
fn call(options: Options, listens: bool) -> (i32, [i64; 2], Vec<(i32, i32)>) {
    let mut instance = RowInstance::new(&module(), options, Vec::new());
    if listens {
        let RowInstance { store, instance } = &mut instance;
        let log = |mut caller: Caller<'_, Vec<(i32, i32)>>, address: i32, length: i32| {
            caller.data_mut().push((address, length));
        };
        let log = Func::wrap(&mut *store, log);
        let table = instance.get_table(&mut *store, EXPORT_HOST).unwrap();
        table.set(store, HOST_LOG, Ref::Func(Some(log))).unwrap();
    }
    let rows = instance.call(100_000, 10_000, 3, METERING_PER_ROW).unwrap();
    let left = [EXPORT_FUEL, EXPORT_CALL_FUEL].map(|name| instance.global(name).unwrap_i64());
    (rows, left, std::mem::take(instance.store.data_mut()))
}

#[test]
fn guest_cannot_tell_whether_anybody_listens() {
    for metered in [true, false] {
        let options = Options {
            metered,
            ..Options::default()
        };
        let (rows, left, messages) = call(options, true);
        assert_eq!(messages, [(1, 2), (3, 4), (-1, 0), (-1, 1), (-1, 2)]);
        assert_eq!((rows, left, vec![]), call(options, false));
    }
}

#[test]
fn rows_of_a_module_that_logs_are_metered_one_by_one() {
    let row_fuel = instrument(&module(), Options::default()).unwrap().row_fuel;
    assert_eq!(row_fuel["f"], RowFuel::PerRow { grouped: false });
}

#[test]
fn module_that_does_not_log_has_no_place_for_the_function() {
    let silent = wat::parse_str(r#"(module (func (export "f") (param i32)))"#).unwrap();
    let mut instance = RowInstance::new(&silent, Options::default(), ());
    let RowInstance { store, instance } = &mut instance;
    let table = instance.get_table(&mut *store, EXPORT_HOST).unwrap();
    assert_eq!(table.size(store), HOST_LOG);
}
