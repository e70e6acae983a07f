//! Rows that are announced burn fuel of their own.

use fusebox_instrument::{
    EXPORT_BEGIN, EXPORT_FUEL, EXPORT_MODE, EXPORT_ROW, Error, MODE_BOOK, MODE_REFUSED, MODE_ROW,
    MODE_SPENT, Options, Rows, instrument,
};
use wasmtime::{Engine, Instance, Store, TypedFunc};

/// Imports, and an export `f` with the parameter `$rows`.
fn module(f: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row" (func $row (param i32)))
          (import "fusebox" "settle" (func $settle (param i32)))
          (import "fusebox" "resume" (func $resume))
          (import "fusebox" "bounded" (func $bounded (result i32)))
          (memory 1)
          {f})"#
    );
    wat::parse_str(text).unwrap()
}

/// What is granted to a call of `f`.
#[derive(Clone, Copy)]
struct Grant {
    book: i64,
    row: i64,
    rows: i64,
    count: i32,
}

const PLENTY: Grant = Grant {
    book: 1_000_000,
    row: 1_000_000,
    rows: 1_000_000_000,
    count: 10,
};

/// How a call of `f` ended: whether it returned, the mode, the row announced
/// last, and the fuel in the tank that was burning.
#[derive(Debug, PartialEq)]
struct End {
    returned: bool,
    mode: i32,
    row: i32,
    fuel: i64,
}

fn call(module: &[u8], grant: Grant) -> End {
    let module = instrument(module, Options::default()).unwrap().module;
    let engine = Engine::default();
    let module = wasmtime::Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let begin: TypedFunc<(i64, i64, i64, i64, i32, i32), ()> =
        instance.get_typed_func(&mut store, EXPORT_BEGIN).unwrap();
    let Grant {
        book,
        row,
        rows,
        count,
    } = grant;
    begin
        .call(&mut store, (book, 1 << 18, row, rows, count, 0))
        .unwrap();
    let f: TypedFunc<i32, ()> = instance.get_typed_func(&mut store, "f").unwrap();
    let returned = f.call(&mut store, count).is_ok();
    let mut global = |name| {
        instance
            .get_global(&mut store, name)
            .unwrap()
            .get(&mut store)
    };
    End {
        returned,
        mode: global(EXPORT_MODE).unwrap_i32(),
        row: global(EXPORT_ROW).unwrap_i32(),
        fuel: global(EXPORT_FUEL).unwrap_i64(),
    }
}

/// A loop over the rows, which calls `one` for each.
fn over_rows(one: &str) -> Vec<u8> {
    module(&format!(
        r#"(func $one (param $row i32) {one})
           (func (export "f") (param $rows i32) (local $row i32)
             (loop $next
               (call $one (local.get $row))
               (local.set $row (i32.add (local.get $row) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $row) (local.get $rows)))))"#
    ))
}

/// Announces a row and burns so many iterations for it.
fn burning(iterations: &str, bytes: &str) -> Vec<u8> {
    over_rows(&format!(
        r"(local $left i32)
          (call $row (local.get $row))
          (local.set $left {iterations})
          (loop $more
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $more (i32.gt_s (local.get $left) (i32.const 0))))
          (call $settle {bytes})"
    ))
}

/// What a row needs: the least fuel with which it ends.
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
fn what_a_row_may_burn_does_not_depend_on_the_others() {
    let module = burning("(i32.const 50)", "(i32.const 8)");
    let needs = [1, 2, 10, 1000].map(|count| need(&module, Grant { count, ..PLENTY }));
    assert!(needs[0] > 200 && needs[0] < 1_000, "{needs:?}");
    assert!(needs.iter().all(|need| *need == needs[0]), "{needs:?}");
}

#[test]
fn the_row_that_ran_out_is_named() {
    // Row 7 burns more than the others.
    let iterations =
        "(select (i32.const 100) (i32.const 10) (i32.eq (local.get $row) (i32.const 7)))";
    let module = burning(iterations, "(i32.const 0)");
    let end = call(&module, Grant { row: 300, ..PLENTY });
    assert_eq!((end.returned, end.mode, end.row), (false, MODE_ROW, 7));
    assert!(end.fuel < 0);
}

#[test]
fn the_book_is_not_paid_by_rows() {
    let module = burning("(i32.const 1)", "(i32.const 0)");
    let (count, row) = (1_000, 1_000_000);
    let end = call(
        &module,
        Grant {
            book: 100,
            count,
            row,
            ..PLENTY
        },
    );
    assert_eq!((end.returned, end.mode), (false, MODE_BOOK));
    let end = call(
        &module,
        Grant {
            book: 256 * 1_000,
            count,
            ..PLENTY
        },
    );
    assert_eq!((end.returned, end.mode, end.row), (true, MODE_BOOK, 999));
}

#[test]
fn what_a_row_settles_goes_to_the_book_and_no_more() {
    let grant = Grant { count: 1, ..PLENTY };
    let left = |bytes: &str| call(&burning("(i32.const 1)", bytes), grant).fuel;
    assert_eq!(left("(i32.const 2000)") - left("(i32.const 0)"), 1_000);
    let needs = ["(i32.const 0)", "(i32.const 2000)"]
        .map(|bytes| need(&burning("(i32.const 1)", bytes), grant));
    assert_eq!(needs[1] - needs[0], 1_000);
    // A length is unsigned: nobody earns by a negative one.
    let end = call(&burning("(i32.const 1)", "(i32.const -1)"), grant);
    assert_eq!((end.returned, end.mode, end.row), (false, MODE_ROW, 0));
}

