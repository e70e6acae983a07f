//! Refills by the host at the beginning of rows.

use fusebox_abi::{METERING_GROUPED, METERING_PER_ROW, OVERHEAD_FUEL_RESERVE};
use fusebox_instrument::{
    EXPORT_CALL_FUEL, EXPORT_FUEL, EXPORT_HOST, Error, HOST_REFILL, Options, instrument,
};
use wasmtime::{Caller, Func, Ref};

use crate::oracle::RowInstance;

/// An export `f` that begins each row with `import` and burns some hundreds of units
/// in it, in row `endless` without end.
fn module(import: &str, endless: i32, tables: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row_begin" (func $row_begin (param i32)))
          (import "fusebox" "row_group_begin" (func $row_group_begin (param i32)))
          (import "fusebox" "row_end" (func $row_end (param i32)))
          {tables}
          (func $burn (param $left i32)
            (loop $again
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $again (i32.ne (local.get $left) (i32.const 0)))))
          (func (export "f") (param $rows i32) (local $row i32)
            (loop $next
              (call {import} (local.get $row))
              (call $burn (i32.const 100))
              (if (i32.eq (local.get $row) (i32.const {endless}))
                (then (call $burn (i32.const -1))))
              (call $row_end (i32.const 0))
              (local.set $row (i32.add (local.get $row) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))))"#
    );
    wat::parse_str(text).unwrap()
}

const ROWS: i32 = 1_000;
const RESERVE: i64 = OVERHEAD_FUEL_RESERVE as i64;

/// State after a call for [`ROWS`] rows.
#[derive(Debug)]
struct End {
    returned: bool,
    /// Number of calls of the host's refill function.
    refills: u64,
    /// Fuel that was burnt.
    burnt: i64,
    fuel: i64,
    call_fuel: i64,
}

/// Calls `f` with a host that adds `refill` at each of the first `times` refills and
/// traps at the next.
fn call(
    module: &[u8],
    fuel: i64,
    fuel_per_row: i64,
    metering_mode: u32,
    refill: i64,
    times: u64,
) -> End {
    let mut metered = RowInstance::new(module, Options::default(), 0_u64);
    let RowInstance { store, instance } = &mut metered;
    let host = Func::wrap(
        &mut *store,
        move |mut caller: Caller<'_, u64>, rows: i32| {
            assert!((0..ROWS).contains(&rows));
            *caller.data_mut() += 1;
            match *caller.data() > times {
                true => Err(wasmtime::Error::msg("no more")),
                false => Ok(refill),
            }
        },
    );
    let table = instance.get_table(&mut *store, EXPORT_HOST).unwrap();
    table
        .set(store, HOST_REFILL, Ref::Func(Some(host)))
        .unwrap();
    let returned = metered
        .call::<()>(fuel, fuel_per_row, ROWS, metering_mode)
        .is_ok();
    let mut global = |name| metered.global(name).unwrap_i64();
    let (fuel_left, call_fuel) = (global(EXPORT_FUEL), global(EXPORT_CALL_FUEL));
    let refills = *metered.store.data();
    End {
        returned,
        refills,
        burnt: fuel + refills as i64 * refill - fuel_left - call_fuel,
        fuel: fuel_left,
        call_fuel,
    }
}

#[test]
fn fuel_burnt_does_not_depend_on_refills() {
    for (import, metering_mode) in [
        ("$row_begin", METERING_PER_ROW),
        ("$row_group_begin", METERING_GROUPED),
    ] {
        let module = module(import, -1, "");
        let whole = call(&module, 1 << 40, 10_000, metering_mode, 0, 0);
        assert!(whole.returned && whole.refills == 0, "{whole:?}");
        for refill in [20_000, 77_777, 1 << 20] {
            let end = call(&module, 20_000, 10_000, metering_mode, refill, u64::MAX);
            assert!(end.returned && end.refills > 0, "{end:?}");
            assert_eq!(end.burnt, whole.burnt, "{import} {refill}");
        }
    }
}

