//! Number of canonicalizations, time of the pass, and code that is not changed.

use fusebox_instrument::{CompileBudget, Options, instrument};
use wasmparser::{Operator, Parser, Payload};

use crate::canonical_nans::instrumented;

/// The number of canonicalizations in a function: outside of loops, and inside.
fn canonicalizations(function: &str) -> [usize; 2] {
    let text = format!(
        "(module (memory 1)
           (func (param $n i32) (result f64) (local $a f64) (local $b f64) (local $v v128)
             {function}))"
    );
    let module = instrumented(&wat::parse_str(text).unwrap(), true, false);
    let mut counts = [0; 2];
    for payload in Parser::new(0).parse_all(&module) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let mut blocks = Vec::new();
            for operator in body.get_operators_reader().unwrap() {
                match operator.unwrap() {
                    Operator::Loop { .. } => blocks.push(true),
                    Operator::Block { .. } | Operator::If { .. } => blocks.push(false),
                    Operator::End => drop(blocks.pop()),
                    Operator::Select | Operator::V128Bitselect => {
                        counts[usize::from(blocks.contains(&true))] += 1;
                    }
                    _ => {}
                }
            }
        }
    }
    counts
}

/// Code, and its number of canonicalizations outside of loops and inside.
const CODE: [(&str, [usize; 2]); 21] = [
    // Operands of arithmetic and of comparisons need nothing.
    ("f64.const 1", [0, 0]),
    ("LOAD f64.neg", [0, 0]),
    ("LOAD LOAD f64.mul LOAD f64.add f64.sqrt", [1, 0]),
    (
        "LOAD f64.sqrt local.tee $a local.get $a f64.lt f64.convert_i32_s",
        [0, 0],
    ),
    (
        "LOAD f64.sqrt local.set $a local.get $a local.get $a f64.mul",
        [1, 0],
    ),
    // Constants that are not NaNs need nothing.
    (
        "i32.const 0 f64.const 1 f64.neg f64.store f64.const 1",
        [0, 0],
    ),
    // A negated result is canonicalized once.
    ("LOAD f64.sqrt f64.neg", [1, 0]),
    ("LOAD f64.sqrt f64.neg LOAD f64.add", [1, 0]),
    (
        "LOAD f64.sqrt f64.abs LOAD f64.lt f64.convert_i32_s",
        [0, 0],
    ),
    // A local is canonicalized once, not at each use.
    (
        "LOAD f64.sqrt local.set $a STORE STORE STORE local.get $a",
        [1, 0],
    ),
    // A sum is canonicalized once it is complete.
    (
        "loop local.get $a LOAD f64.add local.set $a MORE end local.get $a",
        [1, 0],
    ),
    (
        "LOAD local.set $a loop local.get $a LOAD f64.add local.set $a MORE end local.get $a",
        [1, 0],
    ),
    (
        "LOAD local.set $a loop local.get $a LOAD f64.add local.tee $a local.set $b MORE end local.get $b",
        [1, 0],
    ),
    (
        "loop loop local.get $a LOAD f64.add local.set $a MORE end MORE end local.get $a",
        [1, 0],
    ),
    // Unless it may keep the bits of a load, if there is no iteration.
    (
        "LOAD local.set $a block loop MORE_OR_OUT local.get $a LOAD f64.add local.set $a br 0 end end local.get $a",
        [0, 1],
    ),
    // Or it is observed in each iteration.
    (
        "loop local.get $a LOAD f64.add local.set $a STORE MORE end local.get $a",
        [0, 1],
    ),
    // A loop invariant is canonicalized before the loop.
    (
        "LOAD f64.sqrt local.set $a loop STORE MORE end local.get $a",
        [1, 0],
    ),
    (
        "local.get $n if LOAD f64.sqrt local.set $a end loop STORE MORE end local.get $a",
        [1, 0],
    ),
    (
        "LOAD f64.sqrt local.set $a loop local.get $a local.set $b
         i32.const 0 local.get $b f64.store i32.const 8 local.get $b f64.store MORE end local.get $a",
        [1, 0],
    ),
    // A vector sum is canonicalized after its lanes are added.
    (
        "loop local.get $v i32.const 0 v128.load f64x2.add local.set $v MORE end
      local.get $v f64x2.extract_lane 0 local.get $v f64x2.extract_lane 1 f64.add",
        [1, 0],
    ),
    (
        "loop local.get $v i32.const 0 v128.load f64x2.add local.set $v MORE end
      local.get $v local.get $v local.get $v i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7
      f64x2.add f64x2.extract_lane 0",
        [1, 0],
    ),
];

