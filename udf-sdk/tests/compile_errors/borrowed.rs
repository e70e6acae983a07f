// Wrong arguments that borrow. The item of a list, a map or a partition is an error
// by itself, before that of the argument.
use fusebox_sdk::{List, Map, Partition, udf, udwf};

#[udf]
fn letters(_letters: List<char>) -> i64 {
//                   ^ `char` is not a type of an item or a field in SQL
//                   ^ `List<'_, char>` is not a type of a SQL argument
    0
}

#[udf]
fn keys(_keys: Map<usize, i64>) -> i64 {
//             ^ `usize` is not a type of an item or a field in SQL
//             ^ `fusebox_sdk::Map<'_, usize, i64>` is not a type of a SQL argument
    0
}

#[udwf]
fn rows(_rows: Partition<Vec<char>>) -> Vec<i64> {
//             ^ `Vec<char>` is not a type of an item or a field in SQL
//             ^ `Partition<'_, Vec<char>>` is not a type of an argument over a whole partition
    vec![]
}

#[udf]
fn reference(number: &i64) -> i64 {
//                   ^ `&i64` is not a type of a SQL argument
    *number
}

fn main() {}
