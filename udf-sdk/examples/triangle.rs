//! A complete module of one function.
//!
//! The README shows it, and a golden file of SQL calls it.
#![forbid(unsafe_code)]

use fusebox_sdk::udf;

/// The n-th triangular number, 1 + 2 + … + n.
#[udf]
pub fn triangle(n: i64) -> Result<i64, &'static str> {
    let twice = n.checked_add(1).and_then(|next| n.checked_mul(next));
    twice
        .map(|twice| twice / 2)
        .ok_or("the result is not a BIGINT")
}
