// Invalid prepared constants, initialisations and limits.
use fusebox_sdk::{init, udf};

fn number(text: &str) -> Result<i64, std::num::ParseIntError> {
    text.parse()
}

#[udf]
fn fine(a: i64, #[constant(prepare = number)] b: &i64) -> i64 {
    a + b
}

#[udf]
fn owned(#[constant(prepare = number)] b: i64) -> i64 {
//                                        ^ a prepared constant is borrowed
    b
}

#[udf]
fn unprepared(#[constant] b: &i64) -> i64 {
//            ^ expected a function that prepares the constant
    *b
}

#[udf]
fn misnamed(#[constant(parse = number)] b: &i64) -> i64 {
//                     ^ expected a function that prepares the constant
    *b
}

#[udf(fuel_per_row = "5")]
//                   ^ expected a number: fuel_per_row = 5_000_000
fn quoted(a: i64) -> i64 {
    a
}

#[udf(memory = 5)]
//             ^ expected a size: memory = "64MB"
fn unquoted(a: i64) -> i64 {
    a
}

#[udf(stack = "64kB", stack = "64kB")]
//                    ^ the option `stack` is given twice
fn twice(a: i64) -> i64 {
    a
}

#[init]
fn with_argument(a: i64) {
//               ^ an initialisation has no arguments
    let _ = a;
}

#[init(late)]
//     ^ #[init] has no options
fn with_options() {}

fn main() {}
