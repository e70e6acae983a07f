// Structs that stand for no SQL struct.
use fusebox_sdk::Row;

mod aside {
    use fusebox_sdk::Row;

    #[derive(Row)]
    enum Shape {
//  ^ a SQL struct has names for its fields: derive Row on a struct with them
        Point,
    }
}

#[derive(Row)]
struct Pair(i64, i64);
//     ^ a SQL struct has names for its fields: derive Row on a struct with them

#[derive(Row)]
struct Nothing {}
//     ^ a SQL struct has a field at least

#[derive(Row)]
struct Generic<T> {
//             ^ a SQL struct has one type for each field: it cannot be generic
    value: T,
}

#[derive(Row)]
struct Borrowing<'a, 'b> {
//                   ^ all fields of a SQL struct borrow from one call: use one lifetime
    a: &'a str,
    b: &'b str,
}

#[derive(Row)]
//       ^ `char` is not a type that can be inside of a list, a struct or a map
struct Letter {
    letter: char,
//          ^ `char` is not a type that can be inside of a list, a struct or a map
}

fn main() {}
