//! Metering of rows, as reported to the host, and permitted imports.

use fusebox_instrument::{Error, Options, RowFuel, instrument};

use crate::rows::{Grant, PLENTY, call, module, over_rows};

/// The metering of the rows of `f`.
fn row_fuel(f: &str) -> RowFuel {
    instrument(&module(f), Options::default()).unwrap().row_fuel["f"]
}

#[test]
fn row_is_bounded_if_its_code_is_straight_line() {
    let f = r#"(func (export "f") (param i32) (loop (call $one (local.get 0)) (br_if 0 (local.get 0))))"#;
    let one = |body: &str| {
        row_fuel(&format!(
            "(func $one (param i32) (call $row_begin (local.get 0)) {body} (call $row_end (i32.const 0))) {f}
             (func $leaf) (func $calls (call $leaf) (call $leaf))
             (func $loops (loop)) (func $recursive (call $recursive)) (table 1 funcref) (type $t (func))"
        ))
    };
    let RowFuel::Bounded { fuel: least, .. } = one("") else {
        panic!("an empty row is bounded");
    };
    assert!(least > 1 && least < 50, "{least}");
    let RowFuel::Bounded { fuel: more, .. } =
        one("(call $calls) (drop (i32.div_u (local.get 0) (i32.const 3)))")
    else {
        panic!("calls of bounded functions are bounded");
    };
    assert!(more > least + 10, "{more}");
    // Code outside the row does not count.
    let around = row_fuel(
        r#"(func $loops (loop)) (func (export "f") (param i32)
             (loop (call $loops) (call $row_begin (local.get 0)) (call $row_end (i32.const 0)) (call $loops)
               (br_if 0 (local.get 0))))"#,
    );
    assert!(
        matches!(around, RowFuel::Bounded { fuel: 1..20, .. }),
        "{around:?}"
    );
    for body in [
        "(loop)",
        "(call $loops)",
        "(call $recursive)",
        "(call_indirect (type $t) (i32.const 0))",
        "(memory.fill (i32.const 0) (i32.const 0) (local.get 0))",
        "(call $row_end (local.get 0))",
        "(call $row_pause (i32.const 0)) (call $row_resume)",
        "(call $row_begin (i32.const 7))",
        "(return_call $leaf)",
    ] {
        assert_eq!(one(body), RowFuel::PerRow { grouped: false }, "{body}");
    }
    assert_eq!(
        row_fuel(r#"(func (export "f") (param i32))"#),
        RowFuel::Shared
    );
}

#[test]
fn row_is_speculatable_if_its_code_neither_traps_nor_has_side_effects() {
    let speculatable = |body: &str| {
        let row_fuel = row_fuel(&format!(
            r#"(func (export "f") (param i32) (local i64 f64)
                 (call $row_begin (local.get 0)) {body} (call $row_end (i32.const 0))
                 (i32.store (i32.const 0) (local.get 0)))
               (func $leaf) (global $g (mut i32) (i32.const 0))"#,
        ));
        match row_fuel {
            RowFuel::Bounded { speculatable, .. } => speculatable,
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
        assert!(speculatable(body), "{body}");
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
        assert!(!speculatable(body), "{body}");
    }
}

#[test]
fn bound_suffices_for_every_row() {
    let module = over_rows(
        "(call $row_begin (local.get $row))
         (if (i32.and (local.get $row) (i32.const 1)) (then (drop (i32.div_u (local.get $row) (i32.const 7)))))
         (call $row_end (i32.const 64))",
    );
    let row_fuel = instrument(&module, Options::default()).unwrap().row_fuel;
    let RowFuel::Bounded { fuel: row, .. } = row_fuel["f"] else {
        panic!("the row is bounded");
    };
    let row = row as i64;
    assert!(call(&module, Grant { row, ..PLENTY }).returned);
}

#[test]
fn only_permitted_imports_are_accepted() {
    for import in [
        r#""fusebox" "rows" (func (param i32))"#,
        r#""fusebox" "row_begin" (func (param i64))"#,
        r#""fusebox" "row_begin" (func (param i32) (result i32))"#,
        r#""fusebox" "row_begin" (global i32)"#,
        r#""env" "row_begin" (func (param i32))"#,
        r#""env" "memory" (memory 1)"#,
    ] {
        let module = wat::parse_str(format!("(module (import {import}))")).unwrap();
        let result = instrument(&module, Options::default());
        assert!(
            matches!(result, Err(Error::UnknownImport { .. })),
            "{import}"
        );
    }
}
