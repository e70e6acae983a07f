//! Plain functions over numbers, whose rows are metered in groups where that changes no outcome.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int64Type};
use arrow_array::{ArrayRef, Int64Array};
use fusebox_runtime::{IdleLimits, Runtime, Scope, WasmFunction};
use proptest::prelude::*;

use crate::plain_text::{bind_module, call, call_in, message};
use crate::runtime;

/// Functions that take so many turns as their argument says: `count` traps at 13, `add` has
/// none.
const MODULE: &[u8] = br#"(module
  (func (export "count") (param $n i64) (result i64) (local $left i64)
    (if (i64.eq (local.get $n) (i64.const 13)) (then (unreachable)))
    (local.set $left (local.get $n))
    (block $done
      (loop $again
        (br_if $done (i64.le_s (local.get $left) (i64.const 0)))
        (local.set $left (i64.sub (local.get $left) (i64.const 1)))
        (br $again)))
    (local.get $n))
  (func (export "add") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1))))"#;

/// The least `fuel_per_row` with which rows are grouped.
const GROUPED_FUEL_MIN: u64 = 16 << 10;

/// Binds `count`, whose results are out of range from 32,768 on.
pub(crate) fn bind_count(runtime: &Runtime, fuel_per_row: u64) -> Arc<WasmFunction> {
    let function = format!(
        "count(BIGINT) RETURNS SMALLINT LANGUAGE WASM WITH (fuel_per_row = {fuel_per_row})"
    );
    bind_module(runtime, MODULE, &function).unwrap()
}

