// Invalid table functions.
use std::iter::{self, once};

use fusebox_sdk::{List, Row, udtf};

#[derive(Row)]
struct Number {
    value: i64,
}

#[udtf]
fn borrowed(text: &str) -> impl Iterator<Item = Number> {
//                ^ a table function cannot borrow from its arguments
    let value = text.len() as i64;
    once(Number { value })
}

#[udtf]
fn listed(numbers: List<i64>) -> impl Iterator<Item = Number> {
//                            ^ borrowed data escapes
    (0..numbers.len()).map(|value| Number { value: value as i64 })
}

#[udtf]
fn numbers() -> impl Iterator<Item = i64> {
//                                   ^ `i64` is not a type of the rows of a table
    0..10
}

#[udtf]
fn silent() {}
// ^ a table function must return an iterator

#[udtf]
fn unnamed() -> impl Sized {
//              ^ missing type of the rows
    iter::empty::<Number>()
}

#[udtf(rank)]
//     ^ unknown option
pub async fn late() -> impl Iterator<Item = Number> {
//  ^ a SQL function cannot be async
    iter::empty::<Number>()
}

#[udtf]
pub struct Line {
//  ^ #[udtf] goes on a function
    length: i64,
}

#[udtf(strict)]
//     ^ unknown option
fn strict(n: i64) -> impl Iterator<Item = Number> {
    (0..n).map(|value| Number { value })
}

#[udtf]
fn counted(n: usize) -> impl Iterator<Item = Number> {
//            ^ `usize` is not a type of a SQL argument
    (0..n).map(|value| Number { value: value as i64 })
}

#[derive(Row)]
struct Letter {
    letter: char,
//          ^ `char` is not a type of a field in SQL
}

#[udtf]
fn letters(text: String) -> Result<impl Iterator<Item = Result<Letter, String>>, String> {
    let letters: Vec<char> = text.chars().collect();
    Ok(letters.into_iter().map(|letter| Ok(Letter { letter })))
}

fn main() {}
