//! Tests of window functions over samples.

use crate::aligned_copy::CopySlots;
use crate::batch::{RowFailure, fill};
use crate::column::Numbers;
use crate::fuel::MeteringMode;
use crate::fuel::simulated::set_rows_with_fuel;
use crate::input_array::InputArray;
use crate::item::Item;
use crate::partition::{Partition, Peers};
use crate::results::{BitBuilder, BytesBuilder, NumberBuilder};
use crate::sample::Sample;
use crate::window::{fill_partition, next_per_row};

/// A running sum.
fn add(sum: &mut i64, (value, ()): (i64, ())) -> Result<i64, &'static str> {
    if value == 13 {
        return Err("13 is unlucky");
    }
    *sum += value;
    Ok(*sum)
}

fn next(values: &[Option<i64>], sum: &mut i64) -> Result<Vec<Option<i64>>, RowFailure> {
    let sample = Sample::numbers(values.len(), values);
    let columns: (Numbers<'_, i64>, ()) = (sample.as_numbers(), ());
    let mut results = NumberBuilder::new();
    let rows = next_per_row(&columns, values.len(), sum, &add, &mut results)?;
    let results = results.to_options();
    assert_eq!(results.len(), rows);
    Ok(results)
}

#[test]
fn state_is_kept_from_row_to_row_and_across_nulls() {
    let mut sum = 0;
    let values = [Some(1), None, Some(2)];
    assert_eq!(next(&values, &mut sum), Ok(vec![Some(1), None, Some(3)]));
    assert_eq!(next(&[Some(10)], &mut sum), Ok(vec![Some(13)]));
    // The same if rows are not metered one by one.
    let sample = Sample::numbers(3, &values);
    let columns: (Numbers<'_, i64>, ()) = (sample.as_numbers(), ());
    let mut results = NumberBuilder::new();
    fill::<false, _, _>(
        &columns,
        3,
        MeteringMode::Bounded,
        |row| add(&mut sum, row),
        &mut results,
    )
    .unwrap();
    assert_eq!(results.to_options(), [Some(14), None, Some(16)]);
}

#[test]
fn call_without_fuel_returns_results_of_the_rows_before() {
    let values: Vec<_> = (0..300)
        .map(|row| (row % 4 > 0).then_some(row + 100))
        .collect();
    let mut all = 0;
    let expected = next(&values, &mut all).unwrap();
    for times in [0, 1, 2, 3, 77] {
        let mut sum = 0;
        let mut returned = Vec::new();
        while returned.len() < values.len() {
            set_rows_with_fuel(times);
            let results = next(&values[returned.len()..], &mut sum).unwrap();
            assert!(!results.is_empty());
            returned.extend(results);
        }
        assert_eq!(returned, expected, "{times}");
    }
    set_rows_with_fuel(usize::MAX);
}

#[test]
fn partial_call_may_end_at_any_boolean() {
    let sample = Sample::numbers(200, &[Some(1)]);
    let columns: (Numbers<'_, i64>, ()) = (sample.as_numbers(), ());
    let is_odd = |count: &mut i64, (value, ()): (i64, ())| {
        *count += value;
        *count % 2 == 1
    };
    for (times, rows) in [(0, 1), (2, 2), (128, 65), (usize::MAX, 200)] {
        set_rows_with_fuel(times);
        let mut results = BitBuilder::new();
        let done = next_per_row(&columns, 200, &mut 0, &is_odd, &mut results);
        assert_eq!(done, Ok(rows));
        let bits = results.to_options(rows);
        assert!((0..rows).all(|row| bits[row] == Some(row % 2 == 0)));
    }
    set_rows_with_fuel(usize::MAX);
}

#[test]
fn no_row_is_called_after_a_failure() {
    let mut sum = 0;
    let failure = next(&[Some(1), Some(13), Some(100)], &mut sum);
    let (row, message) = (1, "13 is unlucky".to_owned());
    assert_eq!(failure, Err(RowFailure { row, message }));
    assert_eq!(sum, 1);
}

/// A partition of numbers, or of a constant.
fn partition(sample: &Sample) -> Partition<'_, i64> {
    let view = i64::view(InputArray::Sample(sample), &mut CopySlots::default());
    Partition::new(view, sample.rows())
}

#[test]
fn partition_has_all_rows_with_nulls() {
    let values = [Some(3), None, Some(5)];
    let sample = Sample::numbers(3, &values);
    let rows = partition(&sample);
    assert_eq!((rows.len(), rows.is_empty()), (3, false));
    assert!(rows.iter().eq(values));
    assert!(rows.into_iter().rev().eq([Some(5), None, Some(3)]));
    assert_eq!(
        (rows.get(2), rows.get(3), rows.iter().len()),
        (Some(5), None, 3)
    );
    assert_eq!(format!("{rows:?}"), "[Some(3), None, Some(5)]");
}

#[test]
fn constant_is_the_value_of_every_row_of_a_partition() {
    for constant in [Some(7), None] {
        let sample = Sample::numbers(100, &[constant]);
        let rows = partition(&sample);
        assert_eq!(rows.iter().collect::<Vec<_>>(), [constant; 100]);
        assert_eq!(
            (rows.len(), rows.get(99), rows.get(100)),
            (100, constant, None)
        );
    }
}

#[test]
fn partition_results_have_one_row_each() {
    let mut results = BytesBuilder::new();
    let rows = vec![Some("a"), None, Some("c")];
    assert_eq!(fill_partition(rows, 3, &mut results), Ok(()));
    let expected = [Some(&b"a"[..]), None, Some(b"c")];
    assert_eq!(results.to_options(), expected);
}

#[test]
fn partition_results_of_another_length_are_an_error() {
    let mut results = NumberBuilder::new();
    for (rows, message) in [
        (vec![1_i64; 4], "4 results for a partition of 3 rows"),
        (vec![], "0 results for a partition of 3 rows"),
    ] {
        let outcome = fill_partition(rows, 3, &mut results);
        assert_eq!(outcome, Err((None, message.to_owned())));
    }
    let failed: Result<Vec<i64>, &str> = Err("no such partition");
    let outcome = fill_partition(failed, 3, &mut results);
    assert_eq!(outcome, Err((None, "no such partition".to_owned())));
    let rows = vec![Ok(1_i64), Err("not this row"), Err("nor this one")];
    let outcome = fill_partition(rows, 3, &mut results);
    assert_eq!(outcome, Err((Some(1), "not this row".to_owned())));
}

#[test]
fn peers_have_start_end_and_partition_rows() {
    let peers = Peers::new(2, 5, 9);
    assert_eq!(
        (peers.start(), peers.end(), peers.partition_rows()),
        (2, 5, 9)
    );
}
