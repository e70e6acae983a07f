//! Twins of functions over text.

use fusebox_sdk::udf;

/// The text in upper case.
#[udf]
pub fn upper(text: &str) -> String {
    text.to_uppercase()
}

/// The text in lower case.
#[udf]
pub fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// The text from its last character to its first.
#[udf]
pub fn reverse(text: &str) -> String {
    text.chars().rev().collect()
}

/// How many characters the text has.
#[udf]
pub fn character_length(text: &str) -> i32 {
    text.chars().count() as i32
}

/// The text with spaces in front of it, or its beginning: `length` characters.
///
/// # Errors
///
/// If `length` does not fit 32 bits.
#[udf(name = "lpad")]
pub fn lpad_with_spaces(text: &str, length: i64) -> Result<String, String> {
    lpad(text, length, " ")
}

/// The text with `fill` in front of it as often as it takes, or its beginning:
/// `length` characters, unless there is nothing to fill with.
///
/// # Errors
///
/// If `length` does not fit 32 bits.
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
    // Whole copies cost little fuel, characters a lot.
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
    fn case_is_that_of_unicode() {
        assert_eq!(upper("straße ǆ"), "STRASSE Ǆ");
        assert_eq!(lower("ΌΔΟΣ Σ"), "όδος σ");
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(character_length("josé"), 4);
        assert_eq!(reverse("josé"), "ésoj");
        assert_eq!(lpad("josé", 6, "ñü").unwrap(), "ñüjosé");
        assert_eq!(lpad("josé", 7, "ñü").unwrap(), "ñüñjosé");
    }

    #[test]
    fn text_that_is_long_enough_is_cut_and_not_filled() {
        let padded = |length| lpad_with_spaces("crab", length).unwrap();
        assert_eq!(
            [5, 4, 3, 0, -1].map(padded),
            [" crab", "crab", "cra", "", ""]
        );
        assert_eq!(lpad("crab", 9, "").unwrap(), "crab");
    }

    #[test]
    fn length_may_not_leave_32_bits() {
        assert!(lpad("", 1 << 31, "").is_err());
        assert_eq!(lpad("", (1 << 31) - 1, ""), Ok(String::new()));
    }
}
