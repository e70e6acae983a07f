//! Functions for SQL.

use fusebox_sdk::udf;

/// The square of a number.
#[udf]
pub fn squared(n: i64) -> i64 {
    n * n
}

/// The first letters of the words of a text.
#[udf]
pub fn initials(text: &str) -> String {
    let words = text.split_whitespace();
    words.filter_map(|word| word.chars().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_the_first_letters() {
        assert_eq!(initials("Ada Lovelace"), "AL");
        assert_eq!(squared(-3), 9);
    }
}
