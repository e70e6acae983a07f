//! Statements of a client, and the errors that they may have.

use datafusion::common::DataFusionError;
use fusebox::{Error, ModuleError};

use crate::rng::Rng;

/// End of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client awaits the result.
    Awaited,
    /// The client cancels its session after some milliseconds.
    Cancelled,
    /// The client drops the future after some milliseconds.
    Dropped,
}

/// A text of statements, and how they end.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) text: String,
    pub(super) end: End,
}

/// Modules that differ in a constant.
const VARIANTS: u64 = 48;

/// Names of functions.
const NAMES: u64 = 4;

/// Chooses the next action.
pub(super) fn random(random: &mut Rng) -> Action {
    let end = match random.below(8) {
        0 => End::Cancelled,
        1 => End::Dropped,
        _ => End::Awaited,
    };
    let text = match random.below(20) {
        0..=3 => create(random),
        4 => create_module(random),
        5 => format!("IMPORT FUNCTIONS FROM MODULE m{}", random.below(4)),
        6 => format!(
            "ALTER FUNCTION f{} SET (fuel_per_row = {}, instances = {})",
            random.below(NAMES),
            100 + random.below(100),
            2 + random.below(4)
        ),
        7 => format!("DROP FUNCTION IF EXISTS f{}", random.below(NAMES)),
        8 => format!("DROP MODULE IF EXISTS m{} CASCADE", random.below(4)),
        9 => show(random),
        10 => hostile(random),
        11 | 12 => return long_query(random),
        _ => query(random),
    };
    Action { text, end }
}

/// Returns a module of the function `f`, which adds a constant to its argument. The
/// modules are small, so that they compile in milliseconds.
fn variant(number: u64) -> String {
    format!(
        r#"(module (memory (export "memory") 4)
        (func (export "fusebox_abi_1"))
        (func (export "fusebox_alloc") (param i32) (result i32) (i32.const 131072))
        (func (export "fusebox_udf_f") (param $args i32) (param $rows i32) (param $result i32) (result i32)
          (local $at i32) (local $from i32) (local $to i32)
          (local.set $from (i32.load offset=4 (i32.load offset=40 (local.get $args))))
          (local.set $to (i32.const 1024))
          (local.set $at (local.get $rows))
          (loop $again
            (i64.store (local.get $to) (i64.add (i64.const {number}) (i64.load (local.get $from))))
            (local.set $to (i32.add (local.get $to) (i32.const 8)))
            (if (i64.ne (i64.load (local.get $args)) (i64.const 1))
              (then (local.set $from (i32.add (local.get $from) (i32.const 8)))))
            (br_if $again (local.tee $at (i32.sub (local.get $at) (i32.const 1)))))
          (i32.store (i32.const 20) (i32.const 1024))
          (i64.store (local.get $result) (i64.extend_i32_u (local.get $rows)))
          (i64.store offset=24 (local.get $result) (i64.const 2))
          (i32.store offset=40 (local.get $result) (i32.const 16))
          (i32.const 0)))"#
    )
}

fn create(random: &mut Rng) -> String {
    let replace = ["", "OR REPLACE ", "OR REPLACE "][random.below(3) as usize];
    let temporary = ["", "", "", "TEMPORARY "][random.below(4) as usize];
    let volatility = ["", "", "", "VOLATILE"][random.below(4) as usize];
    let name = random.below(NAMES);
    let instances = 2 + random.below(4);
    let source = match random.below(4) {
        0 => "AS 'udfs/wat/halve.wat' EXPORT 'halve'".to_owned(),
        _ => format!("AS $${}$$ EXPORT 'f'", variant(random.below(VARIANTS))),
    };
    format!(
        "CREATE {replace}{temporary}FUNCTION f{name}(BIGINT) RETURNS BIGINT \
         LANGUAGE WASM {volatility} STRICT {source} WITH (instances = {instances})"
    )
}

fn create_module(random: &mut Rng) -> String {
    let replace = ["", "OR REPLACE "][random.below(2) as usize];
    let path = [
        "udfs/wat/clamp.wat",
        "udfs/wat/halve.wat",
        "target/guests/kinds.wasm",
    ];
    let path = path[random.below(3) as usize];
    let name = random.below(4);
    format!("CREATE {replace}MODULE m{name} LANGUAGE WASM FROM '{path}'")
}

