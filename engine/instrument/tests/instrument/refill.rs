//! Where a row begins, the host may add to what is left to the call.

use fusebox_abi::{METERING_GROUPED, METERING_PER_ROW, OVERHEAD_FUEL_RESERVE};
use fusebox_instrument::{
    EXPORT_BEGIN, EXPORT_FUEL, EXPORT_REFILL, EXPORT_REST, Error, Options, instrument,
};
use wasmtime::{Caller, Engine, Func, Instance, Ref, Store, TypedFunc};

/// An export `f` that announces each row with `import`, and burns some hundreds
/// of units for it, or, for row 7, without an end.
fn module(import: &str, endless: i32, tables: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row_begin" (func $row (param i32)))
          (import "fusebox" "row_group_begin" (func $together (param i32)))
          (import "fusebox" "row_end" (func $settle (param i32)))
          {tables}
          (func $burn (param $left i32)
            (loop $more
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $more (i32.ne (local.get $left) (i32.const 0)))))
          (func (export "f") (param $rows i32) (local $row i32)
            (loop $next
              (call {import} (local.get $row))
              (call $burn (i32.const 100))
              (if (i32.eq (local.get $row) (i32.const {endless}))
                (then (call $burn (i32.const -1))))
              (call $settle (i32.const 0))
              (local.set $row (i32.add (local.get $row) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))))"#
    );
    wat::parse_str(text).unwrap()
}

const ROWS: i32 = 1_000;
const BOOK: i64 = OVERHEAD_FUEL_RESERVE as i64;

/// How a call for [`ROWS`] rows ended.
#[derive(Debug)]
struct End {
    returned: bool,
    /// How often the host was asked.
    asked: u64,
    /// What was burnt of all that was granted.
    burnt: i64,
    fuel: i64,
    rest: i64,
}

/// Calls `f`; a host that is asked gives `refill`, or nothing any more after it
/// was asked `times` times.
fn call(module: &[u8], fuel: i64, fuel_per_row: i64, bounded: u32, refill: i64, times: u64) -> End {
    let module = instrument(module, Options::default()).unwrap().module;
    let engine = Engine::new(&crate::oracle::config()).unwrap();
    let module = wasmtime::Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, 0_u64);
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let host = Func::wrap(&mut store, move |mut caller: Caller<'_, u64>, rows: i32| {
        assert!((0..ROWS).contains(&rows));
        *caller.data_mut() += 1;
        match *caller.data() > times {
            true => Err(wasmtime::Error::msg("no more")),
            false => Ok(refill),
        }
    });
    let refills = instance.get_table(&mut store, EXPORT_REFILL).unwrap();
    refills.set(&mut store, 0, Ref::Func(Some(host))).unwrap();
    let begin: TypedFunc<(i64, i64, i64, i32, u32), ()> =
        instance.get_typed_func(&mut store, EXPORT_BEGIN).unwrap();
    begin
        .call(&mut store, (fuel, 1 << 18, fuel_per_row, ROWS, bounded))
        .unwrap();
    let f: TypedFunc<i32, ()> = instance.get_typed_func(&mut store, "f").unwrap();
    let returned = f.call(&mut store, ROWS).is_ok();
    let mut global = |name| {
        let global = instance.get_global(&mut store, name).unwrap();
        global.get(&mut store).unwrap_i64()
    };
    let (fuel_left, rest) = (global(EXPORT_FUEL), global(EXPORT_REST));
    let asked = *store.data();
    End {
        returned,
        asked,
        burnt: fuel + asked as i64 * refill - fuel_left - rest,
        fuel: fuel_left,
        rest,
    }
}

#[test]
fn call_burns_the_same_in_one_tank_and_in_many() {
    for (import, bounded) in [("$row", METERING_PER_ROW), ("$together", METERING_GROUPED)] {
        let module = module(import, -1, "");
        let whole = call(&module, 1 << 40, 10_000, bounded, 0, 0);
        assert!(whole.returned && whole.asked == 0, "{whole:?}");
        for refill in [20_000, 77_777, 1 << 20] {
            let end = call(&module, 20_000, 10_000, bounded, refill, u64::MAX);
            assert!(end.returned && end.asked > 0, "{end:?}");
            assert_eq!(end.burnt, whole.burnt, "{import} {refill}");
        }
    }
}

