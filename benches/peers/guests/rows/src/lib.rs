//! Functions called once per row. Numbers are Wasm values; text and bytes are in a
//! buffer that the host writes before the call.
//!
//! A row that fails traps. A text result is valid until the next call.

use std::cell::RefCell;

thread_local! {
    static ARGUMENTS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static RESULT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Returns the address of a buffer of `bytes` bytes for the concatenated texts of a
/// row.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(bytes: usize) -> *mut u8 {
    ARGUMENTS.with_borrow_mut(|arguments| {
        arguments.resize(bytes, 0);
        arguments.as_mut_ptr()
    })
}

/// Exports functions of numbers.
macro_rules! numbers {
    ($($name:ident($($argument:ident: $ty:ty),+) -> $result:ty $(, $expect:ident)?;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $ty),+) -> $result {
            udfs_plain::$name($($argument),+)$(.$expect("the row does not fail"))?
        }
    )*};
}

/// Exports functions of texts, whose arguments are the lengths of the texts.
macro_rules! texts {
    ($($name:ident($($argument:ident),+) -> $result:ty, $convert:expr;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: usize),+) -> $result {
            ARGUMENTS.with_borrow(|rest| {
                let mut rest = rest.as_slice();
                $(let $argument = text(&mut rest, $argument);)+
                $convert(udfs_plain::$name($($argument),+))
            })
        }
    )*};
}

numbers! {
    add(a: i64, b: i64) -> i64;
    gcd(a: i64, b: i64) -> i64;
    collatz_steps(n: i64) -> i64, expect;
    mod_pow(base: i64, exponent: i64, modulus: i64) -> i64, expect;
    polynomial(x: f64) -> f64;
    haversine_km(lat1: f64, lon1: f64, lat2: f64, lon2: f64) -> f64;
    black_scholes(spot: f64, strike: f64, years: f64, rate: f64, volatility: f64) -> f64;
}

texts! {
    fnv1a(text) -> i64, |hash| hash;
    luhn_ok(text) -> i32, i32::from;
    jaro_winkler(a, b) -> f64, |likeness| likeness;
    is_us_registration(text) -> i32, i32::from;
    slug(text) -> i64, store;
    upper(text) -> i64, store;
    json_get(json, key) -> i64, |value: Option<String>| value.map_or(-1, store);
}

/// `sha256_hex`
#[unsafe(no_mangle)]
pub extern "C" fn sha256_hex(bytes: usize) -> i64 {
    ARGUMENTS.with_borrow(|arguments| store(udfs_plain::sha256_hex(&arguments[..bytes])))
}

/// Splits off the next text, of `bytes` bytes.
fn text<'a>(rest: &mut &'a [u8], bytes: usize) -> &'a str {
    let (text, remainder) = rest.split_at(bytes);
    *rest = remainder;
    str::from_utf8(text).expect("a text is UTF-8")
}

/// Stores a result; returns its address in the upper half and its length in the lower
/// half.
fn store(text: String) -> i64 {
    RESULT.with_borrow_mut(|result| {
        *result = text;
        (result.as_ptr() as i64) << 32 | result.len() as i64
    })
}
