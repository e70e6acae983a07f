// Invalid window functions.
use fusebox_sdk::{Partition, Peers, udwf};

#[derive(Default)]
struct Count(i64);

#[udwf]
impl Count {
//   ^ missing method `next`
    fn step(&mut self) -> i64 {
        self.0
    }
}

struct NoDefault(i64);

#[udwf]
impl NoDefault {
//   ^ `NoDefault` cannot be the state of a window function
    fn next(&mut self, x: i64) -> i64 {
        self.0 + x
    }
}

#[derive(Default)]
struct Silent(i64);

#[udwf]
impl Silent {
    fn next(&mut self, x: i64) {
//     ^ a SQL function must have a result
        self.0 += x;
    }
}

#[udwf]
fn no_rows() -> Vec<i64> {
// ^ expected at least one argument
    vec![]
}

#[udwf]
fn one_row(x: i64) -> Vec<i64> {
//            ^ `i64` is not a type of an argument over a whole partition
    vec![x]
}

#[udwf]
fn one_result(x: Partition<'_, i64>) -> i64 {
//                                      ^ `i64` is not a return type of a window function
    x.len() as i64
}

#[udwf(rank)]
fn two(a: Peers, b: Peers) -> u64 {
// ^ #[udwf(rank)] expects one argument
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
//       ^ #[sql] requires #[udf(columns)]
    vec![0; values.len()]
}

#[derive(Default)]
struct Letters(usize);

#[udwf]
impl Letters {
    fn next(&mut self, letter: char) -> usize {
//                             ^ `char` is not a type of a SQL argument
//                                      ^ `usize` is not a type of a SQL result
        self.0 += letter.len_utf8();
        self.0
    }
}

#[udwf]
fn lengths(values: Partition<&str>) -> Vec<usize> {
//                                     ^ `Vec<usize>` is not a return type of a window function
    let values = values.iter();
    values.map(|value| value.map_or(0, str::len)).collect()
}

#[udwf(rank)]
fn place(peers: Peers) -> usize {
//                        ^ `usize` is not a type of a SQL result
    peers.start() as usize
}

fn main() {}
