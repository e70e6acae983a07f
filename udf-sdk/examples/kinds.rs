//! Aggregate, window and table functions, one of each shape.
//!
//! Golden files of SQL call them.
#![forbid(unsafe_code)]

use fusebox_sdk::{List, Partition, Peers, Row, udaf, udtf, udwf};

/// A state of two numbers.
#[derive(Default, Row)]
pub struct Geomean {
    ln_sum: f64,
    count: i64,
}

/// The geometric mean. It can retract rows, as moving frames need.
#[udaf]
impl Geomean {
    fn update(&mut self, value: f64) {
        self.ln_sum += ln(value);
        self.count += 1;
    }

    fn retract(&mut self, value: f64) {
        self.ln_sum -= ln(value);
        self.count -= 1;
    }

    fn merge(&mut self, other: Self) {
        self.ln_sum += other.ln_sum;
        self.count += other.count;
    }

    fn finish(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.ln_sum / self.count as f64).exp())
    }
}

fn ln(value: f64) -> f64 {
    value.ln()
}

/// A sum of integers, which depends on neither order nor merging.
#[derive(Default, Row)]
pub struct CheckedSum {
    sum: i64,
}

#[udaf]
impl CheckedSum {
    const OVERFLOW: &'static str = "the sum is not a BIGINT";

    fn update(&mut self, value: i64) -> Result<(), &'static str> {
        self.add(value)
    }

    fn retract(&mut self, value: i64) -> Result<(), &'static str> {
        self.sum = self.sum.checked_sub(value).ok_or(Self::OVERFLOW)?;
        Ok(())
    }

    fn merge(&mut self, other: Self) -> Result<(), &'static str> {
        self.add(other.sum)
    }

    fn finish(&self) -> i64 {
        self.sum
    }

    fn add(&mut self, value: i64) -> Result<(), &'static str> {
        self.sum = self.sum.checked_add(value).ok_or(Self::OVERFLOW)?;
        Ok(())
    }
}

/// A plain sum, whose state is in a register within the loop.
#[derive(Default, Row)]
pub struct WrappingSum {
    sum: i64,
}

#[udaf]
impl WrappingSum {
    fn update(&mut self, value: i64) {
        self.sum = self.sum.wrapping_add(value);
    }

    fn merge(&mut self, other: Self) {
        self.sum = self.sum.wrapping_add(other.sum);
    }

    fn finish(&self) -> i64 {
        self.sum
    }
}

/// A state on the heap.
#[derive(Default, Row)]
pub struct Longest {
    text: Option<String>,
}

/// The longest text, the first in alphabetical order among several.
#[udaf(immutable)]
impl Longest {
    fn update(&mut self, text: &str) {
        if self.is_better(text) {
            // Reuses the memory of the text.
            let longest = self.text.get_or_insert_default();
            longest.clear();
            longest.push_str(text);
        }
    }

    fn merge(&mut self, other: Self) {
        if let Some(text) = other.text {
            self.update(&text);
        }
    }

    fn finish(&self) -> Option<&str> {
        self.text.as_deref()
    }

    fn is_better(&self, text: &str) -> bool {
        let key = |text: &str| text.chars().count();
        match &self.text {
            Some(longest) => (key(longest), text) < (key(text), longest),
            None => true,
        }
    }
}

/// A sum over lists.
#[derive(Default, Row)]
pub struct ListTotal {
    sum: f64,
}

/// The sum of the elements of all lists.
#[udaf]
impl ListTotal {
    fn update(&mut self, list: List<f64>) {
        self.sum += list.iter().flatten().sum::<f64>();
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
    }

    fn finish(&self) -> f64 {
        self.sum
    }
}

/// A state that grows.
#[derive(Default, Row)]
pub struct Collect {
    numbers: Vec<Option<i64>>,
}

/// All numbers in order, nulls included.
#[udaf(name = "collect_sorted")]
impl Collect {
    fn update(&mut self, number: Option<i64>) {
        self.numbers.push(number);
    }

