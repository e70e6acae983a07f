//! A guest that checks `has_fuel` before each row returns early instead of trapping.

use fusebox_abi::OVERHEAD_FUEL_RESERVE;
use fusebox_instrument::{EXPORT_CALL_FUEL, EXPORT_FUEL, Options, RowFuel, instrument};

use crate::oracle::RowInstance;

/// An export `f` that returns the number of rows it has processed. Each burns
/// `iterations`; all but the first begin only if `has_fuel` returns 1.
fn module(iterations: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row_begin" (func $row_begin (param i32)))
          (import "fusebox" "row_end" (func $row_end (param i32)))
          (import "fusebox" "has_fuel" (func $has_fuel (result i32)))
          (func $one (param $row i32) (local $left i32)
            (call $row_begin (local.get $row))
            (local.set $left {iterations})
            (loop $again
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $again (i32.gt_s (local.get $left) (i32.const 0))))
            (call $row_end (i32.const 0)))
          (func (export "f") (param $rows i32) (result i32) (local $row i32)
            (block $end
              (loop $next
                (call $one (local.get $row))
                (local.set $row (i32.add (local.get $row) (i32.const 1)))
                (br_if $end (i32.ge_u (local.get $row) (local.get $rows)))
                (br_if $next (call $has_fuel))))
            (local.get $row)))"#
    );
    wat::parse_str(text).unwrap()
}

/// Calls `f`. Returns its result, unless it traps, and the fuel that it burnt.
fn call(
    module: &[u8],
    fuel: i64,
    row: i64,
    metering_mode: u32,
    options: Options,
) -> (Option<i32>, i64) {
    const ROWS: i32 = 1_000;
    let mut instance = RowInstance::new(module, options, ());
    let rows = instance.call(fuel, row, ROWS, metering_mode).ok();
    let mut global = |name| instance.global(name).unwrap_i64();
    (rows, fuel - global(EXPORT_FUEL) - global(EXPORT_CALL_FUEL))
}

const RESERVE: i64 = OVERHEAD_FUEL_RESERVE as i64;

#[test]
fn call_returns_early_before_its_fuel_is_exhausted() {
    let module = module("(i32.const 100)");
    let options = Options::default();
    let mut ends = [0; 2];
    // From barely enough fuel for one row to more than enough for all.
    for fuel in (6_000..1_000_000 + RESERVE).step_by(9_973) {
        let (rows, burnt) = call(&module, fuel, 5_000, 0, options);
        let rows = rows.expect("the call never traps");
        assert!((1..=1_000).contains(&rows));
        // It returns no earlier than necessary.
        assert!(rows == 1_000 || fuel - burnt < 5_000 + RESERVE + 100);
        ends[usize::from(rows == 1_000)] += 1;
    }
    assert!(ends.iter().all(|seen| *seen > 5), "{ends:?}");
}

#[test]
fn row_has_all_its_fuel_after_has_fuel_returned_1() {
    // Two iterations burn 17 units, so that some rows burn nearly all of their fuel.
    let iterations =
        "(select (i32.const 10) (i32.const 580) (i32.and (local.get $row) (i32.const 3)))";
    let module = module(iterations);
    for fuel in (6_000..3 * RESERVE).step_by(997) {
        let (rows, burnt) = call(&module, fuel, 5_000, 0, Options::default());
        assert!(rows.is_some_and(|rows| rows >= 1), "{fuel}");
        assert!(burnt < fuel);
    }
}

#[test]
fn row_that_exceeds_its_fuel_traps_after_has_fuel_returned_1() {
    let module = module("(i32.const 1000000)");
    let (rows, _) = call(&module, 1 << 40, 5_000, 0, Options::default());
    assert_eq!(rows, None);
}

#[test]
fn has_fuel_returns_1_if_rows_are_bounded_or_unmetered() {
    // The mode claims a bound that the rows do not have.
    let module = module("(i32.const 1)");
    let (rows, _) = call(&module, 1_000_000, 100, 1, Options::default());
    assert_eq!(rows, Some(1_000));
    let options = Options {
        metered: false,
        ..Options::default()
    };
    assert_eq!(call(&module, 0, 5_000, 0, options).0, Some(1_000));
}

#[test]
fn calling_has_fuel_between_rows_keeps_them_bounded() {
    let module = wat::parse_str(
        r#"(module
          (import "fusebox" "has_fuel" (func $has_fuel (result i32)))
          (import "fusebox" "row_begin" (func $row_begin (param i32)))
          (import "fusebox" "row_end" (func $row_end (param i32)))
          (func (export "f") (param $rows i32)
            (block $end
              (loop $next
                (br_if $end (i32.eqz (call $has_fuel)))
                (call $row_begin (local.get $rows))
                (call $row_end (i32.const 0))
                (br_if $end (i32.eqz (call $has_fuel)))
                (br_if $next (local.get $rows))))))"#,
    );
    let instrumented = instrument(&module.unwrap(), Options::default()).unwrap();
    let row_fuel = instrumented.row_fuel["f"];
    assert!(
        matches!(row_fuel, RowFuel::Bounded { fuel: 1..30, .. }),
        "{row_fuel:?}"
    );
}
