//! Ordinary functions: what they need is granted by the default limits.
//!
//! Golden files of SQL call them.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use fusebox_sdk::{Decimal, Row, init, udaf, udf};
use regex::Regex;

/// Allocates many small boxes, and frees them.
#[udf]
fn boxes(n: i64) -> i64 {
    let all: Vec<Box<[u8; 40]>> = (0..n).map(|i| Box::new([i as u8; 40])).collect();
    all.len() as i64
}

/// Frees every other box first, so that free memory lies in pieces.
#[udf]
fn every_other_box(n: i64) -> i64 {
    let mut all: Vec<Option<Box<[u64; 9]>>> =
        (0..n).map(|i| Some(Box::new([i as u64; 9]))).collect();
    for one in all.iter_mut().step_by(2) {
        *one = None;
    }
    all.iter().flatten().map(|one| one[8] as i64).sum()
}

/// Grows a text byte by byte, beside others that keep it from growing in place.
#[udf]
fn growing(n: i64) -> i64 {
    let mut text = String::new();
    let mut others: Vec<String> = Vec::new();
    for i in 0..n {
        text.push('x');
        if i % 64 == 0 {
            others.push(text[text.len() / 2..].to_owned());
        }
    }
    (text.len() + others.iter().map(String::len).sum::<usize>()) as i64
}

/// Builds a tree of texts.
#[udf]
fn distinct_words(text: &str, copies: i64) -> i64 {
    let words: std::collections::BTreeSet<String> = (0..copies)
        .flat_map(|copy| text.split(' ').map(move |word| format!("{word}{copy}")))
        .collect();
    words.len() as i64
}

/// Returns a list of many texts, which are freed after the row.
#[udf]
fn numbered(text: &str, n: i64) -> Vec<String> {
    (0..n).map(|i| format!("{text}{i}")).collect()
}

/// An address of electronic mail.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i)\b[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}\b";
    Regex::new(pattern).expect("the pattern is valid")
});

/// Compiles the pattern, and what it needs to match.
#[init]
fn prepare() {
    ADDRESS.is_match("write to someone@example.org");
}

/// Returns true if the text has an address of electronic mail.
#[udf]
fn has_address(text: &str) -> bool {
    ADDRESS.is_match(text)
}

/// Returns true if the text matches the pattern.
#[udf]
fn matches(text: &str, #[constant(prepare = Regex::new)] pattern: &Regex) -> bool {
    pattern.is_match(text)
}

/// Returns the text between the first matches of two patterns, if there are any.
#[udf(fuel_per_row = 2_000_000, memory = "32MB")]
fn between<'a>(
    text: &'a str,
    #[constant(prepare = Regex::new)] start: &Regex,
    #[constant(prepare = |end: Option<&str>| Regex::new(end.unwrap_or("$")))] end: &Regex,
) -> Option<&'a str> {
    let rest = &text[start.find(text)?.end()..];
    Some(&rest[..end.find(rest)?.start()])
}

/// Texts with their counts, in the order of the texts.
#[derive(Default, Row)]
pub struct Mode {
    seen: Vec<Seen>,
}

/// A text and its count.
#[derive(Row)]
pub struct Seen {
    value: String,
    count: i64,
}

impl Mode {
    fn add(&mut self, value: &str, count: i64) {
        match self
            .seen
            .binary_search_by(|seen| seen.value.as_str().cmp(value))
        {
            Ok(place) => self.seen[place].count += count,
            Err(place) => {
                let value = value.to_owned();
                self.seen.insert(place, Seen { value, count });
            }
        }
    }
}

/// The most frequent text, of several the first.
#[udaf]
impl Mode {
    fn update(&mut self, value: &str) {
        self.add(value, 1);
    }

    fn merge(&mut self, other: Self) {
        for seen in other.seen {
            self.add(&seen.value, seen.count);
        }
    }

    fn finish(&self) -> Option<&str> {
        let first = |a: &&Seen, b: &&Seen| a.count.cmp(&b.count).then(b.value.cmp(&a.value));
        self.seen
            .iter()
            .max_by(first)
            .map(|seen| seen.value.as_str())
    }
}

/// All numbers.
#[derive(Default, Row)]
pub struct Middle {
    values: Vec<f64>,
}

/// The median.
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
        values.sort_by(f64::total_cmp);
        values.get(values.len().checked_sub(1)? / 2).copied()
    }
}

/// A count that is never evaluated.
#[derive(Default, Row)]
pub struct Endless {
    text: String,
}

/// Evaluates for ever, and merges with failures.
#[udaf]
impl Endless {
    fn update(&mut self, text: &str) -> Result<(), String> {
        match text {
            "" => Err("an empty text".to_owned()),
            "for ever" => loop {
                std::hint::black_box(&self.text);
            },
            text => {
                self.text.push_str(text);
                Ok(())
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.text.push_str(&other.text);
    }

    fn finish(&self) -> String {
        match self.text.as_str() {
            "panic" => panic!("no result"),
            _ => loop {
                std::hint::black_box(&self.text);
            },
        }
    }
}

/// The mean of numbers without nulls.
#[udf]
fn mean_of(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
}

/// The text with single spaces.
#[udf]
fn single_spaced(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.contains("  ") {
        true => Cow::Owned(text.replace("  ", " ")),
        false => text,
    }
}

/// The number of each word.
#[udf]
fn count_words(words: Vec<String>) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

/// A map whose hasher has fixed keys.
type FixedMap<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// The value of a key.
#[udf]
fn value_of(map: FixedMap<String, Option<i64>>, key: &str) -> Option<i64> {
    map.get(key).copied().flatten()
}

/// A text, as often as is asked for.
#[udf(defaults(times = "2", between = "' - '"))]
fn repeated(text: &str, times: u8, between: &str) -> String {
    vec![text; usize::from(times)].join(between)
}

/// The quotient and the remainder.
#[udf]
fn quotient(a: i64, b: i64) -> Option<(i64, i64)> {
    Some((a.checked_div(b)?, a.checked_rem(b)?))
}

/// The sum of a pair.
#[udf]
fn pair_sum(pair: (i64, Option<i64>)) -> i64 {
    pair.0 + pair.1.unwrap_or(0)
}

/// The gross price.
#[udf]
fn gross_price(net: Decimal<10, 2>, tax_percent: Decimal<4, 1>) -> Option<Decimal<10, 2>> {
    net.checked_add(net.percent(tax_percent)?)
}

/// The unit price, in tenths of a cent.
#[udf]
fn unit_price(total: Decimal<10, 2>, pieces: Decimal<10, 0>) -> Option<Decimal<12, 3>> {
    total.divide(pieces)
}
