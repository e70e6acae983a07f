//! Row groups share the fuel of one row.

use fusebox_abi::{METERING_BOUNDED, METERING_GROUPED, METERING_PER_ROW, METERING_SPECULATABLE};
use fusebox_instrument::{
    EXPORT_CALL_FUEL, EXPORT_FUEL, EXPORT_NEXT_ROW, NEXT_ROW_INVALID, Options, RowFuel, instrument,
};

use crate::oracle::RowInstance;

fn module(functions: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row_begin" (func $row_begin (param i32)))
          (import "fusebox" "row_group_begin" (func $row_group_begin (param i32)))
          (import "fusebox" "row_end" (func $row_end (param i32)))
          (import "fusebox" "metering_mode" (func $metering_mode (result i32)))
          (func $burn (param $left i32)
            (loop $again
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $again (i32.gt_s (local.get $left) (i32.const 0)))))
          (func $one (param $row i32)
            (call $row_begin (local.get $row))
            (call $burn (i32.const 100))
            (call $row_end (i32.const 0)))
          {functions})"#
    );
    wat::parse_str(text).unwrap()
}

/// An export `f` that begins groups of `size` rows, each of which burns some hundreds
/// of units.
fn grouping(size: u32) -> Vec<u8> {
    module(&format!(
        r#"(func (export "f") (param $rows i32) (local $row i32)
             (loop $next
               (if (i32.eqz (i32.rem_u (local.get $row) (i32.const {size})))
                 (then
                   (call $row_end (i32.const 0))
                   (call $row_group_begin (local.get $row))))
               (call $burn (i32.const 100))
               (local.set $row (i32.add (local.get $row) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
             (call $row_end (i32.const 0)))"#
    ))
}

const ROWS: i32 = 64;
const FUEL: i64 = 1_000_000;

/// Calls `f` for [`ROWS`] rows. Returns whether it returned, the fuel that it burnt,
/// and the lowest row that may begin next.
fn call(module: &[u8], fuel_per_row: i64, metering_mode: u32) -> (bool, i64, i32) {
    let mut instance = RowInstance::new(module, Options::default(), ());
    let returned = instance.call::<()>(FUEL, fuel_per_row, ROWS, metering_mode);
    let mut global = |name| instance.global(name);
    let left = global(EXPORT_FUEL).unwrap_i64() + global(EXPORT_CALL_FUEL).unwrap_i64();
    let next = global(EXPORT_NEXT_ROW).unwrap_i32();
    (returned.is_ok(), FUEL - left, next)
}

/// The least fuel of a row with which a call with groups of `size` rows returns.
fn need(size: u32) -> i64 {
    let module = grouping(size);
    let returns = |fuel: &i64| call(&module, *fuel, METERING_GROUPED).0;
    (0..100_000)
        .step_by(10)
        .find(returns)
        .expect("it is enough")
}

#[test]
fn group_needs_the_sum_of_its_rows() {
    let [one, four, sixteen] = [1, 4, 16].map(need);
    assert!(one > 300, "{one}");
    for (needed, rows) in [(four, 4), (sixteen, 16)] {
        assert!(
            needed > one * (rows - 1),
            "{needed} for {rows}, {one} for one"
        );
        assert!(
            needed < one * (rows + 1),
            "{needed} for {rows}, {one} for one"
        );
    }
}

#[test]
fn unused_fuel_of_groups_returns_to_the_call() {
    let module = grouping(16);
    let (returned, burnt, next) = call(&module, 100_000, METERING_GROUPED);
    assert!(returned);
    assert_eq!(next, 48 + 1);
    let least = call(&module, need(16), METERING_GROUPED).1;
    assert_eq!(burnt, least, "the grant does not change the fuel burnt");
}

#[test]
fn group_that_exceeds_its_fuel_traps() {
    let (returned, _, next) = call(&grouping(16), need(4), METERING_GROUPED);
    assert!(!returned);
    assert_eq!(next, 1, "the first group began last");
}

#[test]
fn groups_begin_only_in_the_metering_mode_for_groups() {
    for metering_mode in [METERING_PER_ROW, METERING_BOUNDED, METERING_SPECULATABLE] {
        let (returned, _, next) = call(&grouping(16), 100_000, metering_mode);
        assert!(!returned, "{metering_mode}");
        assert_eq!(next, NEXT_ROW_INVALID, "{metering_mode}");
    }
}

#[test]
fn groups_begin_in_ascending_order_within_the_batch() {
    for rows in [
        "(i32.const 5) (i32.const 5)",
        "(i32.const 5) (i32.const 2)",
        "(i32.const 64) (i32.const 64)",
    ] {
        let module = module(&format!(
            r#"(func $both (param i32 i32)
                 (call $row_group_begin (local.get 0)) (call $row_group_begin (local.get 1)))
               (func (export "f") (param i32) {rows} (call $both))"#
        ));
        let (returned, _, next) = call(&module, 1_000, METERING_GROUPED);
        assert!(!returned, "{rows}");
        assert_eq!(next, NEXT_ROW_INVALID, "{rows}");
    }
}

#[test]
fn functions_that_can_begin_groups_are_reported() {
    let row_fuel = |functions: &str| {
        let module = module(functions);
        instrument(&module, Options::default()).unwrap().row_fuel["f"]
    };
    let either = "(if (i32.eq (call $metering_mode) (i32.const 2)) (then (call $groups)) (else (call $one (i32.const 0))))";
    let groups =
        "(func $groups (call $row_group_begin (i32.const 0)) (call $row_end (i32.const 0)))";
    assert_eq!(
        row_fuel(&format!(
            r#"{groups} (func (export "f") (param i32) {either})"#
        )),
        RowFuel::PerRow { grouped: true }
    );
    assert_eq!(
        row_fuel(&format!(
            r#"{groups} (func (export "f") (param i32) (call $one (i32.const 0)))"#
        )),
        RowFuel::PerRow { grouped: false }
    );
    // Bounded rows need not be begun, in groups or not.
    let bounded = format!(
        r#"{groups}
           (func $short (call $row_begin (i32.const 0)) (call $row_end (i32.const 0)))
           (func (export "f") (param i32) (call $short) (call $groups))"#
    );
    let bounded = row_fuel(&bounded);
    assert!(matches!(bounded, RowFuel::Bounded { .. }), "{bounded:?}");
    // A row in which a group begins is not bounded.
    let inside = r#"(func $within
             (call $row_begin (i32.const 0)) (call $row_group_begin (i32.const 1)) (call $row_end (i32.const 0)))
           (func (export "f") (param i32) (call $within))"#;
    assert_eq!(row_fuel(inside), RowFuel::PerRow { grouped: true });
}
