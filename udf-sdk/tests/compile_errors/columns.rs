// Invalid functions over columns.
use arrow_array::{Array, ArrayRef, Int64Array, StringViewArray};
use fusebox_sdk::{Column, udf};

#[udf(columns)]
fn untyped(a: &dyn Array) -> Int64Array {
//            ^ has no default SQL type
    Int64Array::from(vec![0; a.len()])
}

#[udf(columns)]
fn untyped_result(a: &Int64Array) -> ArrayRef {
//                                   ^ has no default SQL type
    std::sync::Arc::new(a.clone())
}

#[udf(columns)]
fn owned(a: Int64Array) -> Int64Array {
//          ^ is not a type of a column argument
    a
}

#[udf(columns)]
fn a_row(a: i64, b: &Int64Array) -> i64 {
//          ^ `i64` is not a type of a column argument
//                                  ^ `i64` has no default SQL type
    a + b.value(0)
}

#[udf(columns)]
fn views(a: &StringViewArray) -> Int64Array {
//          ^ is not an array type of a SQL column
//          ^ has no default SQL type
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
//                ^ unknown SQL type `BIGNIT`
    Int64Array::from(vec![0; a.rows()])
}

#[udf(columns)]
fn unquoted(#[sql(BIGINT)] a: Column) -> Int64Array {
//          ^ expected a string
    Int64Array::from(vec![0; a.rows()])
}

#[udf(columns)]
fn without_arguments() -> Int64Array {
// ^ expected at least one argument
    Int64Array::from(vec![0])
}

#[udf(columns)]
fn kept(a: &'static Int64Array) -> Int64Array {
//          ^ an argument borrows for one call
    a.clone()
}

#[udf]
fn over_rows(#[sql("BIGINT")] a: i64) -> i64 {
//           ^ #[sql] requires #[udf(columns)]
    a
}

#[udf(strict)]
fn strict_over_rows(a: i64) -> i64 {
// ^ `strict` and `returns` require `columns`
    a
}

#[udf(columns, columns, returns = 5)]
//             ^ the option is given twice
fn twice(a: &Int64Array) -> Int64Array {
    a.clone()
}

#[udf(columns, returns = BIGINT)]
//             ^ expected a string
fn unquoted_result(a: &Int64Array) -> Int64Array {
    a.clone()
}

fn main() {}
