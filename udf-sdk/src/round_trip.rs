//! Tests that results are read back as arguments.

use std::fmt::Debug;

use crate::aligned_copy::CopySlots;
use crate::append::{Append, AppendNullable};
use crate::argument::{ArgumentValue, NestedColumn};
use crate::batch::fill;
use crate::calendar::{Date, Interval};
use crate::column::InputColumn;
use crate::column_builder::ColumnBuilder;
use crate::decimal::Decimal;
use crate::fuel::MeteringMode;
use crate::input_array::InputArray;
use crate::item::Item;
use crate::list::{List, Map};
use crate::results::NestedBuilder;
use crate::sample::Sample;
use crate::timestamp::{Second, Timestamp};
use crate::view::View;
use fusebox_macros::Row;

/// A struct with fields of all kinds.
#[derive(Clone, Debug, PartialEq, Row)]
struct Everything {
    number: i16,
    flag: Option<bool>,
    text: Option<String>,
    bytes: Vec<u8>,
    small: Vec<Option<u8>>,
    matrix: Vec<Vec<f64>>,
    flags: Option<Vec<bool>>,
    texts: Vec<Option<String>>,
    pairs: Vec<(String, Option<Inner>)>,
    inner: Option<Inner>,
    wide: Option<Decimal<38, 3>>,
    span: Interval,
}

#[derive(Clone, Copy, Debug, PartialEq, Row)]
struct Inner {
    date: Option<Date>,
    at: Timestamp<Second>,
}

/// Pseudorandom numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(4) > 0).then(|| make(self))
    }

    fn some<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        // Sometimes more than there are bits in a word.
        let end = [1, 4, 4, 4, 150][self.below(5) as usize];
        (0..self.below(end)).map(|_| make(self)).collect()
    }

    fn text(&mut self) -> String {
        let letters = self.some(|random| random.below(3));
        letters
            .iter()
            .map(|letter| ['a', 'ß', '⊕'][*letter as usize])
            .collect()
    }

    fn inner(&mut self) -> Inner {
        Inner {
            date: self.maybe(|random| Date::from_days(random.below(9999) as i32)),
            at: Timestamp::from_count(self.below(1 << 30) as i64),
        }
    }

    fn everything(&mut self) -> Everything {
        Everything {
            number: self.below(1 << 16) as i16,
            flag: self.maybe(|random| random.below(2) == 0),
            text: self.maybe(Self::text),
            bytes: self.some(|random| random.below(256) as u8),
            small: self.some(|random| random.maybe(|random| random.below(256) as u8)),
            matrix: self.some(|random| random.some(|random| random.below(100) as f64 / 8.0)),
            flags: self.maybe(|random| random.some(|random| random.below(2) == 0)),
            texts: self.some(|random| random.maybe(Self::text)),
            pairs: self.some(|random| (random.text(), random.maybe(Self::inner))),
            inner: self.maybe(Self::inner),
            wide: self.maybe(|random| Decimal::new(-i128::from(random.below(99)) << 70).unwrap()),
            span: Interval {
                months: self.below(99) as i32,
                days: -1,
                nanoseconds: self.below(99) as i64,
            },
        }
    }
}

/// Returns a column of values.
fn column<T: Append>(values: &[Option<T>]) -> Sample {
    let mut node = ColumnBuilder::new();
    T::start(&mut node);
    for value in values {
        value.append_nullable(&mut node).unwrap();
    }
    node.lowered()
}

#[test]
fn every_value_is_read_back() {
    let mut random = Random(1);
    let mut nulls = 0;
    for rows in (0..40).chain([200]) {
        let values: Vec<_> = (0..rows)
            .map(|_| random.maybe(Random::everything))
            .collect();
        let sample = column(&values);
        let view = Everything::view(InputArray::Sample(&sample), &mut CopySlots::default());
        assert_eq!(view.rows(), rows);
        for (index, value) in values.iter().enumerate() {
            nulls += usize::from(value.is_none());
            assert_eq!(Everything::item(&view, index), *value);
            let rest = view.slice::<true>(index, rows);
            assert_eq!(Everything::item(&rest, 0), *value);
            let alone = rest.slice::<true>(0, 1);
            assert_eq!(Everything::item(&alone, 0), *value);
            assert_eq!(Everything::item(&alone, 1), None);
        }
        assert_eq!(Everything::item(&view, rows), None);
    }
    assert!(nulls > 200);
}

