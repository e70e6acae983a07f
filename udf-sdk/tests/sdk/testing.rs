//! Functions of every kind and of natural types, called by `fusebox_sdk::testing`.

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use fusebox_sdk::testing::{Column, aggregate, scalar, table, window};
use fusebox_sdk::{Decimal, List, Map, Partition, Row, udaf, udf, udtf, udwf};

type FixedMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

#[udf]
fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

#[udf]
fn trimmed<'a>(text: Cow<'a, str>) -> Cow<'a, str> {
    match text.contains("  ") {
        true => Cow::Owned(text.replace("  ", " ")),
        false => text,
    }
}

#[udf]
fn counts(words: Vec<String>) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

#[udf]
fn inverted(map: FixedMap<String, Option<i64>>) -> BTreeMap<i64, String> {
    map.into_iter()
        .filter_map(|(key, value)| Some((value?, key)))
        .collect()
}

#[udf]
fn swapped(pair: (i64, Option<String>)) -> (Option<String>, i64) {
    (pair.1, pair.0)
}

#[udf]
fn share(part: Decimal<10, 2>, whole: Decimal<10, 2>) -> Option<Decimal<6, 4>> {
    part.divide(whole)
}

#[udf]
fn total(numbers: List<i64>, names: Map<&str, i64>) -> i64 {
    let named: i64 = names.iter().filter_map(|(_, value)| value).sum();
    numbers.iter().flatten().sum::<i64>() + named
}

#[derive(Default, Row)]
struct Seen {
    counts: BTreeMap<String, i64>,
    last: Option<(String, i64)>,
}

#[udaf]
impl Seen {
    fn update(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            return Err("an empty text".to_owned());
        }
        *self.counts.entry(text.to_owned()).or_insert(0) += 1;
        self.last = Some((text.to_owned(), 1));
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        for (text, count) in other.counts {
            *self.counts.entry(text).or_insert(0) += count;
        }
        self.last = other.last.or(self.last.take());
    }

    fn finish(&self) -> Option<(String, i64)> {
        let first = self.counts.iter().max_by_key(|(_, count)| **count);
        first.map(|(text, count)| (text.clone(), *count))
    }
}

#[derive(Default)]
struct Running {
    sum: i64,
}

#[udwf]
impl Running {
    fn next(&mut self, value: Option<i64>) -> i64 {
        self.sum += value.unwrap_or(0);
        self.sum
    }
}

#[udwf]
fn shares(values: Partition<'_, f64>) -> Vec<Option<f64>> {
    let sum: f64 = values.iter().flatten().sum();
    values.iter().map(|value| Some(value? / sum)).collect()
}

#[udtf]
fn letters(text: String) -> impl Iterator<Item = (i64, String)> {
    let letters: Vec<char> = text.chars().collect();
    (1..).zip(letters.into_iter().map(String::from))
}

#[test]
fn scalar_functions_see_nulls_constants_and_batches() {
    let lists = [Some(vec![1.0, 2.0]), None, Some(vec![])];
    assert_eq!(
        scalar(mean, &[Column::new(lists)]),
        Ok(vec![Some(1.5), None, None])
    );
    let lists = Column::new([Some(vec![Some(1.0), None])]);
    assert_eq!(scalar(mean, &[lists]), Ok(vec![None]));

    let texts = Column::new([Some("a  b"), Some("a b"), None]);
    let expected = vec![Some("a b".into()), Some("a b".into()), None];
    assert_eq!(scalar(trimmed, &[texts]), Ok(expected));

    let words = Column::new([Some(vec!["a", "b", "a"]), Some(vec![])]);
    let expected = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);
    assert_eq!(
        scalar(counts, &[words]),
        Ok(vec![Some(expected), Some(BTreeMap::new())])
    );

    let map = Column::constant(Some(vec![("a", Some(1_i64)), ("b", None), ("c", Some(3))]));
    let expected = BTreeMap::from([(1, "a".to_owned()), (3, "c".to_owned())]);
    assert_eq!(scalar(inverted, &[map]), Ok(vec![Some(expected)]));

    let pairs = Column::new([Some((1_i64, Some("a"))), Some((2, None)), None]);
    let expected = vec![Some((Some("a".to_owned()), 1)), Some((None, 2)), None];
    assert_eq!(scalar(swapped, &[pairs]), Ok(expected));

    let part = Column::new((0..200).map(Decimal::<10, 2>::new));
    let whole = Column::constant(Decimal::<10, 2>::new(300));
    let shares = scalar(share, &[part, whole]).unwrap();
    assert_eq!(shares[100], Decimal::new(3333));
}

