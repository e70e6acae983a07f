// Structs that are not SQL structs.
use fusebox_sdk::Row;

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
//       ^ `char` is not a type of an item or a field in SQL
struct Letter {
    letter: char,
//          ^ `char` is not a type of an item or a field in SQL
}

fn main() {}
