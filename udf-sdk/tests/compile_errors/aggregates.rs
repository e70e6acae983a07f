// Invalid aggregates.
use std::net::IpAddr;

use fusebox_sdk::{Row, udaf};

#[derive(Default, Row)]
struct Empty {
    count: i64,
}

#[udaf]
impl Empty {}
//   ^ missing method `update`
//   ^ missing method `merge`
//   ^ missing method `finish`

#[derive(Default, Row)]
struct Odd {
    count: i64,
}

#[udaf]
impl Odd {
    async fn update(self, x: i64) {
//  ^ a SQL function cannot be async
//                  ^ `update` must take `&mut self`: it changes the state in place
        let _ = x;
    }

    fn merge(&mut self, other: &Self) {
//                             ^ `merge` must take one argument: `other: Self`
        let _ = other;
    }

    fn finish(&mut self) -> i64 {
//            ^ `finish` must take `&self`: it reads the state in place
        self.count
    }
}

#[derive(Default, Row)]
struct Unsure {
    count: i64,
}

#[udaf(sometimes)]
//     ^ unknown option
impl Unsure {
    fn update<T>(&mut self, _: i64) {
//            ^ a SQL function has one signature
//                          ^ expected an argument name
        self.count += 1;
    }

    fn merge(&mut self) {
//     ^ `merge` must take one argument: `other: Self`
        self.count += 1;
    }

    fn finish(&self) {}
//     ^ `finish` must have a result and no arguments

    fn retract(&mut self, x: i64) {
        self.count -= x;
    }
}

#[derive(Default, Row)]
struct Wrong {
    count: i64,
}

#[udaf]
impl Wrong {
    fn update(&mut self, x: i64) {
        self.count += x;
    }

    fn merge(&mut self, other: Wrong) {
        self.count += other.count;
    }

    fn finish(&self) -> i64 {
        self.count
    }

    fn retract(&mut self, x: f64) {
//     ^ `retract` must have the argument types of `update`
        self.count -= x as i64;
    }
}

#[derive(Row)]
struct NoDefault {
    count: i64,
}

#[udaf]
impl NoDefault {
//   ^ `NoDefault` cannot be the state of an aggregate
    fn update(&mut self, x: i64) {
        self.count += x;
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
    }

    fn finish(&self) -> i64 {
        self.count
    }
}

#[derive(Default)]
struct NoRow {
    count: i64,
}

#[udaf]
impl NoRow {
//   ^ `NoRow` cannot be the state of an aggregate
    fn update(&mut self, x: std::ops::Range<i64>) -> i64 {
//                          ^ not a type of a SQL argument
//                                                   ^ not a return type of a method that changes a state
        self.count += x.end;
        self.count
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
    }

    fn finish(&self) -> std::ops::Range<i64> {
//                      ^ not a type of a SQL result
        0..self.count
    }
}

#[derive(Clone, Default, Row)]
struct Seen {
    first: Option<IpAddr>,
//         ^ `Option<IpAddr>` is not a type of a field in SQL
    count: usize,
//         ^ `usize` is not a type of a field in SQL
    letters: Vec<char>,
//           ^ `Vec<char>` is not a type of a field in SQL
    length: i64,
}

#[udaf]
impl Seen {
    fn update(&mut self, text: &str) -> Result<(), String> {
        self.letters.extend(text.chars());
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
    }

    fn finish(&self) -> Option<i64> {
        self.first.map(|_| self.length)
    }

    fn retract(&mut self, text: &str) {
        self.count -= text.len();
    }
}

mod inside {
    #[fusebox_sdk::udaf]
    fn function(x: i64) -> i64 {
//  ^ #[udaf] goes on the `impl` block
        x
    }
}

struct Generic<T>(T);

#[udaf]
impl<T> Generic<T> {}
//   ^ the state of a SQL function cannot be generic

#[udaf]
impl Drop for NoRow {
//   ^ without a trait
    fn drop(&mut self) {}
}

fn main() {}
