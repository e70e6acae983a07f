//! The functions, a row at a time: numbers as Wasm's own, text and bytes in a
//! buffer that the host writes before the call.
//!
//! What has no answer traps. A text that is the answer stays where it is until
//! the next call.

use std::cell::RefCell;

thread_local! {
    static ARGUMENTS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The address of a buffer of so many bytes, for the texts of a row, one after
/// the other.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(bytes: usize) -> *mut u8 {
    ARGUMENTS.with_borrow_mut(|arguments| {
        arguments.resize(bytes, 0);
        arguments.as_mut_ptr()
    })
}

/// Functions of numbers.
macro_rules! numbers {
    ($($name:ident($($argument:ident: $ty:ty),+) -> $answer:ty $(, $expect:ident)?;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $ty),+) -> $answer {
            udfs_plain::$name($($argument),+)$(.$expect("the row has an answer"))?
        }
    )*};
}

/// Functions of texts, which get their lengths.
macro_rules! texts {
    ($($name:ident($($argument:ident),+) -> $answer:ty, $give:expr;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: usize),+) -> $answer {
            ARGUMENTS.with_borrow(|rest| {
                let mut rest = rest.as_slice();
                $(let $argument = text(&mut rest, $argument);)+
                $give(udfs_plain::$name($($argument),+))
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
    slug(text) -> i64, place;
    upper(text) -> i64, place;
    json_get(json, key) -> i64, |value: Option<String>| value.map_or(-1, place);
}

/// `sha256_hex`
#[unsafe(no_mangle)]
pub extern "C" fn sha256_hex(bytes: usize) -> i64 {
    ARGUMENTS.with_borrow(|arguments| place(udfs_plain::sha256_hex(&arguments[..bytes])))
}

/// The next text of so many bytes.
fn text<'a>(rest: &mut &'a [u8], bytes: usize) -> &'a str {
    let (text, behind) = rest.split_at(bytes);
    *rest = behind;
    str::from_utf8(text).expect("a text is UTF-8")
}

/// Keeps an answer, and returns its address, and in the lower half its length.
fn place(text: String) -> i64 {
    ANSWER.with_borrow_mut(|answer| {
        *answer = text;
        (answer.as_ptr() as i64) << 32 | answer.len() as i64
    })
}
