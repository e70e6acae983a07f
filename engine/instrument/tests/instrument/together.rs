//! Rows that are announced together share what one may burn.

use fusebox_abi::{METERING_BOUNDED, METERING_GROUPED, METERING_PER_ROW};
use fusebox_instrument::{
    EXPORT_BEGIN, EXPORT_FUEL, EXPORT_NEXT_ROW, EXPORT_REST, Options, ROW_REFUSED, Rows, instrument,
};
use wasmtime::{Engine, Instance, Store, TypedFunc};

fn module(functions: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row_begin" (func $row (param i32)))
          (import "fusebox" "row_group_begin" (func $together (param i32)))
          (import "fusebox" "row_end" (func $settle (param i32)))
          (import "fusebox" "metering_mode" (func $bounded (result i32)))
          (func $burn (param $left i32)
            (loop $more
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $more (i32.gt_s (local.get $left) (i32.const 0)))))
          (func $one (param $row i32)
            (call $row (local.get $row))
            (call $burn (i32.const 100))
            (call $settle (i32.const 0)))
          {functions})"#
    );
    wat::parse_str(text).unwrap()
}

/// An export `f` that announces `share` rows at once, each of which burns some
/// hundreds of units.
fn sharing(share: u32) -> Vec<u8> {
    module(&format!(
        r#"(func (export "f") (param $rows i32) (local $row i32)
             (loop $next
               (if (i32.eqz (i32.rem_u (local.get $row) (i32.const {share})))
                 (then
                   (call $settle (i32.const 0))
                   (call $together (local.get $row))))
               (call $burn (i32.const 100))
               (local.set $row (i32.add (local.get $row) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $row) (local.get $rows))))
             (call $settle (i32.const 0)))"#
    ))
}

const ROWS: i32 = 64;
const FUEL: i64 = 1_000_000;

/// Whether a call for [`ROWS`] rows returns, what it has burnt, and the row that
/// may come next.
fn call(module: &[u8], fuel_per_row: i64, bounded: u32) -> (bool, i64, i32) {
    let module = instrument(module, Options::default()).unwrap().module;
    let engine = Engine::new(&crate::oracle::config()).unwrap();
    let module = wasmtime::Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let begin: TypedFunc<(i64, i64, i64, i32, u32), ()> =
        instance.get_typed_func(&mut store, EXPORT_BEGIN).unwrap();
    begin
        .call(&mut store, (FUEL, 1 << 18, fuel_per_row, ROWS, bounded))
        .unwrap();
    let f: TypedFunc<i32, ()> = instance.get_typed_func(&mut store, "f").unwrap();
    let returned = f.call(&mut store, ROWS).is_ok();
    let mut global = |name| {
        let global = instance.get_global(&mut store, name).unwrap();
        global.get(&mut store)
    };
    let left = global(EXPORT_FUEL).unwrap_i64() + global(EXPORT_REST).unwrap_i64();
    let next = global(EXPORT_NEXT_ROW).unwrap_i32();
    (returned, FUEL - left, next)
}

/// The least fuel of a row with which a call for which rows share returns.
fn need(share: u32) -> i64 {
    let module = sharing(share);
    let returns = |fuel: &i64| call(&module, *fuel, METERING_GROUPED).0;
    (0..100_000)
        .step_by(10)
        .find(returns)
        .expect("it is enough")
}

#[test]
fn rows_share_what_one_may_burn() {
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
fn what_they_leave_goes_back_to_the_call() {
    let module = sharing(16);
    let (returned, burnt, next) = call(&module, 100_000, METERING_GROUPED);
    assert!(returned);
    assert_eq!(next, 48 + 1);
    let least = call(&module, need(16), METERING_GROUPED).1;
    assert_eq!(burnt, least, "what is granted is not burnt");
}

#[test]
fn rows_that_burn_too_much_together_are_stopped() {
    let (returned, _, next) = call(&sharing(16), need(4), METERING_GROUPED);
    assert!(!returned);
    assert_eq!(next, 1, "the first of them was announced last");
}

#[test]
fn rows_are_announced_together_only_where_the_host_says_so() {
    for bounded in [METERING_PER_ROW, METERING_BOUNDED, 3] {
        let (returned, _, next) = call(&sharing(16), 100_000, bounded);
        assert!(!returned, "{bounded}");
        assert_eq!(next, ROW_REFUSED, "{bounded}");
    }
}

#[test]
fn no_row_is_announced_that_was_passed_or_is_not_there() {
    for rows in [
        "(i32.const 5) (i32.const 5)",
        "(i32.const 5) (i32.const 2)",
        "(i32.const 64) (i32.const 64)",
    ] {
        let module = module(&format!(
            r#"(func $both (param i32 i32)
                 (call $together (local.get 0)) (call $together (local.get 1)))
               (func (export "f") (param i32) {rows} (call $both))"#
        ));
        let (returned, _, next) = call(&module, 1_000, METERING_GROUPED);
        assert!(!returned, "{rows}");
        assert_eq!(next, ROW_REFUSED, "{rows}");
    }
}

#[test]
fn host_knows_which_functions_can_announce_rows_together() {
    let granted = |functions: &str| {
        let module = module(functions);
        instrument(&module, Options::default()).unwrap().rows["f"]
    };
    let either = "(if (i32.eq (call $bounded) (i32.const 2)) (then (call $share)) (else (call $one (i32.const 0))))";
    let share = "(func $share (call $together (i32.const 0)) (call $settle (i32.const 0)))";
    assert_eq!(
        granted(&format!(
            r#"{share} (func (export "f") (param i32) {either})"#
        )),
        Rows::Announced { together: true }
    );
    assert_eq!(
        granted(&format!(
            r#"{share} (func (export "f") (param i32) (call $one (i32.const 0)))"#
        )),
        Rows::Announced { together: false }
    );
    // Rows that are bounded need not be announced at all, together or not.
    let bounded = format!(
        r#"{share}
           (func $short (call $row (i32.const 0)) (call $settle (i32.const 0)))
           (func (export "f") (param i32) (call $short) (call $share))"#
    );
    let bounded = granted(&bounded);
    assert!(matches!(bounded, Rows::Bounded { .. }), "{bounded:?}");
    // What is announced together inside of a row is not the row's.
    let inside = r#"(func $within
             (call $row (i32.const 0)) (call $together (i32.const 1)) (call $settle (i32.const 0)))
           (func (export "f") (param i32) (call $within))"#;
    assert_eq!(granted(inside), Rows::Announced { together: true });
}
