//! Bundled functions: text.
#![forbid(unsafe_code)]

use fusebox_sdk::udf;

/// Jaro-Winkler.
#[udf]
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}
