//! What window functions do with the rows of a partition.

use crate::batch::{Failure, fill};
use crate::column::Numbers;
use crate::entry::Array;
use crate::fuel::Terms;
use crate::item::Item;
use crate::partition::{Partition, Peers};
use crate::places::Places;
use crate::results::{BitResults, ByteResults, NumberResults};
use crate::sample::{Sample, set_more};
use crate::window::{fill_partition, next_announced};

/// A sum so far.
fn add(sum: &mut i64, (value, ()): (i64, ())) -> Result<i64, &'static str> {
    if value == 13 {
        return Err("13 is unlucky");
    }
    *sum += value;
    Ok(*sum)
}

fn next(values: &[Option<i64>], sum: &mut i64) -> Result<Vec<Option<i64>>, Failure> {
    let sample = Sample::numbers(values.len(), values);
    let columns: (Numbers<'_, i64>, ()) = (sample.as_numbers(), ());
    let mut results = NumberResults::new();
    let rows = next_announced(&columns, values.len(), sum, &add, &mut results)?;
    let results = results.to_options();
    assert_eq!(results.len(), rows);
    Ok(results)
}

#[test]
fn state_goes_on_from_row_to_row_and_over_nulls() {
    let mut sum = 0;
    let values = [Some(1), None, Some(2)];
    assert_eq!(next(&values, &mut sum), Ok(vec![Some(1), None, Some(3)]));
    assert_eq!(next(&[Some(10)], &mut sum), Ok(vec![Some(13)]));
    // The same where rows need not be told apart.
    let sample = Sample::numbers(3, &values);
    let columns: (Numbers<'_, i64>, ()) = (sample.as_numbers(), ());
    let mut results = NumberResults::new();
    fill::<false, _, _>(
        &columns,
        3,
        Terms::Bounded,
        |row| add(&mut sum, row),
        &mut results,
    )
    .unwrap();
    assert_eq!(results.to_options(), [Some(14), None, Some(16)]);
}

#[test]
fn call_without_fuel_answers_for_the_rows_before() {
    let values: Vec<_> = (0..300)
        .map(|row| (row % 4 > 0).then_some(row + 100))
        .collect();
    let mut all = 0;
    let expected = next(&values, &mut all).unwrap();
    for times in [0, 1, 2, 3, 77] {
        let mut sum = 0;
        let mut answered = Vec::new();
        while answered.len() < values.len() {
            set_more(times);
            let answers = next(&values[answered.len()..], &mut sum).unwrap();
            assert!(!answers.is_empty());
            answered.extend(answers);
        }
        assert_eq!(answered, expected, "{times}");
    }
    set_more(usize::MAX);
}

#[test]
fn booleans_are_cut_off_anywhere() {
    let sample = Sample::numbers(200, &[Some(1)]);
    let columns: (Numbers<'_, i64>, ()) = (sample.as_numbers(), ());
    let is_odd = |count: &mut i64, (value, ()): (i64, ())| {
        *count += value;
        *count % 2 == 1
    };
    for (times, rows) in [(0, 1), (2, 2), (128, 65), (usize::MAX, 200)] {
        set_more(times);
        let mut results = BitResults::new();
        let done = next_announced(&columns, 200, &mut 0, &is_odd, &mut results);
        assert_eq!(done, Ok(rows));
        let bits = results.to_options(rows);
        assert!((0..rows).all(|row| bits[row] == Some(row % 2 == 0)));
    }
    set_more(usize::MAX);
}

#[test]
fn no_row_comes_after_the_one_that_failed() {
    let mut sum = 0;
    let failure = next(&[Some(1), Some(13), Some(100)], &mut sum);
    let (row, message) = (1, "13 is unlucky".to_owned());
    assert_eq!(failure, Err(Failure { row, message }));
    assert_eq!(sum, 1);
}

/// A partition of numbers, or of one that is constant.
fn partition(sample: &Sample) -> Partition<'_, i64> {
    let view = i64::view(Array::Sample(sample), &mut Places::default());
    Partition::new(view, sample.rows())
}

#[test]
fn partition_has_all_its_rows_with_their_nulls() {
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
fn constant_of_a_partition_is_that_of_every_row() {
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
fn partition_is_answered_row_by_row() {
    let mut results = ByteResults::new();
    let answers = vec![Some("a"), None, Some("c")];
    assert_eq!(fill_partition(answers, 3, &mut results), Ok(()));
    let expected = [Some(&b"a"[..]), None, Some(b"c")];
    assert_eq!(results.to_options(), expected);
}

#[test]
fn partition_is_answered_with_as_many_rows_as_it_has() {
    let mut results = NumberResults::new();
    for (answers, message) in [
        (vec![1_i64; 4], "it answers 4 rows to a partition of 3"),
        (vec![], "it answers 0 rows to a partition of 3"),
    ] {
        let outcome = fill_partition(answers, 3, &mut results);
        assert_eq!(outcome, Err((None, message.to_owned())));
    }
    let failed: Result<Vec<i64>, &str> = Err("no such partition");
    let outcome = fill_partition(failed, 3, &mut results);
    assert_eq!(outcome, Err((None, "no such partition".to_owned())));
    let answers = vec![Ok(1_i64), Err("not this row"), Err("nor this one")];
    let outcome = fill_partition(answers, 3, &mut results);
    assert_eq!(outcome, Err((Some(1), "not this row".to_owned())));
}

#[test]
fn peers_say_where_they_are() {
    let peers = Peers::new(2, 5, 9);
    assert_eq!(
        (peers.start(), peers.end(), peers.partition_rows()),
        (2, 5, 9)
    );
}
