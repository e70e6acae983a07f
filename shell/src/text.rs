//! Where statements end, and what a terminal may be shown.
//!
//! Quotes, dollar quotes and comments are left to the tokenizer and the dialect
//! that the session uses, so that the two never disagree about a semicolon.

use std::borrow::Cow;

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// Whether `sql` can be run: it ends with a semicolon, or it is blank.
pub(crate) fn is_complete(sql: &str, dialect: &dyn Dialect) -> bool {
    match Tokenizer::new(dialect, sql).tokenize() {
        Ok(tokens) => tokens
            .iter()
            .rfind(|token| !matches!(token, Token::Whitespace(_)))
            .is_none_or(|token| *token == Token::SemiColon),
        // An open quote or comment may still be closed. More text repairs no
        // other error, so the session may report it now.
        Err(error) => !["nterminated", "EOF"]
            .iter()
            .any(|word| error.message.contains(word)),
    }
}

/// The statements of `sql` as they are written, each with its semicolon and
/// the comments and blank lines above it.
pub(crate) fn pieces<'a>(sql: &'a str, dialect: &dyn Dialect) -> Vec<&'a str> {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    // An error is the session's to report; what follows it is one piece.
    let _ = Tokenizer::new(dialect, sql).tokenize_with_location_into_buf(&mut tokens);
    let mut semicolons = tokens
        .iter()
        .filter(|token| token.token == Token::SemiColon)
        .map(|token| token.span.start)
        .peekable();

    let mut pieces = Vec::new();
    let mut start = 0;
    let mut here = Location { line: 1, column: 1 };
    for (index, character) in sql.char_indices() {
        if semicolons.next_if_eq(&here).is_some() {
            pieces.push(&sql[start..=index]);
            start = index + 1;
        }
        match character {
            '\n' => here = Location::new(here.line + 1, 1),
            _ => here.column += 1,
        }
    }
    pieces.push(sql[start..].trim_end());
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces.into_iter().map(without_line_rest).collect()
}

/// `piece` without the blanks that end the line of the piece before it.
fn without_line_rest(piece: &str) -> &str {
    let blanks = &piece[..piece.len() - piece.trim_start().len()];
    match blanks.find('\n') {
        Some(line_end) => &piece[line_end + 1..],
        None => piece.trim_start(),
    }
}

/// `text` with everything spelled out that a terminal would obey instead of
/// showing it. Line breaks stay.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match is_harmful(character) {
            true => escaped.extend(character.escape_default()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Control characters start escape sequences, and the marks and overrides of
/// writing direction (U+200E to U+2069) make a line read as another.
fn is_harmful(character: char) -> bool {
    let reorders = matches!(
        character,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    reorders || (character.is_control() && character != '\n')
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::{GenericDialect, MySqlDialect};

    use super::*;

    const GENERIC: GenericDialect = GenericDialect {};

    #[test]
    fn a_statement_is_complete_at_a_semicolon_outside_quotes_and_comments() {
        for complete in [
            "SELECT 1;",
            "SELECT 1; -- so be it",
            "SELECT 1; /* so\nbe it */\n",
            "SELECT ';' ;",
            "SELECT $$;$$;",
            "CREATE MODULE m LANGUAGE WASM AS $$(func $f (param $x i32))$$;",
            "SELECT 1; SELECT 2;",
        ] {
            assert!(is_complete(complete, &GENERIC), "{complete}");
        }
        for open in [
            "SELECT 1",
            "SELECT 1 -- ;",
            "SELECT 1 /* ; */",
            "SELECT 1 /* ;",
            "SELECT 1 /* /* */ ;",
            "SELECT ';",
            "SELECT 'it''s;",
            "SELECT \";",
            "SELECT $$;",
            "SELECT $tag$;$$;",
            "SELECT 1; SELECT 2",
        ] {
            assert!(!is_complete(open, &GENERIC), "{open}");
        }
    }

    #[test]
    fn nothing_but_blanks_and_comments_is_complete() {
        for blank in ["", " \n", "-- hello", "/* hello */"] {
            assert!(is_complete(blank, &GENERIC), "{blank}");
        }
    }

    #[test]
    fn the_dialect_decides_what_a_backslash_does() {
        assert!(is_complete(r"SELECT '\';", &GENERIC));
        assert!(!is_complete(r"SELECT '\';", &MySqlDialect {}));
    }

    #[test]
    fn what_no_further_text_repairs_is_complete() {
        assert!(is_complete("SELECT U&'\\zzzz';", &GENERIC));
    }

    #[test]
    fn pieces_keep_comments_and_split_only_at_statements() {
        let sql = "-- one; two\nSELECT 'ä;', $$;$$;; SELECT\n2 ;  \n\n  SELECT 3; -- the end\n";
        let expected = [
            "-- one; two\nSELECT 'ä;', $$;$$;",
            ";",
            "SELECT\n2 ;",
            "\n  SELECT 3;",
            "-- the end",
        ];
        assert_eq!(pieces(sql, &GENERIC), expected);
    }

    #[test]
    fn text_after_an_open_quote_is_one_piece() {
        assert_eq!(
            pieces("SELECT 1; SELECT 'a; b;", &GENERIC),
            ["SELECT 1;", "SELECT 'a; b;"]
        );
    }

    #[test]
    fn a_terminal_is_shown_text_and_line_breaks_only() {
        assert_eq!(harmless("Zoë\n☂"), "Zoë\n☂");
        assert_eq!(
            harmless("\u{1b}[2J\r\t\u{7f}\u{9b}m\u{202e}"),
            r"\u{1b}[2J\r\t\u{7f}\u{9b}m\u{202e}"
        );
    }
}
