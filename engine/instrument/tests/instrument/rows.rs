//! Rows burn fuel of their own.

use fusebox_instrument::{
    EXPORT_CALL_FUEL, EXPORT_FUEL, EXPORT_NEXT_ROW, NEXT_ROW_INVALID, Options, instrument,
};

use crate::oracle::RowInstance;

/// A module with all imports and the given functions, among them an export `f` whose
/// parameter is the number of rows.
pub(crate) fn module(f: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row_begin" (func $row_begin (param i32)))
          (import "fusebox" "row_end" (func $row_end (param i32)))
          (import "fusebox" "row_pause" (func $row_pause (param i32)))
          (import "fusebox" "row_resume" (func $row_resume))
          (import "fusebox" "metering_mode" (func $metering_mode (result i32)))
          (import "fusebox" "has_fuel" (func $has_fuel (result i32)))
          (memory 1)
          {f})"#
    );
    wat::parse_str(text).unwrap()
}

/// Fuel of a call of `f`, fuel of a row, and number of rows.
#[derive(Clone, Copy)]
pub(crate) struct Grant {
    pub(crate) fuel: i64,
    pub(crate) row: i64,
    pub(crate) count: i32,
}

pub(crate) const PLENTY: Grant = Grant {
    fuel: 1_000_000_000,
    row: 1_000_000,
    count: 10,
};

/// State after a call of `f`.
#[derive(Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) returned: bool,
    /// The running row; outside rows, -1 minus the row that may begin next.
    pub(crate) row: i32,
    /// Of the row while one is running, else of the call.
    pub(crate) fuel: i64,
    pub(crate) call_fuel: i64,
}

pub(crate) fn call(module: &[u8], grant: Grant) -> End {
    let mut instance = RowInstance::new(module, Options::default(), ());
    let Grant { fuel, row, count } = grant;
    let returned = instance.call::<()>(fuel, row, count, 0).is_ok();
    let mut global = |name| instance.global(name);
    let call_fuel = global(EXPORT_CALL_FUEL).unwrap_i64();
    let row = global(EXPORT_NEXT_ROW).unwrap_i32();
    End {
        returned,
        row: match (row, call_fuel) {
            (NEXT_ROW_INVALID, _) => NEXT_ROW_INVALID,
            (next, 1..) => next - 1,
            (next, _) => -1 - next,
        },
        fuel: global(EXPORT_FUEL).unwrap_i64(),
        call_fuel,
    }
}

/// A loop over the rows with a function whose body is `one`.
pub(crate) fn over_rows(one: &str) -> Vec<u8> {
    module(&format!(
        r#"(func $one (param $row i32) {one})
           (func (export "f") (param $rows i32) (local $row i32)
             (loop $next
               (call $one (local.get $row))
               (local.set $row (i32.add (local.get $row) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $row) (local.get $rows)))))"#
    ))
}

/// A loop over the rows that burns some iterations in each.
pub(crate) fn burning(iterations: &str, bytes: &str) -> Vec<u8> {
    over_rows(&format!(
        r"(local $left i32)
          (call $row_begin (local.get $row))
          (local.set $left {iterations})
          (loop $again
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $again (i32.gt_s (local.get $left) (i32.const 0))))
          (call $row_end {bytes})"
    ))
}

