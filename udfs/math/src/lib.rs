//! Bundled functions: math.
use fusebox_sdk::udf;
/// add
#[udf]
pub fn add(a: i64, b: i64) -> i64 {
    a.wrapping_add(b)
}