#[test]
fn a_row_that_is_resumed_goes_on_with_what_it_had() {
    let switching = |times: usize| {
        let switch = "(call $settle (i32.const 0)) (nop) (call $resume)".repeat(times);
        over_rows(&format!(
            "(call $row (local.get $row)) {switch} (call $settle (i32.const 0))"
        ))
    };
    let grant = Grant { count: 3, ..PLENTY };
    let [none, one, ten] = [0, 1, 10].map(|times| need(&switching(times), grant));
    assert!(one > none);
    assert_eq!(ten - none, 10 * (one - none));
    // Without a row there is nothing to go on with.
    let endless = r#"(func (export "f") (param i32) (call $resume) (loop $l (br $l)))"#;
    let end = call(&module(endless), PLENTY);
    assert_eq!((end.returned, end.mode, end.row), (false, MODE_ROW, -1));
}

#[test]
fn rows_rise_and_end_with_the_batch() {
    for rows in [
        "10",
        "-1",
        "-2147483648",
        "2147483647",
        "0) (i32.const 0",
        "5) (i32.const 4",
    ] {
        let rows: String = rows
            .split(") (i32.const ")
            .map(|row| format!("(call $row (i32.const {row}))"))
            .collect();
        let end = call(
            &module(&format!(r#"(func (export "f") (param i32) {rows})"#)),
            PLENTY,
        );
        assert_eq!((end.returned, end.mode), (false, MODE_REFUSED), "{rows}");
    }
}

#[test]
fn rows_together_burn_no_more_than_the_host_grants() {
    let module = burning("(i32.const 100)", "(i32.const 0)");
    let need = need(&module, PLENTY);
    let granted = |rows| call(&module, Grant { rows, ..PLENTY });
    assert!(granted(need * 10).returned);
    let end = granted(need * 10 - 1 - 9);
    assert_eq!((end.returned, end.mode, end.row), (false, MODE_SPENT, 9));
    assert!(end.fuel >= 0);
}

#[test]
fn no_guest_burns_more_than_it_was_granted() {
    // Announces all it may, settles all it can, and resumes.
    let greedy = r#"(func (export "f") (param $rows i32) (local $row i32)
        (loop $next
          (if (i32.lt_u (local.get $row) (local.get $rows)) (then (call $row (local.get $row))))
          (local.set $row (i32.add (local.get $row) (i32.const 1)))
          (call $settle (i32.const 100))
          (call $resume)
          (call $settle (i32.const 100))
          (br $next)))"#;
    let end = call(
        &module(greedy),
        Grant {
            row: 200,
            book: 10_000,
            ..PLENTY
        },
    );
    assert!(!end.returned && end.fuel < 0);
}

fn granted(f: &str) -> Rows {
    instrument(&module(f), Options::default()).unwrap().rows["f"]
}

#[test]
fn rows_are_bounded_where_nothing_in_them_can_go_on() {
    let f = r#"(func (export "f") (param i32) (loop (call $one (local.get 0)) (br_if 0 (local.get 0))))"#;
    let one = |body: &str| {
        granted(&format!(
            "(func $one (param i32) (call $row (local.get 0)) {body} (call $settle (i32.const 0))) {f}
             (func $leaf) (func $calls (call $leaf) (call $leaf))
             (func $loops (loop)) (func $circle (call $circle)) (table 1 funcref) (type $t (func))"
        ))
    };
    let Rows::Bounded(least) = one("") else {
        panic!("an empty row is bounded");
    };
    assert!(least > 5 && least < 50, "{least}");
    let Rows::Bounded(more) = one("(call $calls) (drop (i32.div_u (local.get 0) (i32.const 3)))")
    else {
        panic!("calls of bounded functions are bounded");
    };
    assert!(more > least + 10, "{more}");
    for body in [
        "(loop)",
        "(call $loops)",
        "(call $circle)",
        "(call_indirect (type $t) (i32.const 0))",
        "(memory.fill (i32.const 0) (i32.const 0) (local.get 0))",
        "(call $settle (local.get 0))",
        "(call $settle (i32.const 0)) (call $resume)",
    ] {
        assert_eq!(one(body), Rows::Announced, "{body}");
    }
    assert_eq!(granted(r#"(func (export "f") (param i32))"#), Rows::Shared);
}

#[test]
fn what_is_bounded_suffices_for_every_row() {
    let module = over_rows(
        "(call $row (local.get $row))
         (if (i32.and (local.get $row) (i32.const 1)) (then (drop (i32.div_u (local.get $row) (i32.const 7)))))
         (call $settle (i32.const 64))",
    );
    let Rows::Bounded(row) = instrument(&module, Options::default()).unwrap().rows["f"] else {
        panic!("the row is bounded");
    };
    let row = row as i64;
    assert!(call(&module, Grant { row, ..PLENTY }).returned);
}

#[test]
fn only_what_is_granted_can_be_imported() {
    for import in [
        r#""fusebox" "rows" (func (param i32))"#,
        r#""fusebox" "row" (func (param i64))"#,
        r#""fusebox" "row" (func (param i32) (result i32))"#,
        r#""fusebox" "row" (global i32)"#,
        r#""env" "row" (func (param i32))"#,
        r#""env" "memory" (memory 1)"#,
    ] {
        let module = wat::parse_str(format!("(module (import {import}))")).unwrap();
        let refused = instrument(&module, Options::default());
        assert!(matches!(refused, Err(Error::Import { .. })), "{import}");
    }
}

#[test]
fn module_that_is_not_metered_has_the_same_exports() {
    let module = burning("(i32.const 50)", "(i32.const 8)");
    let exports = |metered| {
        let options = Options {
            metered,
            ..Options::default()
        };
        let module = instrument(&module, options).unwrap().module;
        let module = wasmtime::Module::new(&Engine::default(), module).unwrap();
        let names = module.exports().map(|export| export.name().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(exports(true), exports(false));
}
