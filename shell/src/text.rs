//! Splitting of SQL text, and escaping of control characters.
//!
//! Quotes, dollar quotes and comments are recognised by the tokenizer with the dialect
//! of the session, so that shell and session agree about every semicolon.

use std::borrow::Cow;

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns true if `sql` can be executed: it ends with a semicolon, or it is blank.
pub(crate) fn is_complete(sql: &str, dialect: &dyn Dialect) -> bool {
    match Tokenizer::new(dialect, sql).tokenize() {
        Ok(tokens) => tokens
            .iter()
            .rfind(|token| !matches!(token, Token::Whitespace(_)))
            .is_none_or(|token| *token == Token::SemiColon),
        // More text can close an open quote or comment. It cannot correct any other
        // error, which the session then reports.
        Err(error) => !["nterminated", "EOF"]
            .iter()
            .any(|word| error.message.contains(word)),
    }
}

/// Splits `sql` into the texts of its statements, each with its semicolon and the
/// comments and blank lines above it.
pub(crate) fn split_statements<'a>(sql: &'a str, dialect: &dyn Dialect) -> Vec<&'a str> {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    // The session reports errors; the text after one is a single statement.
    let _ = Tokenizer::new(dialect, sql).tokenize_with_location_into_buf(&mut tokens);
    let mut semicolons = tokens
        .iter()
        .filter(|token| token.token == Token::SemiColon)
        .map(|token| token.span.start)
        .peekable();

    let mut statements = Vec::new();
    let mut start = 0;
    let mut here = Location { line: 1, column: 1 };
    for (index, character) in sql.char_indices() {
        if semicolons.next_if_eq(&here).is_some() {
            statements.push(&sql[start..=index]);
            start = index + 1;
        }
        match character {
            '\n' => here = Location::new(here.line + 1, 1),
            _ => here.column += 1,
        }
    }
    statements.push(sql[start..].trim_end());
    statements.retain(|statement| !statement.trim().is_empty());
    statements.into_iter().map(without_line_rest).collect()
}

/// Removes the blanks at the end of the previous statement's line.
fn without_line_rest(statement: &str) -> &str {
    let blanks = &statement[..statement.len() - statement.trim_start().len()];
    match blanks.find('\n') {
        Some(line_end) => &statement[line_end + 1..],
        None => statement.trim_start(),
    }
}

/// Escapes characters that a terminal would interpret instead of showing. Line breaks
/// are kept.
pub(crate) fn escape_control(text: &str) -> Cow<'_, str> {
    if !text.contains(needs_escape) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match needs_escape(character) {
            true => escaped.extend(character.escape_default()),
            false => escaped.push(character),
        }
    }
    Cow::Owned(escaped)
}

/// Mark of what was left out.
pub(crate) const ELLIPSIS: &str = "…";

/// Maximum length of a message in characters.
const MESSAGE_MAX: usize = 4_000;

/// Escapes a message, and cuts the middle of one that is too long: it can quote names of any
/// length, and its end says what to do.
pub(crate) fn message(text: &str) -> String {
    let escaped = escape_control(text);
    let length = escaped.chars().count();
    if length <= MESSAGE_MAX {
        return escaped.into_owned();
    }
    let half = MESSAGE_MAX / 2;
    let begin: String = escaped.chars().take(half).collect();
    let end: String = escaped.chars().skip(length - half).collect();
    format!("{begin} … {} characters … {end}", length - 2 * half)
}

/// Returns true for control characters, which start escape sequences, for marks and
/// overrides of the writing direction (U+200E to U+2069), which reorder a line, and for
/// characters without width, which make different names look equal.
fn needs_escape(character: char) -> bool {
    let reorders = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let has_no_width = matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e007f}'
    );
    reorders || has_no_width || (character.is_control() && character != '\n')
}

/// Returns the columns of a terminal that a line takes, without control characters.
pub(crate) fn columns(line: &str) -> usize {
    match line.is_ascii() {
        true => line.len(),
        false => line.width(),
    }
}

