//! A regular expression, JSON and a hash, by popular crates.

use std::sync::LazyLock;

use fusebox_sdk::udf;
use regex_lite::Regex;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Returns true if the text is an aircraft registration of the United States:
/// `N` and one to five digits and letters, of which at most the last two are
/// letters, without `I` and `O`.
#[udf]
pub fn is_us_registration(text: &str) -> bool {
    // As an author would write it. Natively the expression is compiled once; in
    // the sandbox no state outlives a call, so that the first row of each call
    // compiles it, on its own fuel.
    static REGISTRATION: LazyLock<Regex> = LazyLock::new(|| {
        let letters = "[A-HJ-NP-Z]";
        let pattern =
            format!("^N[1-9](?:[0-9]{{0,4}}|[0-9]{{0,3}}{letters}|[0-9]{{0,2}}{letters}{{2}})$");
        Regex::new(&pattern).expect("the expression is one")
    });
    REGISTRATION.is_match(text)
}

/// Returns the value of a key of an object: a string as it is, any other value
/// as JSON; null if the key is missing or null, or the text is not a JSON
/// object.
#[udf]
pub fn json_get(json: &str, key: &str) -> Option<String> {
    let mut json: Value = serde_json::from_str(json).ok()?;
    match json.get_mut(key)?.take() {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// Returns the SHA-256 hash of bytes, in hexadecimal digits.
#[udf]
pub fn sha256_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let hash = Sha256::digest(bytes);
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let mut text = String::with_capacity(64);
    text.extend(digits.map(|digit| char::from(DIGITS[usize::from(digit)])));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registration_has_digits_before_letters() {
        for text in ["N1", "N99999", "N9999Z", "N999AZ", "N1AA", "N14228"] {
            assert!(is_us_registration(text), "{text}");
        }
        for text in [
            "", "N", "N0", "N012", "N123456", "N99AAA", "N1I", "N1O", "N1A1", "n1", "N1 ", "XN1",
        ] {
            assert!(!is_us_registration(text), "{text}");
        }
    }

    #[test]
    fn value_of_a_key_is_text_or_json() {
        let json = r#"{"a": "x\u00fc\n", "b": [1, 2.5, {"c": null}], "c": null, "d": false}"#;
        assert_eq!(json_get(json, "a").as_deref(), Some("xü\n"));
        assert_eq!(
            json_get(json, "b").as_deref(),
            Some(r#"[1,2.5,{"c":null}]"#)
        );
        assert_eq!(json_get(json, "c"), None);
        assert_eq!(json_get(json, "d").as_deref(), Some("false"));
        assert_eq!(json_get(json, "e"), None);
    }

    #[test]
    fn text_that_is_not_an_object_has_no_keys() {
        for json in ["", "1", "[1]", r#"{"a": 1"#, r#"{"a": 1} 2"#] {
            assert_eq!(json_get(json, "a"), None, "{json}");
        }
    }

    // The examples of FIPS 180-4.
    #[test]
    fn hash_agrees_with_published_ones() {
        assert_eq!(
            sha256_hex(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            sha256_hex(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