#[test]
fn values_are_canonicalized_only_where_necessary() {
    let load = "i32.const 0 f64.load";
    let more = "local.get $n i32.const 1 i32.sub local.tee $n br_if 0";
    let store = "i32.const 0 local.get $a f64.store";
    for (function, expected) in CODE {
        let out = "local.get $n i32.eqz br_if 1 local.get $n i32.const 1 i32.sub local.set $n";
        let text = function
            .replace("LOAD", load)
            .replace("MORE_OR_OUT", out)
            .replace("MORE", more)
            .replace("STORE", store);
        assert_eq!(canonicalizations(&text), expected, "{function}");
    }
}

#[test]
fn module_without_arithmetic_is_not_changed() {
    for function in [
        "i32.const 0 i32.const 0 f64.load f64.store",
        "i32.const 0 i32.const 0 v128.load f32x4.neg v128.store",
        "i32.const 0 i32.const 0 f64.load i64.trunc_sat_f64_s i64.store",
    ] {
        let text = format!("(module (memory 1) (func {function}))");
        let module = wat::parse_str(text).unwrap();
        let [with, without] = [true, false].map(|canonical| instrumented(&module, canonical, true));
        assert!(with == without, "{function}");
    }
}

#[test]
fn only_the_code_section_is_changed() {
    let text = r#"(module
      (@custom "fusebox.functions" (before first) "CREATE FUNCTION f() RETURNS DOUBLE;")
      (type (func)) (type (func (result f64)))
      (table 1 2 funcref) (memory 1 3) (global (mut i32) (i32.const 5))
      (export "f" (func 0)) (elem (i32.const 0) func 0)
      (func (type 1) (f64.sqrt (f64.load (i32.const 0))))
      (@custom "between" (after code) "\00\01")
      (data (i32.const 0) "\00\ff") (data "passive")
      (@custom "last" (after last) "\ff"))"#;
    let module = wat::parse_str(text).unwrap();
    let sections = |canonical_nans| {
        let module = instrumented(&module, canonical_nans, false);
        let payloads = Parser::new(0).parse_all(&module);
        let sections = payloads.filter_map(|payload| match payload.unwrap() {
            Payload::CodeSectionStart { .. } => None,
            payload => payload
                .as_section()
                .map(|(id, range)| (id, module[range].to_vec())),
        });
        sections.collect::<Vec<_>>()
    };
    assert_eq!(sections(true), sections(false));
    assert_ne!(
        instrumented(&module, true, false),
        instrumented(&module, false, false)
    );
}

/// Code for which a quadratic algorithm would not finish in reasonable time.
#[test]
fn hostile_code_is_processed_in_linear_time() {
    let (blocks, ends) = ("block ".repeat(900), "end ".repeat(900));
    let table = format!("local.get 0 br_table {}", "0 1 2 3 4 5 6 7 ".repeat(2_000));
    // Each local has another value on each path to each end.
    let sets = |locals: usize, count: usize| {
        let set = |n: usize| {
            let [from, to] = [n, n + 1].map(|n| 1 + n % locals);
            format!(
                "local.get {from} f64.sqrt local.set {to} local.get 0 br_if {} ",
                n % 900
            )
        };
        (0..count).map(set).collect::<String>()
    };
    let loops = "loop local.get 1 f64.sqrt local.set 2 local.get 2 local.set 1 ".repeat(900);
    let chain = "f64.sqrt f64.neg ".repeat(200_000);
    for (locals, code) in [
        (
            40_000,
            format!("{blocks} {} {table} {ends}", sets(40_000, 100_000)),
        ),
        (700, format!("{blocks} {} {table} {ends}", sets(700, 450))),
        (8, format!("{blocks} {} {table} {ends}", sets(8, 100_000))),
        (1_000, format!("{loops} {ends}")),
        (1, format!("f64.const 2 {chain} global.set 0")),
    ] {
        let locals = "(local f64)".repeat(locals);
        let text = format!(
            "(module (global (mut f64) f64.const 0) (func (param i32) {locals} {code} local.get 1 global.set 0))"
        );
        let module = wat::parse_str(&text).unwrap();
        let options = Options {
            chain_bytes_max: 1 << 20,
            compile_budget: CompileBudget::UNLIMITED,
            ..Options::default()
        };
        let output = instrument(&module, options).unwrap().module;
        wasmparser::validate(&output).unwrap();
        assert!(output.len() > module.len());
    }
}
