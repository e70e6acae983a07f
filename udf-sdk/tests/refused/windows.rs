// Window functions that the host could not call.
use fusebox_sdk::{Partition, Peers, udwf};

#[derive(Default)]
struct Count(i64);

#[udwf]
impl Count {
//   ^ there is no `next`
    fn step(&mut self) -> i64 {
        self.0
    }
}

struct NoDefault(i64);

#[udwf]
impl NoDefault {
//   ^ `NoDefault: Default` is not satisfied
    fn next(&mut self, x: i64) -> i64 {
        self.0 + x
    }
}

#[derive(Default)]
struct Silent(i64);

#[udwf]
impl Silent {
    fn next(&mut self, x: i64) {
//     ^ a SQL function has a result
        self.0 += x;
    }
}

#[udwf]
fn no_rows() -> Vec<i64> {
// ^ without a Partition
    vec![]
}

#[udwf]
fn one_row(x: i64) -> Vec<i64> {
//            ^ `i64` is not what the rows of a partition arrive as
    vec![x]
}

#[udwf]
fn one_result(x: Partition<'_, i64>) -> i64 {
//                                      ^ `i64` is not what a window function answers
    x.len() as i64
}

#[udwf(rank)]
fn two(a: Peers, b: Peers) -> u64 {
// ^ one argument
    a.start() + b.start()
}

#[udwf(rank)]
fn number(a: i64) -> i64 {
//           ^ mismatched types
    a
}

mod inside {
    use fusebox_sdk::udwf;

    #[udwf(rank)]
    struct Place {
//  ^ #[udwf(rank)] goes on a function
        row: i64,
    }

    #[udwf]
    struct Line {
//  ^ #[udwf] goes on a function, or
        length: i64,
    }
}

#[udwf(columns)]
//     ^ unknown option
fn over_columns(values: Partition<i64>) -> Vec<i64> {
    vec![0; values.len()]
}

#[udwf]
fn typed(#[sql("BIGINT")] values: Partition<i64>) -> Vec<i64> {
//       ^ the type of an argument says this already
    vec![0; values.len()]
}

fn main() {}