#[test]
fn host_refills_when_only_the_reserve_is_left() {
    let module = module("$row_begin", -1, "");
    let burnt = call(&module, 1 << 40, 10_000, METERING_PER_ROW, 0, 0).burnt;
    let enough = burnt + 10_000 + RESERVE;
    assert_eq!(
        call(&module, enough, 10_000, METERING_PER_ROW, 0, 0).refills,
        0
    );
    let end = call(&module, enough / 2, 10_000, METERING_PER_ROW, enough, 9);
    assert!(end.returned && end.refills == 1, "{end:?}");
}

#[test]
fn call_traps_if_the_host_refills_too_little() {
    let module = module("$row_begin", -1, "");
    for (refill, times, refills) in [(1_000_000, 0, 1), (100_000, 2, 3), (-1 << 40, 9, 1)] {
        let end = call(&module, 20_000, 10_000, METERING_PER_ROW, refill, times);
        assert!(!end.returned && end.call_fuel < 0, "{end:?}");
        assert_eq!(end.refills, refills, "{end:?}");
    }
    // A refill of nothing is fine as long as the call has fuel for the row.
    let end = call(&module, 70_000, 10_000, METERING_PER_ROW, 0, u64::MAX);
    assert!(
        !end.returned && end.call_fuel < 0 && end.refills > 1,
        "{end:?}"
    );
}

#[test]
fn row_that_exceeds_its_fuel_traps_whatever_the_call_has_left() {
    let module = module("$row_begin", 7, "");
    let end = call(&module, 20_000, 10_000, METERING_PER_ROW, 1 << 40, u64::MAX);
    assert!(
        !end.returned && end.fuel < 0 && end.call_fuel > 0,
        "{end:?}"
    );
    assert_eq!(end.refills, 1);
}

/// Code that runs while a row is suspended burns fuel of the call, which is not
/// refilled before the next row.
#[test]
fn row_that_suspends_itself_without_end_traps() {
    let text = r#"(module
      (import "fusebox" "row_begin" (func $row_begin (param i32)))
      (import "fusebox" "row_pause" (func $row_pause (param i32)))
      (import "fusebox" "row_resume" (func $row_resume))
      (func (export "f") (param $rows i32) (local $left i32)
        (call $row_begin (i32.const 0))
        (loop $endless
          (call $row_pause (i32.const 0))
          (local.set $left (i32.const 1000))
          (loop $again
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $again (i32.ne (local.get $left) (i32.const 0))))
          (call $row_resume)
          (br $endless))))"#;
    let module = wat::parse_str(text).unwrap();
    let end = call(&module, 20_000, 10_000, METERING_PER_ROW, 1 << 20, u64::MAX);
    assert!(!end.returned && end.refills == 1, "{end:?}");
    assert!(end.fuel < 0 || end.call_fuel < 0, "{end:?}");
}

/// The table has an index beyond those of the guest, and a reserved name.
#[test]
fn guest_cannot_access_the_refill_table() {
    let last = "(table 3 funcref) (table 1 1 funcref)
        (func (drop (table.get 1 (i32.const 0))) (table.set 0 (i32.const 2) (ref.null func)))";
    let end = call(
        &module("$row_begin", -1, last),
        20_000,
        10_000,
        METERING_PER_ROW,
        1 << 40,
        1,
    );
    assert!(end.returned && end.refills == 1, "{end:?}");
    let beyond = "(table 3 funcref) (func (drop (table.get 1 (i32.const 0))))";
    let result = instrument(&module("$row_begin", -1, beyond), Options::default());
    assert!(matches!(result, Err(Error::Invalid { .. })), "{result:?}");
    let named = format!(r#"(table (export "{EXPORT_HOST}") 1 funcref)"#);
    let result = instrument(&module("$row_begin", -1, &named), Options::default());
    assert!(
        matches!(result, Err(Error::ReservedExport { .. })),
        "{result:?}"
    );
}
