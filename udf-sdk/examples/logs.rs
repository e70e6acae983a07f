//! Functions that log messages.

use fusebox_sdk::{Row, dbg, log, println, udaf, udf, udtf};

/// Half of a number; logs those that are odd.
#[udf]
pub fn half(x: i64) -> i64 {
    if x % 2 != 0 {
        log!("{x} is odd");
    }
    x / 2
}

/// Half of an even number.
#[udf]
pub fn half_of_even(x: i64) -> Result<i64, &'static str> {
    println!("half of {x}");
    match dbg!(x % 2 == 0) {
        true => Ok(x / 2),
        false => Err("the number is odd"),
    }
}

/// A number after so many messages of some bytes each.
#[udf]
pub fn after_messages(x: i64, messages: i64, bytes: i64) -> i64 {
    let text = "é".repeat(usize::try_from(bytes / 2).unwrap_or_default());
    for _ in 0..messages {
        log!("{text}");
    }
    x
}

/// The sum of numbers.
#[derive(Default, Row)]
pub struct LoggedSum {
    sum: i64,
}

#[udaf]
impl LoggedSum {
    fn update(&mut self, value: i64) {
        self.sum += value;
        if value < 0 {
            log!("negative: {value}");
        }
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
    }

    fn finish(&self) -> i64 {
        self.sum
    }
}

/// One number.
#[derive(Row)]
pub struct Number {
    value: i64,
}

/// The numbers from 1 to n, each with a message of two lines.
#[udtf]
fn logged_series(n: i64) -> impl Iterator<Item = Number> {
    (1..=n)
        .inspect(|i| log!("row\n{i}"))
        .map(|value| Number { value })
}