fn show(random: &mut Rng) -> String {
    match random.below(5) {
        0 => "SHOW FUNCTIONS LIKE 'f%'".to_owned(),
        1 => "SHOW USER FUNCTIONS".to_owned(),
        2 => "SHOW MODULES".to_owned(),
        3 => format!("SHOW CREATE FUNCTION f{}", random.below(NAMES)),
        _ => format!("DESCRIBE MODULE m{}", random.below(4)),
    }
}

/// Returns a definition and a call of a guest that breaks a rule.
fn hostile(random: &mut Rng) -> String {
    let (signature, path) = [
        ("trap(BIGINT) RETURNS BIGINT", "trap.wat"),
        ("endless(BIGINT) RETURNS BIGINT", "endless.wat"),
        ("past_the_end(BIGINT) RETURNS BIGINT", "past_the_end.wat"),
        ("recursion(BIGINT) RETURNS BIGINT", "recursion.wat"),
        ("hungry(BIGINT) RETURNS BIGINT", "hungry.wat"),
    ][random.below(5) as usize];
    let (name, _) = signature.split_once('(').expect("a list of arguments");
    format!(
        "CREATE OR REPLACE TEMPORARY FUNCTION {signature} LANGUAGE WASM \
         AS 'udfs/hostile/{path}'; SELECT {name}(value) FROM range(0, 10)"
    )
}

fn query(random: &mut Rng) -> String {
    let (f, g) = (random.below(NAMES), random.below(NAMES));
    let rows = 1 + random.skewed(14);
    match random.below(7) {
        0 => format!("SELECT f{f}(7)"),
        1 => format!("SELECT sum(f{f}(value)) FROM range(0, {rows})"),
        2 => format!("SELECT f{f}(value) FROM range(0, {rows}) WHERE f{g}(value) % 3 = 1"),
        3 => format!("SELECT f{f}(value) % 7, count(*) FROM range(0, {rows}) GROUP BY 1"),
        4 => format!("SELECT halve(value), clamp_to(value, 3, 70) FROM range(0, {rows})"),
        5 => format!("SELECT value % 5, checked_sum(value) FROM range(0, {rows}) GROUP BY 1"),
        _ => format!("SELECT f{f}(value) FROM range(0, {rows}) ORDER BY f{g}(value) LIMIT 3"),
    }
}

/// Returns a query that would run for minutes, and does not get to.
fn long_query(random: &mut Rng) -> Action {
    let f = random.below(NAMES);
    let text = match random.below(2) {
        0 => format!("SELECT sum(f{f}(value)) FROM range(0, 100000000000)"),
        _ => format!("SELECT f{f}(value) FROM range(0, 100000000000)"),
    };
    let end = match random.below(2) {
        0 => End::Cancelled,
        _ => End::Dropped,
    };
    Action { text, end }
}

/// Returns true for errors that the statements of this file may have.
pub(super) fn is_expected(error: &Error) -> bool {
    match (Error::find_in(error), error) {
        // The guests of `hostile` trap, exceed limits and return wrong columns; another
        // session changes the catalog first.
        (Some(Error::Trap { .. } | Error::Limit { .. } | Error::Abi { .. }), _) => true,
        (Some(Error::Refused { .. } | Error::Cancelled | Error::Catalog(_)), _) => true,
        // A replaced module lacks a function of the one before.
        (Some(Error::Module { fault, .. }), _) => matches!(fault, ModuleError::NoExport { .. }),
        (None, Error::Query(inner)) => match inner.downcast_ref::<DataFusionError>() {
            Some(error) => is_expected_of_datafusion(error.find_root()),
            None => false,
        },
        _ => false,
    }
}

/// A function that another session has dropped is unknown; the pool may be exhausted.
fn is_expected_of_datafusion(error: &DataFusionError) -> bool {
    let message = error.to_string();
    match error {
        DataFusionError::ResourcesExhausted(_) => true,
        DataFusionError::Plan(_) => {
            message.contains("Invalid function") || message.contains("No function matches")
        }
        _ => false,
    }
}