    fn merge(&mut self, mut other: Self) {
        self.numbers.append(&mut other.numbers);
    }

    fn finish(&self) -> Vec<Option<i64>> {
        let mut sorted = self.numbers.clone();
        sorted.sort_unstable();
        sorted
    }
}

/// A state that depends on the order of rows.
#[derive(Default, Row)]
pub struct Chain {
    text: String,
}

/// The texts, concatenated.
#[udaf]
impl Chain {
    fn update(&mut self, text: &str, separator: &str) {
        if !self.text.is_empty() {
            self.text.push_str(separator);
        }
        self.text.push_str(text);
    }

    fn merge(&mut self, other: Self) {
        self.text.push_str(&other.text);
    }

    fn finish(&self) -> &str {
        &self.text
    }
}

/// A mean that decays exponentially.
#[derive(Default)]
pub struct Ema {
    mean: Option<f64>,
}

#[udwf]
impl Ema {
    fn next(&mut self, value: f64, alpha: f64) -> Result<f64, String> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(format!("alpha is {alpha}, which is not between 0 and 1"));
        }
        let before = self.mean.unwrap_or(value);
        let mean = before + alpha * (value - before);
        self.mean = Some(mean);
        Ok(mean)
    }
}

/// The texts of the rows so far.
#[derive(Default)]
pub struct Path {
    path: String,
}

#[udwf(name = "path_so_far")]
impl Path {
    fn next(&mut self, step: &str) -> String {
        self.path.push('/');
        self.path.push_str(step);
        self.path.clone()
    }
}

/// The difference of a value to the largest of the partition.
#[udwf]
fn behind(value: Partition<'_, f64>) -> Vec<Option<f64>> {
    let largest = value.iter().flatten().fold(f64::NEG_INFINITY, f64::max);
    let behind = value.iter().map(|value| Some(largest - value?));
    behind.collect()
}

/// The texts of a partition from last to first, each joined with another.
#[udwf]
fn mirrored<'a>(
    text: Partition<'a, &'a str>,
    suffix: Partition<'a, &'a str>,
) -> Result<Vec<Option<String>>, String> {
    let rows = text.iter().rev().zip(suffix);
    let mirrored = rows.map(|(text, suffix)| match (text, suffix) {
        (Some("fail"), _) => Err("a text says so".to_owned()),
        (text, suffix) => Ok(text
            .zip(suffix)
            .map(|(text, suffix)| format!("{text}{suffix}"))),
    });
    mirrored.collect()
}

/// Returns one result too few.
#[udwf]
fn too_few(value: Partition<'_, i64>) -> Vec<Option<i64>> {
    value.iter().skip(1).collect()
}

/// The rank of a row, between 0 and 1.
#[udwf(rank)]
fn quantile(peers: Peers) -> f64 {
    peers.start() as f64 / peers.partition_rows() as f64
}

/// A row of one number.
#[derive(Row)]
pub struct Number {
    value: i64,
}

/// The numbers from `start` to `stop`, or without end.
#[udtf]
fn numbers(
    start: i64,
    stop: Option<i64>,
    step: i64,
) -> Result<impl Iterator<Item = Number>, &'static str> {
    if step <= 0 {
        return Err("the step is not above 0");
    }
    let mut next = Some(start);
    Ok(std::iter::from_fn(move || {
        let value = next.filter(|value| stop.is_none_or(|stop| *value <= stop))?;
        next = value.checked_add(step);
        Some(Number { value })
    }))
}

/// A word of a text.
#[derive(Row)]
pub struct Word {
    position: i64,
    word: String,
    letters: Option<Vec<String>>,
}

/// The words of a text, with their number of letters.
#[udtf(name = "words_of")]
fn words(text: String) -> impl Iterator<Item = Result<Word, String>> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    (1..).zip(words).map(|(position, word)| {
        if word == "fail" {
            return Err(format!("word {position} says so"));
        }
        let letters = word.chars().map(String::from).collect();
        Ok(Word {
            position,
            word,
            letters: Some(letters),
        })
    })
}
