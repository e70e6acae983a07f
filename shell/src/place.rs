//! Places of errors in statements and scripts.

use std::fmt;

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// Columns of a line that are shown around a place.
const LINE_MAX: usize = 100;

/// Words of messages around a name that a statement contains.
const NAMES: [(&str, &str); 10] = [
    ("file `", "` cannot be "),
    ("table '", "' not found"),
    ("view '", "' not found"),
    ("module `", "` does not exist"),
    ("function `", "` does not exist"),
    ("setting `", "` does not exist"),
    ("function '", "' does not exist"),
    ("function '", "' expects "),
    ("function '", "' requires "),
    ("column ", " must be in GROUP BY"),
];

/// Line and column of a text, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    line: usize,
    column: usize,
}

impl Place {
    pub(crate) fn new(line: u64, column: u64) -> Self {
        Self {
            line: line as usize,
            column: column as usize,
        }
    }

    /// Finds the place of an error: the one that the message states, or that of the name which
    /// it is about in the statement of this index.
    pub(crate) fn of_error(
        message: &str,
        sql: &str,
        index: usize,
        dialect: &dyn Dialect,
    ) -> Option<Self> {
        Self::stated(message).or_else(|| {
            let tokens = statement_tokens(sql, index, dialect);
            // Messages about modules quote others, which are about their declarations.
            if message.starts_with("sql parser error: ") && message.ends_with("found: EOF") {
                return tokens.last().map(Self::after_token);
            }
            if let Some(text) = cast(message) {
                let is_text = |token: &&TokenWithSpan| match &token.token {
                    Token::SingleQuotedString(string) => string == text,
                    _ => false,
                };
                return tokens.iter().find(is_text).map(Self::of_token);
            }
            let named = name(message).and_then(|(whole, name)| {
                let is_file = |text: &str| {
                    let before = whole.strip_suffix(text);
                    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
                };
                let is_name = |token: &&TokenWithSpan| match &token.token {
                    Token::Word(word) => word.value.eq_ignore_ascii_case(name),
                    Token::SingleQuotedString(text) => is_file(text),
                    _ => false,
                };
                tokens.iter().find(is_name)
            });
            named.map(Self::of_token)
        })
    }

    /// Finds the begin of the statement of this index.
    pub(crate) fn of_statement(sql: &str, index: usize, dialect: &dyn Dialect) -> Option<Self> {
        statement_tokens(sql, index, dialect)
            .first()
            .map(Self::of_token)
    }

    pub(crate) fn of_token(token: &TokenWithSpan) -> Self {
        let Location { line, column } = token.span.start;
        Self::new(line, column)
    }

    fn after_token(token: &TokenWithSpan) -> Self {
        let Location { line, column } = token.span.end;
        Self::new(line, column)
    }

    fn stated(message: &str) -> Option<Self> {
        let (_, place) = message.rsplit_once("at Line: ")?;
        let (line, rest) = place.split_once(", Column: ")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some(Self {
            line: line.parse().ok().filter(|line| *line > 0)?,
            column: digits.parse().ok().filter(|column| *column > 0)?,
        })
    }

    /// Returns the place in a text where `lines` lines precede this one.
    pub(crate) fn below(self, lines: usize) -> Self {
        Self {
            line: self.line + lines,
            ..self
        }
    }

