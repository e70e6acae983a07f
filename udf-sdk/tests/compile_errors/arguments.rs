// Types that are not types of SQL arguments.
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use fusebox_sdk::udf;

type Prices = HashMap<String, f64>;

#[udf]
fn total(currency: &str, prices: HashMap<String, f64>) -> f64 {
//                               ^ `HashMap<String, f64>` is not a type of a SQL argument
    prices[currency]
}

#[udf]
fn cheapest(prices: Prices, _limit: Option<f64>) -> f64 {
//                  ^ `HashMap<String, f64>` is not a type of a SQL argument
    prices["cheapest"]
}

#[udf]
fn half_known(value: Option<Option<i64>>) -> bool {
//                   ^ `Option<Option<i64>>` is not a type of a SQL argument
    value.is_some()
}

#[udf]
fn fallible(
    value: Result<i64, String>,
//         ^ `Result<i64, String>` is not a type of a SQL argument
    other: u128,
//         ^ `u128` is not a type of a SQL argument
) -> bool {
    value == Ok(other as i64)
}

#[udf]
fn length(a: usize, b: Vec<char>, c: (i64, IpAddr), d: Option<Duration>) -> Box<str> {
//           ^ `usize` is not a type of a SQL argument
//                     ^ `Vec<char>` is not a type of a SQL argument
//                                   ^ `(i64, IpAddr)` is not a type of a SQL argument
//                                                     ^ `Option<std::time::Duration>` is not a type of a SQL argument
//                                                                          ^ `Box<str>` is not a type of a SQL result
    format!("{a} {b:?} {c:?} {d:?}").into()
}

#[udf]
fn keys(values: BTreeMap<char, i64>, nested: Vec<Option<Vec<usize>>>) -> i64 {
//              ^ `BTreeMap<char, i64>` is not a type of a SQL argument
//                                           ^ `Vec<Option<Vec<usize>>>` is not a type of a SQL argument
    (values.len() + nested.len()) as i64
}

#[udf]
fn prepared(#[constant(prepare = number)] b: &i64) -> usize {
//                                                    ^ `usize` is not a type of a SQL result
    *b as usize
}

fn number(text: &str) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

fn main() {}
