//! Functions with the SDK of arrow-udf, used as in its documentation: an attribute on
//! a plain function.

use arrow_udf::function;

#[function("add(int64, int64) -> int64")]
fn add(a: i64, b: i64) -> i64 {
    udfs_plain::add(a, b)
}

#[function("gcd(int64, int64) -> int64")]
fn gcd(a: i64, b: i64) -> i64 {
    udfs_plain::gcd(a, b)
}

#[function("collatz_steps(int64) -> int64")]
fn collatz_steps(n: i64) -> Result<i64, &'static str> {
    udfs_plain::collatz_steps(n)
}

#[function("mod_pow(int64, int64, int64) -> int64")]
fn mod_pow(base: i64, exponent: i64, modulus: i64) -> Result<i64, &'static str> {
    udfs_plain::mod_pow(base, exponent, modulus)
}

#[function("polynomial(float64) -> float64")]
fn polynomial(x: f64) -> f64 {
    udfs_plain::polynomial(x)
}

#[function("haversine_km(float64, float64, float64, float64) -> float64")]
fn haversine_km(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> f64 {
    udfs_plain::haversine_km(lat1, lon1, lat2, lon2)
}

#[function("black_scholes(float64, float64, float64, float64, float64) -> float64")]
fn black_scholes(spot: f64, strike: f64, years: f64, rate: f64, volatility: f64) -> f64 {
    udfs_plain::black_scholes(spot, strike, years, rate, volatility)
}

#[function("fnv1a(string) -> int64")]
fn fnv1a(text: &str) -> i64 {
    udfs_plain::fnv1a(text)
}

#[function("luhn_ok(string) -> boolean")]
fn luhn_ok(text: &str) -> bool {
    udfs_plain::luhn_ok(text)
}

#[function("jaro_winkler(string, string) -> float64")]
fn jaro_winkler(a: &str, b: &str) -> f64 {
    udfs_plain::jaro_winkler(a, b)
}

#[function("is_us_registration(string) -> boolean")]
fn is_us_registration(text: &str) -> bool {
    udfs_plain::is_us_registration(text)
}

#[function("slug(string) -> string")]
fn slug(text: &str) -> String {
    udfs_plain::slug(text)
}

#[function("upper(string) -> string")]
fn upper(text: &str) -> String {
    udfs_plain::upper(text)
}

#[function("json_get(string, string) -> string")]
fn json_get(json: &str, key: &str) -> Option<String> {
    udfs_plain::json_get(json, key)
}

#[function("sha256_hex(binary) -> string")]
fn sha256_hex(bytes: &[u8]) -> String {
    udfs_plain::sha256_hex(bytes)
}
