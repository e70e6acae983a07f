// Options that the attribute does not have.
use fusebox_sdk::udf;

#[udf(pure)]
//    ^ unknown option
fn unknown(x: i64) -> i64 {
    x
}

#[udf(immutable, volatile)]
//               ^ only one of them
fn undecided(x: i64) -> i64 {
    x
}

#[udf(stable = true)]
//           ^ unexpected token
fn assigned(x: i64) -> i64 {
    x
}

#[udf(name = 7)]
//    ^ the name is a string
fn numbered(x: i64) -> i64 {
    x
}

#[udf(name = "")]
//           ^ the name is empty
fn nameless(x: i64) -> i64 {
    x
}

#[udf(name = "a", name = "b")]
//                ^ the function has a name already
fn renamed(x: i64) -> i64 {
    x
}

fn main() {}
