//! Rows that are announced burn fuel of their own.

use fusebox_instrument::{
    EXPORT_BEGIN, EXPORT_FUEL, EXPORT_NEXT_ROW, EXPORT_REST, Error, Options, ROW_REFUSED, Rows,
    instrument,
};
use wasmtime::{Engine, Instance, Store, TypedFunc};

use crate::oracle::ONE_IN;

/// Imports, and an export `f` with the parameter `$rows`.
fn module(f: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "fusebox" "row_begin" (func $row (param i32)))
          (import "fusebox" "row_end" (func $settle (param i32)))
          (import "fusebox" "row_pause" (func $pause (param i32)))
          (import "fusebox" "row_resume" (func $resume))
          (import "fusebox" "metering_mode" (func $bounded (result i32)))
          (import "fusebox" "has_fuel" (func $more (result i32)))
          (memory 1)
          {f})"#
    );
    wat::parse_str(text).unwrap()
}

/// What is granted to a call of `f`.
#[derive(Clone, Copy)]
struct Grant {
    fuel: i64,
    row: i64,
    count: i32,
}

const PLENTY: Grant = Grant {
    fuel: 1_000_000_000,
    row: 1_000_000,
    count: 10,
};

/// How a call of `f` ended.
#[derive(Debug, PartialEq)]
struct End {
    returned: bool,
    row: i32,
    /// In the tank that was burning.
    fuel: i64,
    rest: i64,
}