/// Calls a function for the rows of a column of lists, in every metering mode.
#[track_caller]
fn check(
    column: &Sample,
    rows: usize,
    function: impl Fn((Vec<i64>, ())) -> Option<Vec<i64>>,
    expected: &[Option<Vec<i64>>],
) {
    let array = InputArray::Sample(column);
    let columns = (
        NestedColumn::<Vec<i64>>::new(array, rows, &mut CopySlots::default()),
        (),
    );
    for mode in [
        MeteringMode::PerRow,
        MeteringMode::Grouped,
        MeteringMode::Bounded,
    ] {
        let mut results = NestedBuilder::new();
        Vec::<i64>::start(&mut results.root);
        let outcome = fill::<false, _, _>(&columns, rows, mode, &function, &mut results);
        assert_eq!(outcome, Ok(()));
        let result = results.root.lowered();
        let view = Vec::<i64>::view(InputArray::Sample(&result), &mut CopySlots::default());
        let items = (0..view.rows()).map(|row| Vec::<i64>::item(&view, row));
        assert_eq!(items.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn function_is_called_for_rows_and_constants_and_not_for_nulls() {
    let twice = |(values, ()): (Vec<i64>, ())| Some(values.repeat(2));
    let rows = [Some(vec![1_i64, 2]), None, Some(vec![]), Some(vec![3])];
    let expected = [Some(vec![1, 2, 1, 2]), None, Some(vec![]), Some(vec![3, 3])];
    check(&column(&rows), 4, twice, &expected);
    check(
        &column(&rows[..1]),
        70,
        twice,
        &vec![expected[0].clone(); 70],
    );
    check(&column(&rows[1..2]), 3, twice, &[None, None, None]);
}

#[test]
fn null_inside_a_type_without_option_makes_the_row_null() {
    let rows = [
        Some(vec![Some(1_i64), Some(2)]),
        Some(vec![Some(1), None]),
        None,
    ];
    let sample = column(&rows);
    let same = |(values, ()): (Vec<i64>, ())| Some(values);
    check(&sample, 3, same, &[Some(vec![1, 2]), None, None]);
    let array = InputArray::Sample(&sample);
    let view = Vec::<Option<i64>>::view(array, &mut CopySlots::default());
    let items = (0..3).map(|row| Vec::<Option<i64>>::item(&view, row));
    assert_eq!(items.collect::<Vec<_>>(), rows);
}

#[test]
fn list_without_nulls_is_a_slice() {
    let mut random = Random(2);
    let mut slices = [0; 2];
    let rows: Vec<_> = (0..500)
        .map(|_| {
            let nulls = random.below(2) == 0;
            random.some(|random| (!nulls || random.below(50) > 0).then(|| random.below(99) as i32))
        })
        .map(Some)
        .collect();
    let sample = column(&rows);
    let column = NestedColumn::<List<'_, i32>>::new(
        InputArray::Sample(&sample),
        500,
        &mut CopySlots::default(),
    );
    for (row, items) in rows.iter().flatten().enumerate() {
        let list = List::<i32>::from_item(column.get(row)).unwrap();
        let expected: Option<Vec<i32>> = items.iter().copied().collect();
        assert_eq!(list.as_slice(), expected.as_deref());
        slices[usize::from(expected.is_some())] += 1;
        assert_eq!(
            (list.len(), list.is_empty()),
            (items.len(), items.is_empty())
        );
        assert!(list.iter().eq(items.iter().copied()));
        assert!(list.iter().rev().eq(items.iter().rev().copied()));
        assert_eq!(
            (list.get(items.len()), list.iter().len()),
            (None, items.len())
        );
    }
    assert!(slices.iter().all(|seen| *seen > 20), "{slices:?}");
}

#[test]
fn map_returns_its_entries_and_finds_keys() {
    let rows = [
        Some(vec![
            ("eins".to_owned(), Some(1_i64)),
            ("zwei".to_owned(), None),
            ("eins".to_owned(), Some(3)),
        ]),
        None,
        Some(vec![]),
    ];
    let sample = column(&rows);
    let column = NestedColumn::<Map<'_, &str, i64>>::new(
        InputArray::Sample(&sample),
        3,
        &mut CopySlots::default(),
    );
    let map = Map::<&str, i64>::from_item(column.get(0)).unwrap();
    let entries: Vec<_> = map.iter().collect();
    assert_eq!(
        entries,
        [("eins", Some(1)), ("zwei", None), ("eins", Some(3))]
    );
    assert_eq!(
        (map.get("eins"), map.get("zwei"), map.get("drei")),
        (Some(1), None, None)
    );
    assert!(!column.validity().is_valid(1));
    assert!(
        Map::<&str, i64>::from_item(column.get(2))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn borrowed_list_is_a_valid_result() {
    let rows = [Some(vec![Some("a".to_owned()), None]), None, Some(vec![])];
    let sample = column(&rows);
    let mut slots = CopySlots::default();
    let view = List::<&str>::view(InputArray::Sample(&sample), &mut slots);
    let lists: Vec<_> = (0..3).map(|row| List::<&str>::item(&view, row)).collect();
    let sample = column(&lists);
    let view = Vec::<Option<String>>::view(InputArray::Sample(&sample), &mut slots);
    let items: Vec<_> = (0..3)
        .map(|row| Vec::<Option<String>>::item(&view, row))
        .collect();
    assert_eq!(items, rows);
}

#[test]
fn value_is_charged_for_at_least_its_bytes() {
    let numbers = vec![0_i64; 1000];
    assert!((8000..9000).contains(&numbers.charged_bytes()));
    let texts = vec![Some("abc"), None];
    assert!(Append::charged_bytes(&texts) >= 3 + 2 * 4);
    let pairs = vec![("key", Some(7_i64)); 100];
    assert!(pairs.charged_bytes() >= 100 * (3 + 4 + 8));
}
