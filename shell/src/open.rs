//! Open strings, comments, brackets and statements at the end of a text.

use std::fmt;

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{
    Location, Token, TokenWithSpan, Tokenizer, Whitespace,
};

/// Part of a text that is open at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) kind: OpenKind,
    /// Line and column where it begins, from 1 on.
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// Kind of an open part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenKind {
    /// String, of quotes or dollars.
    String,
    /// Name in quotes.
    Name,
    /// Comment of several lines.
    Comment,
    /// Bracket: `(`, `[` or `{`.
    Bracket(char),
    /// Statement without a semicolon.
    Statement,
}

impl fmt::Display for OpenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Name => f.write_str("quoted name"),
            Self::Comment => f.write_str("comment"),
            Self::Bracket(bracket) => write!(f, "`{bracket}`"),
            Self::Statement => f.write_str("statement"),
        }
    }
}

impl Open {
    /// Finds the innermost part that is open at the end of `sql`.
    pub(crate) fn at_end(sql: &str, dialect: &dyn Dialect) -> Option<Self> {
        let (tokens, is_open) = tokens(sql, dialect);
        if is_open {
            return Some(Self::of_text(sql, &tokens));
        }
        let mut brackets = Brackets::default();
        let mut begin = None;
        for token in &tokens {
            brackets.add(token);
            match token.token {
                Token::SemiColon => begin = None,
                Token::Whitespace(_) => {}
                _ => begin = begin.or(Some(token.span.start)),
            }
            if begin.is_none() {
                brackets.0.clear();
            }
        }
        let bracket = brackets.0.pop();
        let statement = || Some(Self::at(OpenKind::Statement, begin?));
        bracket.or_else(statement)
    }

    /// Finds a string, a comment or a bracket that is never closed. A semicolon closes no
    /// bracket, and none can be within one.
    pub(crate) fn unclosed(sql: &str, dialect: &dyn Dialect) -> Option<Self> {
        let (tokens, is_open) = tokens(sql, dialect);
        if is_open {
            return Some(Self::of_text(sql, &tokens));
        }
        let mut brackets = Brackets::default();
        for token in &tokens {
            if token.token == Token::SemiColon && !brackets.0.is_empty() {
                break;
            }
            brackets.add(token);
        }
        brackets.0.pop()
    }

    /// Returns true if the end of `sql` is within a comment of one line.
    pub(crate) fn is_line_comment(sql: &str, dialect: &dyn Dialect) -> bool {
        let (tokens, _) = tokens(sql, dialect);
        let last = tokens.last().map(|token| &token.token);
        let Some(Token::Whitespace(Whitespace::SingleLineComment { comment, .. })) = last else {
            return false;
        };
        !comment.ends_with('\n')
    }

    fn at(kind: OpenKind, place: Location) -> Self {
        Self {
            kind,
            line: place.line,
            column: place.column,
        }
    }

    /// Returns the text that begins where the tokens end.
    fn of_text(sql: &str, tokens: &[TokenWithSpan]) -> Self {
        let end = tokens.last().map(|token| token.span.end);
        let place = end.unwrap_or(Location::new(1, 1));
        let lines = sql.split('\n').nth(place.line.saturating_sub(1) as usize);
        let column = place.column.saturating_sub(1) as usize;
        let first = lines.and_then(|line| line.chars().nth(column));
        let kind = match first {
            Some('"' | '`' | '[') => OpenKind::Name,
            Some('/') => OpenKind::Comment,
            _ => OpenKind::String,
        };
        Self::at(kind, place)
    }
}

/// Open brackets, the innermost last.
#[derive(Default)]
struct Brackets(Vec<Open>);

impl Brackets {
    fn add(&mut self, token: &TokenWithSpan) {
        let bracket = match token.token {
            Token::LParen => '(',
            Token::LBracket => '[',
            Token::LBrace => '{',
            Token::RParen | Token::RBracket | Token::RBrace => {
                self.0.pop();
                return;
            }
            _ => return,
        };
        let kind = OpenKind::Bracket(bracket);
        self.0.push(Open::at(kind, token.span.start));
    }
}

/// Returns the tokens of a text; true if a string or a comment is open at its end.
fn tokens(sql: &str, dialect: &dyn Dialect) -> (Vec<TokenWithSpan>, bool) {
    let mut tokens = Vec::new();
    let read = Tokenizer::new(dialect, sql).tokenize_with_location_into_buf(&mut tokens);
    let is_open = read.is_err_and(|error| {
        let words = ["nterminated", "EOF"];
        words.iter().any(|word| error.message.contains(word))
    });
    (tokens, is_open)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    #[test]
    fn open_part_is_found_with_its_place() {
        use OpenKind::*;
        for (sql, expected) in [
            ("", None),
            ("SELECT 1;", None),
            ("-- hello", None),
            ("SELECT (1;", None),
            ("SELECT 1", Some((Statement, 1, 1))),
            ("SELECT 1;\n  SELECT 2", Some((Statement, 2, 3))),
            ("SELECT 'a", Some((String, 1, 8))),
            ("SELECT ('a;\n", Some((String, 1, 9))),
            ("SELECT 1,\n $$;", Some((String, 2, 2))),
            ("SELECT \"a", Some((Name, 1, 8))),
            ("SELECT /* ; ", Some((Comment, 1, 8))),
            ("SELECT (1,\n [2", Some((Bracket('['), 2, 2))),
            ("SELECT (1,\n [2]", Some((Bracket('('), 1, 8))),
            ("'é', 'open", Some((String, 1, 6))),
        ] {
            let open = Open::at_end(sql, &GenericDialect {});
            let open = open.map(|open| (open.kind, open.line, open.column));
            assert_eq!(open, expected, "{sql}");
        }
    }

    #[test]
    fn bracket_that_a_semicolon_ends_is_unclosed() {
        let unclosed = |sql| Open::unclosed(sql, &GenericDialect {}).map(|open| open.column);
        assert_eq!(unclosed("SELECT (1; SELECT (2);"), Some(8));
        assert_eq!(unclosed("SELECT (1); SELECT ((2)"), Some(20));
        assert_eq!(unclosed("SELECT (1); SELECT 2"), None);
    }
}