/// Cuts a line to a width in columns of a terminal, with an ellipsis at its end.
pub(crate) fn cut(line: &str, width: usize) -> Cow<'_, str> {
    if columns(line) <= width {
        return Cow::Borrowed(line);
    }
    let (mut end, mut kept) = (0, ELLIPSIS.width());
    for (index, character) in line.char_indices() {
        kept += character.width().unwrap_or_default();
        if kept > width {
            break;
        }
        end = index + character.len_utf8();
    }
    let mut begin = &line[..end];
    // Some sequences of characters are wider than these.
    while let Some(last) = begin.chars().next_back()
        && begin.width() + ELLIPSIS.width() > width
    {
        begin = &begin[..begin.len() - last.len_utf8()];
    }
    Cow::Owned(format!("{begin}{ELLIPSIS}"))
}

/// Returns true for a name that a variable can have.
pub(crate) fn is_variable(name: &str) -> bool {
    let is_of_name = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_of_name)
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
            "SELECT 1; -- done",
            "SELECT 1; /* all\ndone */\n",
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
    fn blanks_and_comments_are_complete() {
        for blank in ["", " \n", "-- hello", "/* hello */"] {
            assert!(is_complete(blank, &GENERIC), "{blank}");
        }
    }

    #[test]
    fn the_dialect_determines_the_meaning_of_a_backslash() {
        assert!(is_complete(r"SELECT '\';", &GENERIC));
        assert!(!is_complete(r"SELECT '\';", &MySqlDialect {}));
    }

    #[test]
    fn text_with_a_final_error_is_complete() {
        assert!(is_complete("SELECT U&'\\zzzz';", &GENERIC));
    }

    #[test]
    fn statements_keep_comments_and_are_split_at_semicolons_only() {
        let sql = "-- one; two\nSELECT 'ä;', $$;$$;; SELECT\n2 ;  \n\n  SELECT 3; -- the end\n";
        let expected = [
            "-- one; two\nSELECT 'ä;', $$;$$;",
            ";",
            "SELECT\n2 ;",
            "\n  SELECT 3;",
            "-- the end",
        ];
        assert_eq!(split_statements(sql, &GENERIC), expected);
    }

    #[test]
    fn text_after_an_open_quote_is_one_statement() {
        assert_eq!(
            split_statements("SELECT 1; SELECT 'a; b;", &GENERIC),
            ["SELECT 1;", "SELECT 'a; b;"]
        );
    }

    #[test]
    fn control_characters_are_escaped_except_line_breaks() {
        assert_eq!(escape_control("Zoë\n☂"), "Zoë\n☂");
        assert_eq!(
            escape_control("\u{1b}[2J\r\t\u{7f}\u{9b}m\u{202e}"),
            r"\u{1b}[2J\r\t\u{7f}\u{9b}m\u{202e}"
        );
    }

    #[test]
    fn characters_without_width_are_escaped() {
        assert_eq!(
            escape_control("a\u{200b}b\u{feff}c\u{2060}\u{ad}\u{e0041}"),
            r"a\u{200b}b\u{feff}c\u{2060}\u{ad}\u{e0041}"
        );
    }

    #[test]
    fn lines_are_cut_to_columns_of_a_terminal() {
        for (line, width, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("東京東京", 8, "東京東京"),
            ("東京東京", 7, "東京東…"),
            ("東京東京", 6, "東京…"),
            ("abc", 1, "…"),
            ("", 0, ""),
        ] {
            assert_eq!(cut(line, width), expected, "{line} {width}");
        }
        // A heart of one column, and of two with the selector of emoji after it.
        let hearts = "\u{2764}\u{fe0f}".repeat(9);
        for width in 1..12 {
            assert!(cut(&hearts, width).width() <= width, "{width}");
        }
    }

    #[test]
    fn long_message_keeps_its_begin_and_its_end() {
        assert_eq!(message("a\tb"), r"a\tb");
        let exact = "é".repeat(MESSAGE_MAX);
        assert_eq!(message(&exact), exact);
        let cut = message(&format!("function `{}` does not exist", "x".repeat(99_000)));
        assert!(cut.starts_with("function `xxx") && cut.ends_with("` does not exist"));
        assert!(cut.contains(" … 95026 characters … "), "{cut}");
    }
}
