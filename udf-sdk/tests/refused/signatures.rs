// Functions that the host could not call.
use fusebox_sdk::udf;

struct Point(i64);

impl Point {
    #[udf]
    fn method(&self, x: i64) -> i64 {
    //        ^ SQL has no `self`
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
//  ^ SQL cannot await
    x
}

#[udf]
pub unsafe fn trusted(x: i64) -> i64 {
//  ^ SQL cannot keep a promise
    x
}

#[udf]
pub extern "C" fn exported(x: i64) -> i64 {
//  ^ the export is made for you
    x
}

#[udf]
fn pattern((a, b): (i64, i64), _: i64) -> i64 {
//         ^ an argument needs a name
//                             ^ an argument needs a name
    a + b
}

#[udf]
fn kept(text: &'static str) -> bool {
//             ^ an argument lives no longer than the call
    text.is_empty()
}

#[udf]
fn silent(x: i64) {
// ^ a SQL function has a result
    let _ = x;
}

#[udf]
pub struct Line {
//  ^ #[udf] goes on a function
    pub length: i64,
}

fn main() {}
