// Types that are not types of SQL arguments.
use std::collections::HashMap;

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
    other: &i64,
//         ^ `&i64` is not a type of a SQL argument
) -> bool {
    value == Ok(*other)
}

fn main() {}
