//! Texts that may state a password: they belong in no log and in no history.

/// Returns true if a text has the word `PASSWORD`, or `CREATE` or `ALTER` before `USER` or `ROLE`.
/// The text need not parse: what is wrong may still have the password that was meant.
///
/// ```
/// use fusebox_definition::statement::may_have_password;
///
/// assert!(may_have_password("create user ada password 'pencil'"));
/// assert!(may_have_password("SELECT 1; ALTER ROLE ada 'pencil'"));
/// assert!(!may_have_password("SELECT user FROM roles"));
/// ```
pub fn may_have_password(text: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let words = text.split(|c| !is_of_word(c)).filter(|w| !w.is_empty());
    let is_one_of = |word: &str, all: [&str; 2]| all.iter().any(|w| w.eq_ignore_ascii_case(word));
    let mut before = "";
    for word in words {
        let is_role = is_one_of(word, ["USER", "ROLE"]) && is_one_of(before, ["CREATE", "ALTER"]);
        if is_role || word.eq_ignore_ascii_case("PASSWORD") {
            return true;
        }
        before = word;
    }
    false
}
