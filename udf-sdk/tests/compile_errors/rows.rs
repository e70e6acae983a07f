// Structs that are not SQL structs.
use std::cell::Cell;

use fusebox_sdk::{List, Row, udf};

mod aside {
    use fusebox_sdk::Row;

    #[derive(Row)]
    enum Shape {
//  ^ #[derive(Row)] requires a struct with named fields
        Point,
    }
}

#[derive(Row)]
struct Pair(i64, i64);
//     ^ #[derive(Row)] requires a struct with named fields

#[derive(Row)]
struct Nothing {}
//     ^ #[derive(Row)] requires at least one field

#[derive(Row)]
struct Generic<T> {
//             ^ #[derive(Row)] allows no type or const parameters
    value: T,
}

#[derive(Row)]
struct Borrowing<'a, 'b> {
//                   ^ #[derive(Row)] allows one lifetime: all fields borrow from one call
    a: &'a str,
    b: &'b str,
}

#[derive(Row)]
struct Letter {
    letter: char,
//          ^ `char` is not a type of a field in SQL
}

// A struct with wrong fields is a struct nevertheless.
#[udf]
fn same(letter: Letter) -> Letter {
    letter
}

#[derive(Row)]
pub struct Page<'a> {
    text: &'a str,
    at: Option<std::time::SystemTime>,
//      ^ `Option<SystemTime>` is not a type of a field in SQL
    letters: List<'a, char>,
//           ^ `char` is not a type of an item or a field in SQL
    lengths: Vec<(i64, Cell<&'a str>)>,
//           ^ `Vec<(i64, Cell<&'a str>)>` is not a type of a field in SQL
}

#[derive(Row)]
struct Book<'a> {
    first: Option<Page<'a>>,
    pages: Vec<Page<'a>>,
    letter: Letter,
}

#[udf]
fn longest<'a>(book: Book<'a>) -> Option<Page<'a>> {
    let longer = |page: &Page| page.text.len();
    book.pages.into_iter().max_by_key(longer)
}

#[derive(Row)]
struct Static {
    text: &'static str,
//         ^ a field borrows for one call
}

macro_rules! pair {
    ($name:ident, $a:ty, $b:ty) => {
        #[derive(Row)]
        struct $name {
            a: $a,
            b: $b,
        }
    };
}
pair!(Right, Vec<i64>, Option<f64>);
pair!(Wrong, i64, isize);
//                ^ `isize` is not a type of a field in SQL

#[udf]
fn pairs(a: Right, b: Wrong) -> f64 {
    a.a[0] as f64 + a.b.unwrap_or(0.0) + b.a as f64 + b.b as f64
}

fn main() {}
