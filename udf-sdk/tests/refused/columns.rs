// Functions over columns that SQL could not call.
use arrow_array::{Array, ArrayRef, Int64Array, StringViewArray};
use fusebox_sdk::{Column, udf};

#[udf(columns)]
fn untyped(a: &dyn Array) -> Int64Array {
//            ^ does not say which SQL type it stands for
    Int64Array::from(vec![0; a.len()])
}

#[udf(columns)]
fn untyped_result(a: &Int64Array) -> ArrayRef {
//                                   ^ does not say which SQL type it stands for
    std::sync::Arc::new(a.clone())
}

#[udf(columns)]
fn owned(a: Int64Array) -> Int64Array {
//          ^ is not a type that a column can arrive as
    a
}

#[udf(columns)]
fn a_row(a: i64, b: &Int64Array) -> i64 {
//          ^ `i64` is not a type that a column can arrive as
//                                  ^ `i64` does not say which SQL type it stands for
    a + b.value(0)
}

#[udf(columns)]
fn views(a: &StringViewArray) -> Int64Array {
//          ^ is not an array that a SQL column can be
//          ^ does not say which SQL type it stands for
    Int64Array::from(vec![0; a.len()])
}

#[udf(columns, returns = "VARCHAR")]
fn other_result(a: &Int64Array) -> Int64Array {
//                                 ^ the array of this result has another SQL type
    a.clone()
}

#[udf(columns)]
fn other_argument(#[sql("VARCHAR")] a: &Int64Array) -> Int64Array {
//                                     ^ the array of this argument has another SQL type
    a.clone()
}

#[udf(columns)]
fn misspelt(#[sql("BIGNIT")] a: Column) -> Int64Array {
//                ^ `BIGNIT` is no SQL type that #[udf] knows
    Int64Array::from(vec![0; a.rows()])
}

#[udf(columns)]
fn unquoted(#[sql(BIGINT)] a: Column) -> Int64Array {
//          ^ the type is a string
    Int64Array::from(vec![0; a.rows()])
}

#[udf(columns)]
fn without_arguments() -> Int64Array {
// ^ a function over columns has an argument
    Int64Array::from(vec![0])
}

#[udf(columns)]
fn kept(a: &'static Int64Array) -> Int64Array {
//          ^ an argument lives no longer than the call
    a.clone()
}

#[udf]
fn over_rows(#[sql("BIGINT")] a: i64) -> i64 {
//           ^ the type of an argument says this already
    a
}

#[udf(strict)]
fn strict_over_rows(a: i64) -> i64 {
// ^ `strict` and `returns` are for #[udf(columns)]
    a
}

#[udf(columns, columns, returns = 5)]
//             ^ this is said already
fn twice(a: &Int64Array) -> Int64Array {
    a.clone()
}

#[udf(columns, returns = BIGINT)]
//             ^ the type is a string
fn unquoted_result(a: &Int64Array) -> Int64Array {
    a.clone()
}

fn main() {}
