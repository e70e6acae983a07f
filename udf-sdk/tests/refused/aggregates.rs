// Aggregates that the host could not call.
use fusebox_sdk::{Row, udaf};

#[derive(Default, Row)]
struct Empty {
    count: i64,
}

#[udaf]
impl Empty {}
//   ^ there is no `update`
//   ^ there is no `merge`
//   ^ there is no `finish`

#[derive(Default, Row)]
struct Odd {
    count: i64,
}

#[udaf]
impl Odd {
    async fn update(self, x: i64) {
//  ^ SQL cannot await
//                  ^ `update` changes the state where it is: it takes `&mut self`
        let _ = x;
    }

    fn merge(&mut self, other: &Self) {
//                             ^ `merge` takes another state, and nothing else
        let _ = other;
    }

    fn finish(&mut self) -> i64 {
//            ^ `finish` looks at the state where it is: it takes `&self`
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
//                          ^ an argument needs a name
        self.count += 1;
    }

    fn merge(&mut self) {
//     ^ `merge` takes another state, and nothing else
        self.count += 1;
    }

    fn finish(&self) {}
//     ^ `finish` makes a result of the state alone

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
//     ^ `retract` takes back what `update` took
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
//                          ^ not a type that a SQL argument can arrive as
//                                                   ^ not what a method answers that changes a state
        self.count += x.end;
        self.count
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
    }

    fn finish(&self) -> std::ops::Range<i64> {
//                      ^ not a type that can become a SQL result
        0..self.count
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
//   ^ it cannot be generic

#[udaf]
impl Drop for NoRow {
//   ^ without a trait
    fn drop(&mut self) {}
}

fn main() {}
