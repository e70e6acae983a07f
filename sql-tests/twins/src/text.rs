//! Text functions.

use fusebox_sdk::udf;

/// Converts `text` to upper case.
#[udf]
pub fn upper(text: &str) -> String {
    text.to_uppercase()
}

/// Converts `text` to lower case.
#[udf]
pub fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// Reverses the characters of `text`.
#[udf]
pub fn reverse(text: &str) -> String {
    text.chars().rev().collect()
}

/// Counts the characters of `text`.
#[udf]
pub fn character_length(text: &str) -> i32 {
    text.chars().count() as i32
}

/// Pads `text` on the left with spaces, or truncates it, to `length` characters.
///
/// # Errors
///
/// If `length` exceeds `i32::MAX`.
#[udf(name = "lpad")]
pub fn lpad_with_spaces(text: &str, length: i64) -> Result<String, String> {
    lpad(text, length, " ")
}

/// Pads `text` on the left with repetitions of `fill`, or truncates it, to `length`
/// characters. If `fill` is empty, `text` is not padded.
///
/// # Errors
///
/// If `length` exceeds `i32::MAX`.
#[udf]
pub fn lpad(text: &str, length: i64, fill: &str) -> Result<String, String> {
    const LENGTH_MAX: i64 = i32::MAX as i64;
    if length > LENGTH_MAX {
        return Err(format!(
            "lpad requested length {length} too large, maximum allowed length is {LENGTH_MAX}"
        ));
    }
    let length = usize::try_from(length).unwrap_or(0);
    if let Some((end, _)) = text.char_indices().nth(length) {
        return Ok(text[..end].to_owned());
    }
    let missing = length - text.chars().count();
    let Some(times) = missing.checked_div(fill.chars().count()) else {
        return Ok(text.to_owned());
    };
    // Repeating whole copies needs less fuel than appending characters.
    let mut padded = fill.repeat(times);
    let rest = missing - times * fill.chars().count();
    padded.extend(fill.chars().take(rest));
    padded.push_str(text);
    Ok(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_conversion_follows_unicode() {
        assert_eq!(upper("straße ǆ"), "STRASSE Ǆ");
        assert_eq!(lower("ΌΔΟΣ Σ"), "όδος σ");
    }

    #[test]
    fn lengths_are_in_characters() {
        assert_eq!(character_length("josé"), 4);
        assert_eq!(reverse("josé"), "ésoj");
        assert_eq!(lpad("josé", 6, "ñü").unwrap(), "ñüjosé");
        assert_eq!(lpad("josé", 7, "ñü").unwrap(), "ñüñjosé");
    }

    #[test]
    fn long_text_is_truncated_and_not_padded() {
        let padded = |length| lpad_with_spaces("crab", length).unwrap();
        assert_eq!(
            [5, 4, 3, 0, -1].map(padded),
            [" crab", "crab", "cra", "", ""]
        );
        assert_eq!(lpad("crab", 9, "").unwrap(), "crab");
    }

    #[test]
    fn length_above_32_bits_is_an_error() {
        assert!(lpad("", 1 << 31, "").is_err());
        assert_eq!(lpad("", (1 << 31) - 1, ""), Ok(String::new()));
    }
}
