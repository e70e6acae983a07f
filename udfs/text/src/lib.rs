//! Bundled functions: text.
//!
//! One source, compiled to Wasm and natively.
#![forbid(unsafe_code)]

use fusebox_sdk::udf;

/// Returns the Jaro-Winkler similarity of two texts, from 0 to 1.
///
/// It compares characters, not bytes, case-sensitively. A common prefix of up
/// to four characters counts more: W. E. Winkler, "String Comparator Metrics
/// and Enhanced Decision Rules in the Fellegi-Sunter Model of Record Linkage"
/// (1990).
#[udf]
pub fn jaro_winkler(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

/// Returns the text as a part of a URL: ASCII letters in lower case and digits,
/// with one hyphen in place of each run of other characters.
///
/// Latin letters lose their accents (ü becomes u), and some become two (ß
/// becomes ss). Letters of other scripts are other characters, so the slug of
/// such a text is empty: a table for all scripts is half a megabyte.
#[udf]
pub fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    let mut is_apart = false;
    for character in text.chars() {
        let ascii = character.to_ascii_lowercase();
        let mut buffer = [0; 4];
        let letters = match ascii {
            'a'..='z' | '0'..='9' => ascii.encode_utf8(&mut buffer),
            // Combining marks are accents of the preceding letter.
            '\u{300}'..='\u{36f}' => continue,
            _ => without_accent(character),
        };
        if letters.is_empty() {
            is_apart = true;
            continue;
        }
        if is_apart && !slug.is_empty() {
            slug.push('-');
        }
        is_apart = false;
        slug.push_str(letters);
    }
    slug
}

/// Returns the plain letters, in lower case, of a letter in Unicode's blocks
/// Latin-1 Supplement and Latin Extended-A; an empty text for other characters.
fn without_accent(character: char) -> &'static str {
    match character {
        'À'..='Å' | 'à'..='å' | 'Ā'..='ą' => "a",
        'Æ' | 'æ' => "ae",
        'Ç' | 'ç' | 'Ć'..='č' => "c",
        'Ð' | 'ð' | 'Ď'..='đ' => "d",
        'È'..='Ë' | 'è'..='ë' | 'Ē'..='ě' => "e",
        'Ĝ'..='ģ' => "g",
        'Ĥ'..='ħ' => "h",
        'Ì'..='Ï' | 'ì'..='ï' | 'Ĩ'..='ı' => "i",
        '\u{132}' | '\u{133}' => "ij",
        'Ĵ' | 'ĵ' => "j",
        'Ķ'..='ĸ' => "k",
        'Ĺ'..='ł' => "l",
        'Ñ' | 'ñ' | 'Ń'..='\u{149}' => "n",
        'Ŋ' | 'ŋ' => "ng",
        'Ò'..='Ö' | 'Ø' | 'ò'..='ö' | 'ø' | 'Ō'..='ő' => "o",
        'Œ' | 'œ' => "oe",
        'Ŕ'..='ř' => "r",
        'Ś'..='š' | 'ſ' => "s",
        'ß' => "ss",
        'Ţ'..='ŧ' => "t",
        'Þ' | 'þ' => "th",
        'Ù'..='Ü' | 'ù'..='ü' | 'Ũ'..='ų' => "u",
        'Ŵ' | 'ŵ' => "w",
        'Ý' | 'ý' | 'ÿ' | 'Ŷ'..='Ÿ' => "y",
        'Ź'..='ž' => "z",
        _ => "",
    }
}

/// Returns true if the last digit is the check digit of the digits before it,
/// as on a payment card.
///
/// Spaces and hyphens are skipped. A text with another character that is not an
/// ASCII digit, or with fewer than two digits, is not a number with a check
/// digit: false. The formula is that of H. P. Luhn, US patent 2950048 (1960),
/// as in ISO/IEC 7812-1.
#[udf]
#[inline]
pub fn luhn_ok(text: &str) -> bool {
    let mut sum = 0;
    let mut digits = 0;
    for byte in text.bytes().rev() {
        let digit = match byte {
            b' ' | b'-' => continue,
            b'0'..=b'9' => u64::from(byte - b'0'),
            _ => return false,
        };
        // Every second digit from the right is doubled, and the digits of the
        // product are added.
        sum += match digits % 2 {
            0 => digit,
            _ => digit * 2 % 10 + digit / 5,
        };
        digits += 1;
    }
    digits > 1 && sum % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    // The pairs of the literature on the measure, to three decimal places.
    #[test]
    fn similarity_agrees_with_published_values() {
        for (a, b, expected) in [
            ("MARTHA", "MARHTA", 0.961),
            ("DWAYNE", "DUANE", 0.840),
            ("DIXON", "DICKSONX", 0.813),
        ] {
            let actual = jaro_winkler(a, b);
            assert!((actual - expected).abs() < 0.0005, "{a} {b}: {actual}");
        }
    }

    #[test]
    fn similarity_ranges_from_zero_to_one() {
        assert_eq!(jaro_winkler("Fuß", "Fuß"), 1.0);
        assert_eq!(jaro_winkler("", ""), 1.0);
        assert_eq!(jaro_winkler("abc", "xyz"), 0.0);
        assert_eq!(jaro_winkler("abc", ""), 0.0);
    }

    #[test]
    fn slug_is_made_of_letters_digits_and_single_hyphens() {
        for (text, expected) in [
            ("Hello, World!", "hello-world"),
            ("  --1.2 -- three--  ", "1-2-three"),
            ("", ""),
            ("…", ""),
            ("Ελλάδα", ""),
            ("Café Ελλάδα 7", "cafe-7"),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
    }

    #[test]
    fn slug_has_no_accents_however_they_are_encoded() {
        for (text, expected) in [
            ("Übergröße", "ubergrosse"),
            ("Ærøskøbing", "aeroskobing"),
            ("Þórshöfn", "thorshofn"),
            ("Łódź", "lodz"),
            ("Příliš žluťoučký kůň", "prilis-zlutoucky-kun"),
            ("Cafe\u{301} cr\u{e8}me", "cafe-creme"),
            ("3×4÷2", "3-4-2"),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
    }

    #[test]
    fn every_accented_latin_letter_has_plain_letters() {
        for character in 'À'..='ſ' {
            let plain = without_accent(character);
            let is_sign = matches!(character, '×' | '÷');
            assert_eq!(plain.is_empty(), is_sign, "{character}");
            assert!(plain.bytes().all(|byte| byte.is_ascii_lowercase()));
        }
    }

    #[test]
    fn check_digit_of_a_valid_number_matches() {
        for number in [
            "79927398713",
            "4111 1111 1111 1111",
            "4012-8888-8888-1881",
            "00",
        ] {
            assert!(luhn_ok(number), "{number}");
        }
    }

    #[test]
    fn every_other_check_digit_does_not_match() {
        for digit in "012456789".chars() {
            assert!(!luhn_ok(&format!("7992739871{digit}")));
        }
    }

    #[test]
    fn text_that_is_not_a_number_has_no_check_digit() {
        for text in ["", "0", " - ", "4111x", "４１１１", "-"] {
            assert!(!luhn_ok(text), "{text}");
        }
    }
}