#[test]
fn host_is_asked_where_no_more_is_left_than_a_book_needs() {
    let module = module("$row", -1, "");
    let burnt = call(&module, 1 << 40, 10_000, METERING_PER_ROW, 0, 0).burnt;
    let enough = burnt + 10_000 + BOOK;
    assert_eq!(
        call(&module, enough, 10_000, METERING_PER_ROW, 0, 0).asked,
        0
    );
    let end = call(&module, enough / 2, 10_000, METERING_PER_ROW, enough, 9);
    assert!(end.returned && end.asked == 1, "{end:?}");
}

#[test]
fn host_that_gives_too_little_or_nothing_stops_the_guest() {
    let module = module("$row", -1, "");
    for (refill, times, asked) in [(1_000_000, 0, 1), (100_000, 2, 3), (-1 << 40, 9, 1)] {
        let end = call(&module, 20_000, 10_000, METERING_PER_ROW, refill, times);
        assert!(!end.returned && end.rest < 0, "{end:?}");
        assert_eq!(end.asked, asked, "{end:?}");
    }
    // It may have nothing to add as long as there is enough for the row.
    let end = call(&module, 70_000, 10_000, METERING_PER_ROW, 0, u64::MAX);
    assert!(!end.returned && end.rest < 0 && end.asked > 1, "{end:?}");
}

#[test]
fn row_that_burns_too_much_is_stopped_whatever_is_left_to_the_call() {
    let module = module("$row", 7, "");
    let end = call(&module, 20_000, 10_000, METERING_PER_ROW, 1 << 40, u64::MAX);
    assert!(!end.returned && end.fuel < 0 && end.rest > 0, "{end:?}");
    assert_eq!(end.asked, 1);
}

/// Nor does it last longer by interrupting itself: what it burns then is the
/// call's, and nothing comes to that before the next row.
#[test]
fn row_that_is_interrupted_again_and_again_is_stopped() {
    let text = r#"(module
      (import "fusebox" "row_begin" (func $row (param i32)))
      (import "fusebox" "row_pause" (func $pause (param i32)))
      (import "fusebox" "row_resume" (func $resume))
      (func (export "f") (param $rows i32) (local $left i32)
        (call $row (i32.const 0))
        (loop $for_ever
          (call $pause (i32.const 0))
          (local.set $left (i32.const 1000))
          (loop $more
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $more (i32.ne (local.get $left) (i32.const 0))))
          (call $resume)
          (br $for_ever))))"#;
    let module = wat::parse_str(text).unwrap();
    let end = call(&module, 20_000, 10_000, METERING_PER_ROW, 1 << 20, u64::MAX);
    assert!(!end.returned && end.asked == 1, "{end:?}");
    assert!(end.fuel < 0 || end.rest < 0, "{end:?}");
}

/// The table is behind all that the guest has, and has a reserved name.
#[test]
fn guest_does_not_reach_the_function_that_refills() {
    let last = "(table 3 funcref) (table 1 1 funcref)
        (func (drop (table.get 1 (i32.const 0))) (table.set 0 (i32.const 2) (ref.null func)))";
    let end = call(
        &module("$row", -1, last),
        20_000,
        10_000,
        METERING_PER_ROW,
        1 << 40,
        1,
    );
    assert!(end.returned && end.asked == 1, "{end:?}");
    let beyond = "(table 3 funcref) (func (drop (table.get 1 (i32.const 0))))";
    let refused = instrument(&module("$row", -1, beyond), Options::default());
    assert!(matches!(refused, Err(Error::Invalid { .. })), "{refused:?}");
    let named = format!(r#"(table (export "{EXPORT_REFILL}") 1 funcref)"#);
    let refused = instrument(&module("$row", -1, &named), Options::default());
    assert!(matches!(refused, Err(Error::Reserved(_))), "{refused:?}");
}