fn call(module: &[u8], grant: Grant) -> End {
    let module = instrument(module, Options::default()).unwrap().module;
    let engine = Engine::new(&crate::oracle::config()).unwrap();
    let module = wasmtime::Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let begin: TypedFunc<(i64, i64, i64, i32, i32), ()> =
        instance.get_typed_func(&mut store, EXPORT_BEGIN).unwrap();
    let Grant { fuel, row, count } = grant;
    begin
        .call(&mut store, (fuel, 1 << 18, row, count, 0))
        .unwrap();
    let f: TypedFunc<i32, ()> = instance.get_typed_func(&mut store, "f").unwrap();
    let returned = f.call(&mut store, count).is_ok();
    let mut global = |name| {
        let global = instance.get_global(&mut store, name).unwrap();
        global.get(&mut store)
    };
    let rest = global(EXPORT_REST).unwrap_i64();
    let row = global(EXPORT_NEXT_ROW).unwrap_i32();
    End {
        returned,
        // Outside rows, as -1 less the row that may come next.
        row: match (row, rest) {
            (ROW_REFUSED, _) => ROW_REFUSED,
            (next, 1..) => next - 1,
            (next, _) => -1 - next,
        },
        fuel: global(EXPORT_FUEL).unwrap_i64(),
        rest,
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
    assert_eq!((end.returned, end.row), (false, 7));
    assert!(end.fuel < 0 && end.rest > 0);
}

#[test]
fn what_rows_leave_is_the_calls_again() {
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
fn what_a_row_settles_goes_to_the_call() {
    let grant = Grant { count: 1, ..PLENTY };
    let [none, some] =
        ["(i32.const 0)", "(i32.const 2000)"].map(|bytes| burning("(i32.const 1)", bytes));
    assert_eq!(call(&none, grant).fuel, call(&some, grant).fuel);
    assert_eq!(need(&some, grant) - need(&none, grant), 1_000);
    // A length is unsigned: nobody earns by a negative one.
    let end = call(&burning("(i32.const 1)", "(i32.const -1)"), grant);
    assert_eq!((end.returned, end.row), (false, 0));
    // The same where it is not known before.
    let known = burning(
        "(i32.const 1)",
        "(i32.add (local.get $row) (i32.const 2000))",
    );
    let price = need(&known, grant) - need(&some, grant);
    assert!((0..10).contains(&price), "{price}");
}

#[test]
fn a_row_that_is_resumed_goes_on_with_what_it_had() {
    let switching = |times: usize| {
        let switch = "(call $pause (i32.const 0)) (nop) (call $resume)".repeat(times);
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
    assert_eq!((end.returned, end.row), (false, -1));
}

#[test]
fn rows_rise_and_end_with_the_batch() {
    for rows in [
        &[10][..],
        &[-1],
        &[i32::MIN],
        &[i32::MAX],
        &[0, 0],
        &[5, 4],
        &[9, 10],
    ] {
        for settle in ["", "(call $settle (i32.const 0))"] {
            let rows: String = rows
                .iter()
                .map(|row| format!("(call $row (i32.const {row})) {settle}"))
                .collect();
            let f = format!(r#"(func (export "f") (param i32) {rows})"#);
            let end = call(&module(&f), PLENTY);
            assert_eq!((end.returned, end.row), (false, ROW_REFUSED), "{rows}");
        }
    }
    let all: String = (0..10)
        .map(|row| format!("(call $row (i32.const {row}))"))
        .collect();
    let f = format!(r#"(func (export "f") (param i32) {all})"#);
    assert!(call(&module(&f), PLENTY).returned);
}

#[test]
fn rows_together_burn_no_more_than_the_host_grants() {
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
    assert!(end.rest < 0);
}

#[test]
fn no_guest_burns_more_than_it_was_granted() {
    // Announces all it may, settles all it can, and resumes.
    let greedy = r#"(func (export "f") (param $rows i32) (local $row i32)
        (loop $next
          (if (i32.lt_u (local.get $row) (local.get $rows)) (then (call $row (local.get $row))))
          (local.set $row (i32.add (local.get $row) (i32.const 1)))
          (call $pause (i32.const 100))
          (call $resume)
          (call $settle (i32.const 100))
          (call $pause (i32.const 10))
          (call $resume)
          (br $next)))"#;
    let grant = Grant {
        row: 200,
        fuel: 10_000,
        ..PLENTY
    };
    let end = call(&module(greedy), grant);
    assert!(!end.returned && (end.fuel < 0 || end.rest < 0), "{end:?}");
}

#[test]
fn imports_may_be_called_through_a_table() {
    let f = r#"(table funcref (elem $row $settle)) (type $t (func (param i32)))
        (func (export "f") (param i32)
          (call_indirect (type $t) (i32.const 3) (i32.const 0))
          (call_indirect (type $t) (i32.const 20) (i32.const 1))
          (return_call $row (i32.const 4)))"#;
    let end = call(&module(f), PLENTY);
    assert_eq!((end.returned, end.row), (true, 4));
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
    let Rows::Bounded { fuel: least, .. } = one("") else {
        panic!("an empty row is bounded");
    };
    assert!(least > 1 && least < 50, "{least}");
    let Rows::Bounded { fuel: more, .. } =
        one("(call $calls) (drop (i32.div_u (local.get 0) (i32.const 3)))")
    else {
        panic!("calls of bounded functions are bounded");
    };
    assert!(more > least + 10, "{more}");
    // What stands around a row is not the row's.
    let around = granted(
        r#"(func $loops (loop)) (func (export "f") (param i32)
             (loop (call $loops) (call $row (local.get 0)) (call $settle (i32.const 0)) (call $loops)
               (br_if 0 (local.get 0))))"#,
    );
    assert!(
        matches!(around, Rows::Bounded { fuel: 1..20, .. }),
        "{around:?}"
    );
    for body in [
        "(loop)",
        "(call $loops)",
        "(call $circle)",
        "(call_indirect (type $t) (i32.const 0))",
        "(memory.fill (i32.const 0) (i32.const 0) (local.get 0))",
        "(call $settle (local.get 0))",
        "(call $pause (i32.const 0)) (call $resume)",
        "(call $row (i32.const 7))",
        "(return_call $leaf)",
    ] {
        assert_eq!(one(body), Rows::Announced { together: false }, "{body}");
    }
    assert_eq!(granted(r#"(func (export "f") (param i32))"#), Rows::Shared);
}

#[test]
fn rows_are_harmless_where_nothing_in_them_can_trap_or_stay() {
    let is_harmless = |body: &str| {
        let rows = granted(&format!(
            r#"(func (export "f") (param i32) (local i64 f64)
                 (call $row (local.get 0)) {body} (call $settle (i32.const 0))
                 (i32.store (i32.const 0) (local.get 0)))
               (func $leaf) (global $g (mut i32) (i32.const 0))"#,
        ));
        match rows {
            Rows::Bounded { is_harmless, .. } => is_harmless,
            other => panic!("{body}: {other:?}"),
        }
    };
    for body in [
        "",
        "(local.set 1 (i64.mul (local.get 1) (i64.const 119)))",
        "(local.set 1 (i64.div_s (local.get 1) (i64.const 100)))",
        "(local.set 0 (i32.rem_u (local.get 0) (i32.const 7)))",
        "(local.set 2 (f64.div (local.get 2) (f64.const 0)))",
        "(i64.mul_wide_u (local.get 1) (local.get 1)) (drop) (local.set 1)",
        "(i64.mul_wide_s (local.get 1) (local.get 1)) (local.get 1) (i64.const 3) (i64.add128)
         (local.get 1) (local.get 1) (i64.sub128) (local.set 1) (local.set 1)",
        "(local.set 1 (i64.trunc_sat_f64_s (local.get 2)))",
        "(block (br_if 0 (local.get 0)) (local.set 0 (i32.const 1)))",
        "(if (local.get 0) (then (local.set 0 (i32.const 0))))",
    ] {
        assert!(is_harmless(body), "{body}");
    }
    for body in [
        "(unreachable)",
        "(return)",
        "(call $leaf)",
        "(global.set $g (local.get 0))",
        "(i32.store (i32.const 0) (local.get 0))",
        "(local.set 0 (i32.load (local.get 0)))",
        "(local.set 1 (i64.div_s (local.get 1) (local.get 1)))",
        "(local.set 1 (i64.div_s (local.get 1) (i64.const -1)))",
        "(local.set 1 (i64.rem_u (local.get 1) (i64.const 0)))",
        "(local.set 1 (i64.trunc_f64_s (local.get 2)))",
        "(drop (memory.size))",
    ] {
        assert!(!is_harmless(body), "{body}");
    }
}

#[test]
fn what_is_bounded_suffices_for_every_row() {
    let module = over_rows(
        "(call $row (local.get $row))
         (if (i32.and (local.get $row) (i32.const 1)) (then (drop (i32.div_u (local.get $row) (i32.const 7)))))
         (call $settle (i32.const 64))",
    );
    let rows = instrument(&module, Options::default()).unwrap().rows;
    let Rows::Bounded { fuel: row, .. } = rows["f"] else {
        panic!("the row is bounded");
    };
    let row = row as i64;
    assert!(call(&module, Grant { row, ..PLENTY }).returned);
}

#[test]
fn only_what_is_granted_can_be_imported() {
    for import in [
        r#""fusebox" "rows" (func (param i32))"#,
        r#""fusebox" "row_begin" (func (param i64))"#,
        r#""fusebox" "row_begin" (func (param i32) (result i32))"#,
        r#""fusebox" "row_begin" (global i32)"#,
        r#""env" "row_begin" (func (param i32))"#,
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
        let module =
            wasmtime::Module::new(&Engine::new(&crate::oracle::config()).unwrap(), module).unwrap();
        let names = module.exports().map(|export| export.name().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(exports(true), exports(false));
}

/// Random code, in which imports are called wherever it happens to.
struct Code(u64);

impl Code {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) % below
    }

    /// Some instructions, inside of so many blocks.
    fn body(&mut self, depth: u64) -> String {
        (0..self.below(5))
            .map(|_| self.instruction(depth))
            .collect()
    }

    fn instruction(&mut self, depth: u64) -> String {
        let number = self.below(7);
        let nested = if depth < 5 { 24 } else { 19 };
        match self.below(nested) {
            0..3 => format!("(call $row (i32.const {number}))"),
            3 => "(call $row (local.get 0))".to_owned(),
            4..6 => "(call $settle (i32.const 0))".to_owned(),
            6 => "(call $settle (local.get 0))".to_owned(),
            7 => format!("(call $pause (i32.const {}))", number * 20),
            8..10 => "(call $resume)".to_owned(),
            10 => match self.below(2) {
                0 => "(local.set 0 (call $bounded))".to_owned(),
                _ => "(local.set 0 (call $more))".to_owned(),
            },
            11..14 => "(local.set 0 (i32.add (local.get 0) (i32.const 1)))".to_owned(),
            14 => format!("(br_if {} (local.get 0))", self.below(depth)),
            15 => "(call $g (local.get 0))".to_owned(),
            16 => "(call_indirect (type $t) (local.get 0) (i32.const 0))".to_owned(),
            17 => format!("(drop (i32.div_u (i32.const 9) (i32.const {number})))"),
            18 => match self.below(4) {
                0 => "(return)".to_owned(),
                1 => "(unreachable)".to_owned(),
                2 => format!("(br {})", self.below(depth)),
                _ => "(memory.fill (i32.const 0) (i32.const 0) (local.get 0))".to_owned(),
            },
            19 => format!("(block {})", self.body(depth + 1)),
            20 => {
                let (then, other) = (self.body(depth + 1), self.body(depth + 1));
                format!("(if (local.get 0) (then {then}) (else {other}))")
            }
            _ => format!(
                "(loop {} (br_if 0 (i32.lt_u (local.get 0) (i32.const {number}))))",
                self.body(depth + 1)
            ),
        }
    }

    fn module(&mut self) -> Vec<u8> {
        let (f, g) = (self.body(1), self.body(1));
        module(&format!(
            r#"(table funcref (elem $row $settle $g)) (type $t (func (param i32)))
               (func $g (param i32) {g}) (func (export "f") (param i32) {f})"#
        ))
    }
}

/// The pass leaves a valid module, and no call goes on for ever or burns more
/// than it was granted.
#[test]
fn random_code_stops_with_what_it_was_granted() {
    let (mut announced, mut returned, mut out_of_fuel) = (0, 0, 0);
    let mut code = Code(1);
    for _ in 0..2_000 / ONE_IN {
        let grant = Grant {
            fuel: 2_000,
            row: 300,
            count: 5,
        };
        let end = call(&code.module(), grant);
        // A trap leaves the counter of a local behind.
        assert!(
            !end.returned || end.fuel + end.rest <= grant.fuel,
            "{end:?}"
        );
        let next = if end.row < 0 {
            -1 - end.row
        } else {
            end.row + 1
        };
        assert!(end.row == ROW_REFUSED || (0..=5).contains(&next), "{end:?}");
        announced += usize::from(end.row != -1);
        returned += usize::from(end.returned);
        out_of_fuel += usize::from(end.fuel < 0 || end.rest < 0);
    }
    println!("{announced} announced, {returned} returned, {out_of_fuel} ran out of fuel");
    assert!(announced > 300 / ONE_IN, "{announced}");
    assert!(returned > 300 / ONE_IN, "{returned}");
    assert!(out_of_fuel > 100 / ONE_IN, "{out_of_fuel}");
}
