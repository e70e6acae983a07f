//! Aggregate and window functions.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use fusebox_sdk::{Row, udaf, udwf};

/// Texts with their numbers of rows.
#[derive(Default, Row)]
pub struct MostFrequent {
    counts: BTreeMap<String, i64>,
}

/// The most frequent text, the first in alphabetical order of several.
#[udaf]
impl MostFrequent {
    fn update(&mut self, text: &str) {
        match self.counts.get_mut(text) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(text.to_owned(), 1)),
        }
    }

    fn merge(&mut self, other: Self) {
        for (text, count) in other.counts {
            *self.counts.entry(text).or_default() += count;
        }
    }

    fn finish(&self) -> Option<&str> {
        let counts = self.counts.iter().rev();
        let most = counts.max_by_key(|(_, count)| **count);
        most.map(|(text, _)| text.as_str())
    }
}

/// All numbers.
#[derive(Default, Row)]
pub struct Middle {
    values: Vec<f64>,
}

/// The median: the mean of the two in the middle of an even number of values.
#[udaf]
impl Middle {
    fn update(&mut self, value: f64) {
        self.values.push(value);
    }

    fn merge(&mut self, mut other: Self) {
        self.values.append(&mut other.values);
    }

    fn finish(&self) -> Option<f64> {
        let mut values = self.values.clone();
        let half = values.len() / 2;
        if values.is_empty() {
            return None;
        }
        let (below, upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
        let lower = below.iter().copied().max_by(f64::total_cmp);
        match (self.values.len() % 2, lower) {
            (0, Some(lower)) => Some(lower + (*upper - lower) / 2.0),
            _ => Some(*upper),
        }
    }
}

/// The visit of the last row.
#[derive(Default)]
pub struct VisitNumber {
    last: Option<NaiveDateTime>,
    number: i64,
}

/// The number of a row's visit, from 1. A visit is a sequence of rows in the order of time, of
/// which each is at most some minutes after the one before.
#[udwf]
impl VisitNumber {
    fn next(&mut self, time: NaiveDateTime, minutes: i64) -> i64 {
        let is_new = match self.last {
            Some(last) => (time - last).num_minutes() > minutes,
            None => true,
        };
        self.last = Some(time);
        self.number += i64::from(is_new);
        self.number
    }
}