#[test]
fn failure_names_the_row_of_all_batches() {
    #[udf]
    fn root(n: i64) -> Result<f64, String> {
        match n {
            0.. => Ok((n as f64).sqrt()),
            _ => Err(format!("{n} is negative")),
        }
    }
    let numbers = Column::new((0..100_i64).map(|n| Some(90 - n)));
    assert_eq!(
        scalar(root, &[numbers]),
        Err("row 91: -1 is negative".to_owned())
    );
}

#[test]
#[should_panic(expected = "expected the same results however rows are divided into batches")]
fn state_between_rows_is_found() {
    static CALLS: AtomicI64 = AtomicI64::new(0);
    #[udf]
    fn numbered(n: i64) -> i64 {
        n + CALLS.fetch_add(1, Relaxed)
    }
    let _ = scalar(numbered, &[Column::new([Some(1_i64), Some(2)])]);
}

#[test]
#[should_panic(expected = "expected columns of the types of the arguments")]
fn column_of_another_type_is_refused() {
    let _ = scalar(
        share,
        &[Column::new([Some(1_i64)]), Column::new([Some(1_i64)])],
    );
}

#[test]
fn aggregates_are_merged_from_copied_states() {
    let texts = (0..100).map(|n| (n % 9 > 0).then_some(["a", "b", "a", "c"][n % 4]));
    let results = aggregate(
        Seen::update,
        Seen::merge,
        Seen::finish,
        &[Column::new(texts)],
    );
    assert!(results.len() > 2);
    for result in results {
        assert_eq!(result, Ok(Some(("a".to_owned(), 44))));
    }
    let results = aggregate(
        Seen::update,
        Seen::merge,
        Seen::finish,
        &[Column::new([Some("")])],
    );
    assert!(
        results
            .iter()
            .all(|result| *result == Err("row 0: an empty text".to_owned()))
    );
    let none = Column::new([None::<&str>]);
    for result in aggregate(Seen::update, Seen::merge, Seen::finish, &[none]) {
        assert_eq!(result, Ok(None));
    }
}

#[test]
fn window_functions_keep_state_between_batches() {
    let values = Column::new([Some(1_i64), None, Some(3)]);
    let sums = window(Running::next, &[values]);
    assert_eq!(sums, Ok(vec![Some(1), Some(1), Some(4)]));
    let shares = shares(Partition::from(vec![Some(1.0), None, Some(3.0)]));
    assert_eq!(shares, [Some(0.25), None, Some(0.75)]);
}

#[test]
fn table_functions_return_their_rows() {
    let rows = table(letters, &[Column::constant(Some("ab"))]).unwrap();
    assert_eq!(rows, [(1, "a".to_owned()), (2, "b".to_owned())]);
    assert_eq!(
        table(letters, &[Column::constant(None::<&str>)]),
        Ok(vec![])
    );
}

#[test]
fn lists_and_maps_are_made_natively() {
    let list = List::from([1_i64, 2, 3]);
    let names = Map::from(vec![("a", Some(10_i64)), ("b", None)]);
    assert_eq!(
        (list.len(), list.get(1), names.get("a")),
        (3, Some(2), Some(10))
    );
    assert_eq!(total(list, names), 16);
    let nested: List<'_, Vec<String>> = List::from([vec!["x".to_owned()]]);
    assert_eq!(nested.get(0), Some(vec!["x".to_owned()]));
}
