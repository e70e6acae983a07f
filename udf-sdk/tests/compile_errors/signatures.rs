// Invalid functions.
use fusebox_sdk::udf;

struct Point(i64);

impl Point {
    #[udf]
    fn method(&self, x: i64) -> i64 {
    //        ^ a SQL function has no `self`
        self.0 + x
    }
}

#[udf]
fn generic<T>(x: i64) -> i64 {
//         ^ a SQL function has one signature
    x
}

#[udf]
fn sized<const N: usize>(x: i64) -> i64 {
//       ^ a SQL function has one signature
    x
}

#[udf]
fn any(x: impl std::fmt::Display) -> impl std::fmt::Display {
//        ^ a SQL function has one signature
//                                   ^ a SQL function has one signature
    x
}

#[udf]
pub async fn late(x: i64) -> i64 {
//  ^ a SQL function cannot be async
    x
}

#[udf]
pub unsafe fn trusted(x: i64) -> i64 {
//  ^ a SQL function cannot be unsafe
    x
}

#[udf]
pub extern "C" fn exported(x: i64) -> i64 {
//  ^ a SQL function cannot be extern
    x
}

#[udf]
fn pattern((a, b): (i64, i64), _: i64) -> i64 {
//         ^ expected an argument name
//                             ^ expected an argument name
    a + b
}

#[udf]
fn kept(text: &'static str) -> bool {
//             ^ an argument borrows for one call
    text.is_empty()
}

#[udf]
fn silent(x: i64) {
// ^ a SQL function must have a result
    let _ = x;
}

#[udf]
pub struct Line {
//  ^ #[udf] goes on a function
    pub length: i64,
}

fn main() {}