    /// Returns the line of `sql`, with a caret below the place; `None` if there is no such line.
    pub(crate) fn caret(self, sql: &str) -> Option<String> {
        let text = sql.lines().nth(self.line - 1)?;
        let before = self.column - 1;
        // A long line is cut on both sides.
        let length = text.chars().count();
        let first = match length > LINE_MAX {
            true => before.min(length).saturating_sub(LINE_MAX / 2),
            false => 0,
        };
        let mut shown = String::from(if first > 0 { "…" } else { "" });
        let is_blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        // The place may be one after the last character.
        let above = text.chars().skip(first).chain([' ']).take(before - first);
        let blanks: String = shown.chars().chain(above).map(is_blank).collect();
        shown.extend(text.chars().skip(first).take(LINE_MAX));
        if first + LINE_MAX < length {
            shown.push('…');
        }
        Some(format!("  {shown}\n  {blanks}^"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Removes the place that a message states, which is one of its statement and not of its file.
pub(crate) fn without_place(message: &str) -> String {
    let parts = message
        .rsplit_once(" at Line: ")
        .and_then(|(before, place)| {
            let (line, rest) = place.split_once(", Column: ")?;
            let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let is_number = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
            (is_number && after.len() < rest.len()).then(|| format!("{before}{after}"))
        });
    parts.unwrap_or_else(|| message.to_owned())
}

/// Returns the text that a message says cannot be cast.
fn cast(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("Cannot cast string '")?;
    let (text, _) = rest.rsplit_once("' to value of ")?;
    Some(text)
}

/// Returns the name that a message is about, and the last part of it.
fn name(message: &str) -> Option<(&str, &str)> {
    let column = message.split_once("No field named ");
    let column = column.and_then(|(_, rest)| rest.split_whitespace().next());
    let named = || {
        NAMES.iter().find_map(|(begin, end)| {
            let (_, rest) = message.split_once(begin)?;
            let (name, _) = rest.split_once(end)?;
            Some(name).filter(|name| !name.contains('\n'))
        })
    };
    let name = column.or_else(named)?.trim_end_matches(['.', ',', ';']);
    let is_path = name.contains('/');
    let last = name.rsplit('.').next().filter(|_| !is_path);
    let last = last.unwrap_or(name).trim_matches('"');
    (!last.is_empty()).then_some((name, last))
}

/// Returns the tokens of the statement of this index, without blanks and comments.
pub(crate) fn statement_tokens(
    sql: &str,
    index: usize,
    dialect: &dyn Dialect,
) -> Vec<TokenWithSpan> {
    let mut tokens = Vec::new();
    // The session reports errors of the tokenizer.
    let _ = Tokenizer::new(dialect, sql).tokenize_with_location_into_buf(&mut tokens);
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    let statements = tokens.split(|token| token.token == Token::SemiColon);
    let mut statements = statements.filter(|statement| !statement.is_empty());
    statements.nth(index).map(<[_]>::to_vec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn place(message: &str, sql: &str, index: usize) -> Option<String> {
        let place = Place::of_error(message, sql, index, &GenericDialect {});
        place.map(|place| place.to_string())
    }

    #[test]
    fn place_is_below_its_character() {
        let message = "sql parser error: Expected: x, found: FUNCTON at Line: 2, Column: 9";
        let shown = |message, sql: &str| {
            let place = Place::of_error(message, sql, 0, &GenericDialect {});
            place.and_then(|place| place.caret(sql))
        };
        assert_eq!(
            shown(message, "-- é\n\tCREATE FUNCTON f").as_deref(),
            Some("  \tCREATE FUNCTON f\n  \t       ^")
        );
        let long = format!("SELECT {} FORM", "x".repeat(500));
        let text = shown("at Line: 1, Column: 509", &long).unwrap();
        let (line, below) = text.split_once('\n').unwrap();
        assert_eq!(line.chars().nth(below.len() - 1), Some('F'), "{text}");
        assert!(line.starts_with("  …x") && line.ends_with("FORM"), "{text}");
        let text = shown("at Line: 1, Column: 8", &long).unwrap();
        assert!(
            text.starts_with("  SELECT xx") && text.ends_with("x…\n         ^"),
            "{text}"
        );
        // A line that fits is whole.
        let whole = format!("SELECT {} FORM", "x".repeat(80));
        let text = shown("at Line: 1, Column: 89", &whole).unwrap();
        assert!(text.starts_with(&format!("  {whole}\n")), "{text}");
        let end = shown(
            "sql parser error: Expected: an expression, found: EOF",
            "SELECT 1 +;\n",
        );
        assert_eq!(end.as_deref(), Some("  SELECT 1 +;\n            ^"));
        for message in [
            "no place",
            "at Line: 9, Column: 1",
            "at Line: x, Column: 1",
            "at Line: 0, Column: 0",
        ] {
            assert_eq!(shown(message, "SELECT 1"), None);
        }
    }

    #[test]
    fn stated_place_is_removed() {
        for (message, expected) in [
            ("found: x at Line: 3, Column: 15", "found: x"),
            (
                "found more at Line: 1, Column: 9; divide it",
                "found more; divide it",
            ),
            (
                "found: x at Line: 3, Column: ",
                "found: x at Line: 3, Column: ",
            ),
            ("x at Line: y, Column: 1", "x at Line: y, Column: 1"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(without_place(message), expected);
        }
    }

    #[test]
    fn names_have_places_in_their_statement() {
        let sql = "SELECT a FROM t; -- b\nSELECT b, 't.csv'\n  FROM \"T\" WHERE f(b) > 'b';";
        for (message, index, expected) in [
            ("table 'datafusion.public.t' not found", 0, Some("1:15")),
            ("table 'datafusion.public.t' not found", 1, Some("3:8")),
            ("No field named b. Valid fields are t.a.", 1, Some("2:8")),
            ("No field named t.b.", 1, Some("2:8")),
            ("No field named \"b\". Did you mean", 1, Some("2:8")),
            ("function 'f' does not exist", 1, Some("3:18")),
            ("function 'f' requires x, but received y", 1, Some("3:18")),
            ("function `f` does not exist", 1, Some("3:18")),
            ("function `f` does not exist", 0, None),
            ("table 'datafusion.public.u' not found", 1, None),
            ("table 't", 0, None),
            ("table 'datafusion.public.t.csv' not found", 1, Some("2:11")),
            ("file `t.csv` cannot be read: x", 1, Some("2:11")),
            ("column t.b must be in GROUP BY, or …", 1, Some("2:8")),
            (
                "Cast error: Cannot cast string 'b' to value of Int64 type",
                1,
                Some("3:25"),
            ),
            (
                "Cast error: Cannot cast string 'c' to value of Int64 type",
                1,
                None,
            ),
            ("anything", 0, None),
            ("table 't' not found", 7, None),
        ] {
            assert_eq!(place(message, sql, index).as_deref(), expected, "{message}");
        }
        let begin = |index| Place::of_statement(sql, index, &GenericDialect {});
        assert_eq!(begin(1), Some(Place { line: 2, column: 1 }));
        assert_eq!(begin(2), None);
    }
}