/// The least fuel of a row with which the call returns.
fn need(module: &[u8], grant: Grant) -> i64 {
    let ends = |row| call(module, Grant { row, ..grant }).returned;
    let (mut low, mut high) = (0, 1 << 20);
    while low < high {
        let middle = (low + high) / 2;
        if ends(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[test]
fn fuel_of_a_row_does_not_depend_on_other_rows() {
    let module = burning("(i32.const 50)", "(i32.const 8)");
    let needs = [1, 2, 10, 1000].map(|count| need(&module, Grant { count, ..PLENTY }));
    assert!(needs[0] > 200 && needs[0] < 1_000, "{needs:?}");
    assert!(needs.iter().all(|need| *need == needs[0]), "{needs:?}");
}

#[test]
fn row_that_ran_out_of_fuel_is_reported() {
    // Row 7 burns more than the others.
    let iterations =
        "(select (i32.const 100) (i32.const 10) (i32.eq (local.get $row) (i32.const 7)))";
    let module = burning(iterations, "(i32.const 0)");
    let end = call(&module, Grant { row: 300, ..PLENTY });
    assert_eq!((end.returned, end.row), (false, 7));
    assert!(end.fuel < 0 && end.call_fuel > 0);
}

#[test]
fn unused_fuel_of_rows_returns_to_the_call() {
    let module = burning("(i32.const 100)", "(i32.const 0)");
    let burnt = |count| PLENTY.fuel - call(&module, Grant { count, ..PLENTY }).fuel;
    let end = call(&module, PLENTY);
    assert_eq!((end.returned, end.row), (true, -1 - 10));
    let need = need(&module, PLENTY);
    let per_row = burnt(11) - burnt(10);
    assert!(
        (need..need + 100).contains(&per_row),
        "{per_row} for {need}"
    );
}

#[test]
fn payment_at_the_end_of_a_row_goes_to_the_call() {
    let grant = Grant { count: 1, ..PLENTY };
    let [none, some] =
        ["(i32.const 0)", "(i32.const 2000)"].map(|bytes| burning("(i32.const 1)", bytes));
    assert_eq!(call(&none, grant).fuel, call(&some, grant).fuel);
    assert_eq!(need(&some, grant) - need(&none, grant), 1_000);
    // The length is unsigned, so that a negative one earns nothing.
    let end = call(&burning("(i32.const 1)", "(i32.const -1)"), grant);
    assert_eq!((end.returned, end.row), (false, 0));
    // The same with a length that is not constant.
    let computed = burning(
        "(i32.const 1)",
        "(i32.add (local.get $row) (i32.const 2000))",
    );
    let price = need(&computed, grant) - need(&some, grant);
    assert!((0..10).contains(&price), "{price}");
}

#[test]
fn resumed_row_continues_with_its_remaining_fuel() {
    let switching = |times: usize| {
        let switch = "(call $row_pause (i32.const 0)) (nop) (call $row_resume)".repeat(times);
        over_rows(&format!(
            "(call $row_begin (local.get $row)) {switch} (call $row_end (i32.const 0))"
        ))
    };
    let grant = Grant { count: 3, ..PLENTY };
    let [none, one, ten] = [0, 1, 10].map(|times| need(&switching(times), grant));
    assert!(one > none);
    assert_eq!(ten - none, 10 * (one - none));
    // Without a suspended row, there is no fuel to continue with.
    let endless = r#"(func (export "f") (param i32) (call $row_resume) (loop $l (br $l)))"#;
    let end = call(&module(endless), PLENTY);
    assert_eq!((end.returned, end.row), (false, -1));
}

#[test]
fn rows_begin_in_ascending_order_within_the_batch() {
    for rows in [
        &[10][..],
        &[-1],
        &[i32::MIN],
        &[i32::MAX],
        &[0, 0],
        &[5, 4],
        &[9, 10],
    ] {
        for end in ["", "(call $row_end (i32.const 0))"] {
            let rows: String = rows
                .iter()
                .map(|row| format!("(call $row_begin (i32.const {row})) {end}"))
                .collect();
            let f = format!(r#"(func (export "f") (param i32) {rows})"#);
            let end = call(&module(&f), PLENTY);
            assert_eq!((end.returned, end.row), (false, NEXT_ROW_INVALID), "{rows}");
        }
    }
    let all: String = (0..10)
        .map(|row| format!("(call $row_begin (i32.const {row}))"))
        .collect();
    let f = format!(r#"(func (export "f") (param i32) {all})"#);
    assert!(call(&module(&f), PLENTY).returned);
}

#[test]
fn all_rows_burn_at_most_the_fuel_of_the_call() {
    let module = burning("(i32.const 100)", "(i32.const 0)");
    let row = need(&module, PLENTY);
    let grant = |fuel| Grant {
        fuel,
        row,
        ..PLENTY
    };
    let burnt = PLENTY.fuel - call(&module, Grant { row, ..PLENTY }).fuel;
    assert!(call(&module, grant(burnt + row)).returned);
    let end = call(&module, grant(burnt - 100));
    assert_eq!((end.returned, end.row), (false, -1 - 9));
    assert!(end.call_fuel < 0);
}

#[test]
fn guest_cannot_gain_fuel_through_imports() {
    // Begins, ends, suspends and resumes rows whenever possible.
    let greedy = r#"(func (export "f") (param $rows i32) (local $row i32)
        (loop $next
          (if (i32.lt_u (local.get $row) (local.get $rows)) (then (call $row_begin (local.get $row))))
          (local.set $row (i32.add (local.get $row) (i32.const 1)))
          (call $row_pause (i32.const 100))
          (call $row_resume)
          (call $row_end (i32.const 100))
          (call $row_pause (i32.const 10))
          (call $row_resume)
          (br $next)))"#;
    let grant = Grant {
        row: 200,
        fuel: 10_000,
        ..PLENTY
    };
    let end = call(&module(greedy), grant);
    assert!(
        !end.returned && (end.fuel < 0 || end.call_fuel < 0),
        "{end:?}"
    );
}

#[test]
fn imports_may_be_called_through_a_table() {
    let f = r#"(table funcref (elem $row_begin $row_end)) (type $t (func (param i32)))
        (func (export "f") (param i32)
          (call_indirect (type $t) (i32.const 3) (i32.const 0))
          (call_indirect (type $t) (i32.const 20) (i32.const 1))
          (return_call $row_begin (i32.const 4)))"#;
    let end = call(&module(f), PLENTY);
    assert_eq!((end.returned, end.row), (true, 4));
}

#[test]
fn unmetered_module_has_the_same_exports() {
    let module = burning("(i32.const 50)", "(i32.const 8)");
    let exports = |metered| {
        let options = Options {
            metered,
            ..Options::default()
        };
        let module = instrument(&module, options).unwrap().module;
        let module = wasmtime::Module::new(
            &wasmtime::Engine::new(&crate::oracle::config()).unwrap(),
            module,
        )
        .unwrap();
        let names = module.exports().map(|export| export.name().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(exports(true), exports(false));
}