pub(crate) fn column(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

/// Calls a function row by row. Returns the results, or the message of the first row that fails
/// as that of a batch.
fn alone(function: &WasmFunction, values: &[Option<i64>]) -> Result<Vec<Option<i16>>, String> {
    let mut results = Vec::new();
    for (row, value) in values.iter().enumerate() {
        let result = call(function, &[column(&[*value])]).map_err(|error| {
            let message = error.to_string();
            message.replace("at row 0", &format!("at row {row}"))
        })?;
        results.extend(result.as_primitive::<Int16Type>().iter());
    }
    Ok(results)
}

fn together(function: &WasmFunction, values: &[Option<i64>]) -> Result<Vec<Option<i16>>, String> {
    let result = call(function, &[column(values)]).map_err(|error| error.to_string())?;
    Ok(result.as_primitive::<Int16Type>().iter().collect())
}

/// Mostly few turns; some that exhaust the fuel of a group, of a row, or fail.
pub(crate) fn turns() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![
        30 => (0_i64..200).prop_map(Some),
        4 => Just(None),
        2 => (200_i64..3_000).prop_map(Some),
        1 => (3_000_i64..40_000).prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn rows_of_a_batch_end_as_they_do_alone(
        values in prop::collection::vec(turns(), 1..120),
        fuel_per_row in GROUPED_FUEL_MIN / 2..400_000,
    ) {
        let runtime = runtime(IdleLimits::default());
        let count = bind_count(&runtime, fuel_per_row);
        prop_assert_eq!(together(&count, &values), alone(&count, &values));
    }
}

/// The fuel of a call, and how often it was repeated.
fn fuel_and_retries(function: &WasmFunction, values: &[Option<i64>]) -> (u64, u64) {
    let scope = Scope::default();
    call_in(function, &[column(values)], &scope).unwrap();
    let statistics = scope.statistics();
    let statistics = statistics.values().next().unwrap();
    (statistics.fuel, statistics.retries)
}

#[test]
fn cheap_rows_are_begun_in_groups() {
    let runtime = runtime(IdleLimits::default());
    let grouped = bind_count(&runtime, GROUPED_FUEL_MIN);
    let per_row = bind_count(&runtime, GROUPED_FUEL_MIN - 1);
    let cheap: Vec<_> = (0..8_192).map(|row| Some(row % 8)).collect();
    let (fuel, retries) = fuel_and_retries(&grouped, &cheap);
    let (more, none) = fuel_and_retries(&per_row, &cheap);
    assert_eq!((retries, none), (0, 0));
    // Beginning and ending a row takes some twenty units.
    assert!(fuel + 8_192 * 15 < more, "{fuel} {more}");
    // With nulls too.
    let with_nulls: Vec<_> = (0..8_192)
        .map(|row| (row % 10 > 0).then_some(row % 8))
        .collect();
    let (_, retries) = fuel_and_retries(&grouped, &with_nulls);
    assert_eq!(retries, 0);
    assert_eq!(
        together(&grouped, &with_nulls),
        together(&per_row, &with_nulls)
    );
}

#[test]
fn group_that_burns_too_much_is_repeated_row_by_row() {
    let runtime = runtime(IdleLimits::default());
    let count = bind_count(&runtime, 100_000);
    // More than a group may burn, less than a row may.
    let mut values: Vec<_> = (0..100).map(|row| Some(row % 8)).collect();
    values[17] = Some(5_000);
    let (_, retries) = fuel_and_retries(&count, &values);
    assert_eq!(retries, 1);
    assert_eq!(together(&count, &values), alone(&count, &values));
    values[17] = Some(30_000);
    values[40] = Some(13);
    let message = message(&count, &[column(&values)]);
    assert!(message.contains("ran out of fuel at row 17"), "{message}");
}

/// Short functions are called for four rows at a time, the last rows one by one.
#[test]
fn short_functions_add_columns_and_constants_of_any_length() {
    let runtime = runtime(IdleLimits::default());
    let function = "add(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM";
    let add = bind_module(&runtime, MODULE, function).unwrap();
    for rows in (2..40).chain([8_191, 8_192, 8_193]) {
        let a: Vec<_> = (0..rows).map(|row| Some(row * 3)).collect();
        let b: Vec<_> = (0..rows)
            .map(|row| (row % 3 > 0).then_some(i64::MAX - row))
            .collect();
        for (others, constant) in [(a.clone(), false), (b, false), (vec![Some(7)], true)] {
            let sum = |row: usize| {
                let other = others[if constant { 0 } else { row }];
                Some(a[row]?.wrapping_add(other?))
            };
            let expected: Vec<_> = (0..a.len()).map(sum).collect();
            let result = call(&add, &[column(&a), column(&others)]).unwrap();
            let found: Vec<_> = result.as_primitive::<Int64Type>().iter().collect();
            assert_eq!(found, expected, "{rows} {constant}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Memory is not reset before a call without nulls. Values of null rows would show it.
    #[test]
    fn values_of_null_rows_are_those_of_a_fresh_instance(
        calls in prop::collection::vec(
            (prop::collection::vec(1_i64..1_000, 40..200), any::<bool>(), 1_usize..20),
            1..8,
        ),
    ) {
        let runtime = runtime(IdleLimits::default());
        let add = "add(BIGINT, BIGINT) RETURNS BIGINT LANGUAGE WASM WITH (reuse = 'off')";
        let add = bind_module(&runtime, MODULE, add).unwrap();
        for (values, has_nulls, every) in calls {
            let is_null = |row: usize| has_nulls && row.is_multiple_of(every + 3);
            let rows = values.iter().enumerate();
            let rows: Vec<_> = rows.map(|(row, value)| (!is_null(row)).then_some(*value)).collect();
            let result = call(&add, &[column(&rows), column(&rows)]).unwrap();
            let result = result.as_primitive::<Int64Type>();
            prop_assert_eq!(result.iter().collect::<Vec<_>>(),
                rows.iter().map(|row| row.map(|value| 2 * value)).collect::<Vec<_>>());
            for (row, value) in result.values().iter().enumerate() {
                let expected = rows[row].map_or(0, |value| 2 * value);
                prop_assert_eq!(*value, expected, "row {}", row);
            }
        }
    }
}
