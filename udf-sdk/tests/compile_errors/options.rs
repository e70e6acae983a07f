// Invalid options.
use fusebox_sdk::udf;

#[udf(pure)]
//    ^ unknown option
fn unknown(x: i64) -> i64 {
    x
}

#[udf(immutable, volatile)]
//               ^ expected only one of immutable, stable and volatile
fn undecided(x: i64) -> i64 {
    x
}

#[udf(stable = true)]
//           ^ unexpected token
fn assigned(x: i64) -> i64 {
    x
}

#[udf(name = 7)]
//    ^ expected a string
fn numbered(x: i64) -> i64 {
    x
}

#[udf(name = "")]
//           ^ the name is empty
fn nameless(x: i64) -> i64 {
    x
}

#[udf(name = "a", name = "b")]
//                ^ the option `name` is given twice
fn renamed(x: i64) -> i64 {
    x
}

#[udf(defaults(x = 7))]
//             ^ expected constants of SQL as strings
fn unquoted(x: i64) -> i64 {
    x
}

#[udf(defaults(x = "7"), defaults(x = "8"))]
//                       ^ the option `defaults` is given twice
fn defaulted(x: i64) -> i64 {
    x
}

fn main() {}
