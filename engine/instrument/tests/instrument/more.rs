//! A guest that asks before it announces a row ends early, and is not stopped.

use fusebox_abi::OVERHEAD_FUEL_RESERVE;
use fusebox_instrument::{EXPORT_BEGIN, EXPORT_FUEL, EXPORT_REST, Options, Rows, instrument};
use wasmtime::{Engine, Instance, Store, TypedFunc};

/// An export `f` that returns how many of its rows it did. Each burns
/// `iterations`, and `more` is asked before all of them but the first.
fn module(iterations: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row_begin" (func $row (param i32)))
          (import "fusebox" "row_end" (func $settle (param i32)))
          (import "fusebox" "has_fuel" (func $more (result i32)))
          (func $one (param $row i32) (local $left i32)
            (call $row (local.get $row))
            (local.set $left {iterations})
            (loop $again
              (local.set $left (i32.sub (local.get $left) (i32.const 1)))
              (br_if $again (i32.gt_s (local.get $left) (i32.const 0))))
            (call $settle (i32.const 0)))
          (func (export "f") (param $rows i32) (result i32) (local $row i32)
            (block $end
              (loop $next
                (call $one (local.get $row))
                (local.set $row (i32.add (local.get $row) (i32.const 1)))
                (br_if $end (i32.ge_u (local.get $row) (local.get $rows)))
                (br_if $next (call $more))))
            (local.get $row)))"#
    );
    wat::parse_str(text).unwrap()
}

/// How many rows a call does, unless it is stopped, and what it burns.
fn call(module: &[u8], fuel: i64, row: i64, bounded: i32, options: Options) -> (Option<i32>, i64) {
    const ROWS: i32 = 1_000;
    let module = instrument(module, options).unwrap().module;
    let engine = Engine::new(&crate::oracle::config()).unwrap();
    let module = wasmtime::Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let begin: TypedFunc<(i64, i64, i64, i32, i32), ()> =
        instance.get_typed_func(&mut store, EXPORT_BEGIN).unwrap();
    begin
        .call(&mut store, (fuel, 1 << 18, row, ROWS, bounded))
        .unwrap();
    let f: TypedFunc<i32, i32> = instance.get_typed_func(&mut store, "f").unwrap();
    let rows = f.call(&mut store, ROWS).ok();
    let mut global = |name| {
        let global = instance.get_global(&mut store, name).unwrap();
        global.get(&mut store).unwrap_i64()
    };
    (rows, fuel - global(EXPORT_FUEL) - global(EXPORT_REST))
}

const BOOK: i64 = OVERHEAD_FUEL_RESERVE as i64;

#[test]
fn call_that_has_burnt_its_fuel_ends_early() {
    let module = module("(i32.const 100)");
    let options = Options::default();
    let mut ends = [0; 2];
    // From where there is barely enough for one row, past where there is for all.
    for fuel in (6_000..1_000_000 + BOOK).step_by(9_973) {
        let (rows, burnt) = call(&module, fuel, 5_000, 0, options);
        let rows = rows.expect("it is never stopped");
        assert!((1..=1_000).contains(&rows));
        // It goes on as long as it may.
        assert!(rows == 1_000 || fuel - burnt < 5_000 + BOOK + 100);
        ends[usize::from(rows == 1_000)] += 1;
    }
    assert!(ends.iter().all(|seen| *seen > 5), "{ends:?}");
}

#[test]
fn every_row_may_burn_all_it_may_where_more_was_said() {
    // An iteration takes 8 units, so that some rows burn nearly all they may.
    let iterations =
        "(select (i32.const 10) (i32.const 620) (i32.and (local.get $row) (i32.const 3)))";
    let module = module(iterations);
    for fuel in (6_000..3 * BOOK).step_by(997) {
        let (rows, burnt) = call(&module, fuel, 5_000, 0, Options::default());
        assert!(rows.is_some_and(|rows| rows >= 1), "{fuel}");
        assert!(burnt < fuel);
    }
}

#[test]
fn row_that_runs_out_is_stopped_whatever_was_said() {
    let module = module("(i32.const 1000000)");
    let (rows, _) = call(&module, 1 << 40, 5_000, 0, Options::default());
    assert_eq!(rows, None);
}

#[test]
fn there_is_always_more_where_rows_are_bounded_or_nothing_is_metered() {
    // Not bounded in truth, but the guest does not know.
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
fn asking_between_rows_leaves_them_bounded() {
    let module = wat::parse_str(
        r#"(module
          (import "fusebox" "has_fuel" (func $more (result i32)))
          (import "fusebox" "row_begin" (func $row (param i32)))
          (import "fusebox" "row_end" (func $settle (param i32)))
          (func (export "f") (param $rows i32)
            (block $end
              (loop $next
                (br_if $end (i32.eqz (call $more)))
                (call $row (local.get $rows))
                (call $settle (i32.const 0))
                (br_if $end (i32.eqz (call $more)))
                (br_if $next (local.get $rows))))))"#,
    );
    let rows = instrument(&module.unwrap(), Options::default())
        .unwrap()
        .rows["f"];
    assert!(
        matches!(rows, Rows::Bounded { fuel: 1..30, .. }),
        "{rows:?}"
    );
}
