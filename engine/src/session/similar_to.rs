//! Patterns of `SIMILAR TO`, as the regular expressions that DataFusion takes for them.
//!
//! A pattern of SQL describes the whole text: `%` is any text, `_` any character, and of the
//! characters of regular expressions `| * + ? { } ( ) [ ]` have their meaning. DataFusion looks for
//! a regular expression anywhere in the text, without a word. The translation is PostgreSQL's,
//! `similar_to_escape`.

use datafusion::common::DataFusionError;
use fusebox_runtime::{Error, Result};
use sqlparser::ast::{Expr, Value, ValueWithSpan};

/// Replaces the pattern of `SIMILAR TO`.
///
/// # Errors
///
/// [`Error::Query`] for a pattern that is no constant, one that ends with the escape character, and
/// an escape of several characters.
pub(super) fn replace_similar_to(expr: &mut Expr) -> Result<()> {
    let Expr::SimilarTo {
        pattern,
        escape_char,
        ..
    } = expr
    else {
        return Ok(());
    };
    let Expr::Value(ValueWithSpan { value, .. }) = pattern.as_mut() else {
        return Err(refused(
            "expected a constant pattern after SIMILAR TO, found an expression; write \
             regexp_like(value, pattern)",
        ));
    };
    let text = match value {
        Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => text,
        // Nothing is similar to null, and other constants are refused by their type.
        _ => return Ok(()),
    };
    let escape = match escape_char.take().map(|escape| escape.value) {
        None => Some('\\'),
        Some(Value::SingleQuotedString(escape)) => {
            let mut characters = escape.chars();
            match (characters.next(), characters.next()) {
                (escape, None) => escape,
                _ => return Err(refused("expected one character after ESCAPE, found more")),
            }
        }
        Some(_) => return Err(refused("expected a text after ESCAPE, found another value")),
    };
    *text = regular_expression(text, escape).ok_or_else(|| {
        refused("expected a character after the last escape of SIMILAR TO, found none")
    })?;
    Ok(())
}

/// Returns the regular expression of a pattern; `None` if the pattern ends with `escape`.
fn regular_expression(pattern: &str, escape: Option<char>) -> Option<String> {
    let mut regex = String::from("^(?s:");
    let mut characters = pattern.chars().peekable();
    let mut is_in_class = false;
    while let Some(character) = characters.next() {
        match character {
            escaped if Some(escaped) == escape => push_literal(&mut regex, characters.next()?),
            ']' if is_in_class => {
                is_in_class = false;
                regex.push(']');
            }
            '[' if is_in_class && characters.peek() == Some(&':') => {
                // A named class, such as [:alpha:].
                regex.push('[');
                let mut last = '[';
                for part in characters.by_ref() {
                    regex.push(part);
                    if last == ':' && part == ']' {
                        break;
                    }
                    last = part;
                }
            }
            // Regular expressions of Rust have more signs in a class than SQL.
            '[' | '&' | '~' | '\\' if is_in_class => push_literal(&mut regex, character),
            other if is_in_class => regex.push(other),
            '[' => {
                is_in_class = true;
                regex.push('[');
                if let Some(negation) = characters.next_if_eq(&'^') {
                    regex.push(negation);
                }
                if characters.next_if_eq(&']').is_some() {
                    regex.push_str("\\]");
                }
            }
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '(' => regex.push_str("(?:"),
            '|' | '*' | '+' | '?' | '{' | '}' | ')' => regex.push(character),
            other => push_literal(&mut regex, other),
        }
    }
    regex.push_str(")$");
    Some(regex)
}

/// Adds a character without a meaning.
fn push_literal(regex: &mut String, character: char) {
    regex.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
}

fn refused(message: &str) -> Error {
    Error::Query(Box::new(DataFusionError::Plan(message.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_describe_the_whole_text() {
        for (pattern, alike, unlike) in [
            ("A%", vec!["A", "Air\nline"], vec!["", "xA", "a"]),
            ("Air", vec!["Air"], vec!["Airline", "an Air"]),
            ("_b_", vec!["abc", "äbß"], vec!["b", "abbc"]),
            ("(a|b)+c{2}", vec!["acc", "abacc"], vec!["ac", "cc"]),
            ("[a-c]x?", vec!["a", "bx"], vec!["d", "ax?"]),
            ("[^a]", vec!["b", "^"], vec!["a", "bb"]),
            ("[]a]", vec!["]", "a"], vec!["b"]),
            ("[[:digit:]]+", vec!["12"], vec!["", "a"]),
            ("[&&~]", vec!["&", "~"], vec!["a"]),
            ("a.b$^", vec!["a.b$^"], vec!["axb$^"]),
            ("10\\%", vec!["10%"], vec!["100"]),
            ("\\(a\\)", vec!["(a)"], vec!["a"]),
            ("", vec![""], vec!["a"]),
        ] {
            let text = regular_expression(pattern, Some('\\')).unwrap();
            let regex = regex::Regex::new(&text).unwrap();
            for text in alike {
                assert!(regex.is_match(text), "{pattern} {text:?}");
            }
            for text in unlike {
                assert!(!regex.is_match(text), "{pattern} {text:?}");
            }
        }
        assert_eq!(regular_expression("a\\", Some('\\')), None);
        assert_eq!(
            regular_expression("a#%\\", Some('#')).unwrap(),
            r"^(?s:a%\\)$"
        );
        assert_eq!(regular_expression("\\%", None).unwrap(), r"^(?s:\\.*)$");
    }
}
