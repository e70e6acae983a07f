//! Twelve ordinary functions, by popular crates.
//!
//! `cargo test` runs them natively; `cargo build --release --target
//! wasm32-unknown-unknown` makes the module.
#![forbid(unsafe_code)]

// Aggregate and window functions.
mod over_rows;

use std::net::IpAddr;
use std::sync::LazyLock;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, Weekday};
use fusebox_sdk::{init, udf};
use ipnet::IpNet;
use regex::Regex;
use serde_json::Value;
use url::Url;

/// Returns the Jaro-Winkler similarity of two texts, from 0 to 1.
#[udf]
pub fn similarity(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

/// Returns the number of characters to insert, delete or replace between two texts.
#[udf]
pub fn edit_distance(a: &str, b: &str) -> i64 {
    strsim::levenshtein(a, b) as i64
}

/// Returns the host of a URL, null if it is none or has none.
#[udf]
pub fn url_host(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.host_str()?.to_owned())
}

/// Returns the first value of a parameter of a URL's query.
#[udf]
pub fn url_parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

/// Returns the first group of the first match of a pattern.
#[udf]
pub fn extracted<'a>(
    text: &'a str,
    #[constant(prepare = Regex::new)] pattern: &Regex,
) -> Option<&'a str> {
    Some(pattern.captures(text)?.get(1)?.as_str())
}

static DIGITS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9]").expect("the pattern is valid"));

/// Compiles the pattern once for an instance.
#[init]
fn compile_patterns() {
    DIGITS.is_match("0");
}

/// Replaces each digit but the last four by an asterisk.
#[udf]
pub fn masked(text: &str) -> String {
    let digits = DIGITS.find_iter(text).count();
    let mut left = digits.saturating_sub(4);
    let masked = text.chars().map(|character| {
        let is_masked = left > 0 && character.is_ascii_digit();
        left -= usize::from(is_masked);
        if is_masked { '*' } else { character }
    });
    masked.collect()
}

/// Returns the value at an RFC 6901 pointer of a JSON text: a string as it is, any other
/// value as JSON.
#[udf]
pub fn json_at(json: &str, pointer: &str) -> Result<Option<String>, String> {
    let json: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(json.pointer(pointer).and_then(|value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }))
}

/// Returns the first day from Monday to Friday after a date.
#[udf]
pub fn next_workday(day: NaiveDate) -> Option<NaiveDate> {
    let days = match day.weekday() {
        Weekday::Fri => 3,
        Weekday::Sat => 2,
        _ => 1,
    };
    day.checked_add_days(Days::new(days))
}

/// Returns a time as a week of ISO 8601, like `2013-W05`.
#[udf]
pub fn week_label(time: NaiveDateTime) -> String {
    let week = time.iso_week();
    format!("{:04}-W{:02}", week.year(), week.week())
}

/// Returns true if an address is in a network, like `10.0.0.0/8`.
#[udf]
pub fn in_network(address: &str, network: &str) -> Result<bool, String> {
    let address: IpAddr = address
        .parse()
        .map_err(|_| format!("expected an address, found {address:?}"))?;
    let network: IpNet = network
        .parse()
        .map_err(|_| format!("expected a network, found {network:?}"))?;
    Ok(network.contains(&address))
}
