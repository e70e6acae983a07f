//! Expressions that mean something else here than in PostgreSQL or DuckDB, without an error.

use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Returns a warning for each kind of expression that may surprise.
pub(crate) fn surprises(sql: &str, dialect: &dyn Dialect) -> Vec<String> {
    let lower = sql.to_lowercase();
    let words = ["^", "to_char", "isnull", "notnull"];
    if !words.iter().any(|word| lower.contains(word)) {
        return Vec::new();
    }
    let Ok(tokens) = Tokenizer::new(dialect, sql).tokenize() else {
        return Vec::new();
    };
    let is_part = |token: &Token| !matches!(token, Token::Whitespace(_));
    let tokens: Vec<Token> = tokens.into_iter().filter(is_part).collect();
    let mut found = Vec::new();
    let is_power = |tokens: &[Token]| match tokens {
        [left, Token::Caret, right] => ends_operand(left) && begins_operand(right),
        _ => false,
    };
    if !dialect.is::<PostgreSqlDialect>() && tokens.windows(3).any(is_power) {
        found.push(
            "^ is the bitwise exclusive or: write power(a, b), or SET \
             datafusion.sql_parser.dialect = 'PostgreSQL'"
                .to_owned(),
        );
    }
    let is_test_of_null = |tokens: &[Token]| {
        let is_test = |word: &str| {
            ["isnull", "notnull"]
                .iter()
                .any(|test| word.eq_ignore_ascii_case(test))
        };
        let [operand, Token::Word(word)] = tokens else {
            return false;
        };
        ends_operand(operand)
            && !is_keyword(operand)
            && word.quote_style.is_none()
            && is_test(&word.value)
    };
    if tokens.windows(2).any(is_test_of_null) {
        found.push("isnull and notnull are names here: write IS NULL, IS NOT NULL".to_owned());
    }
    if let Some(format) = format_without_percent(&tokens, "to_char") {
        found.push(match with_percents(format) {
            Some(instead) if instead == format => {
                "to_char returns a format without % as it is".to_owned()
            }
            Some(instead) => format!(
                "to_char returns a format without % as it is: write '{instead}' for '{format}'"
            ),
            None => {
                "to_char returns a format without % as it is, and takes dates and times alone: \
                     write round(number, 2)::VARCHAR for a number"
                    .to_owned()
            }
        });
    }
    found
}

/// Parts of formats of PostgreSQL, the longer ones first, and the same here.
const PARTS: [(&str, &str); 16] = [
    ("YYYY", "%Y"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("Month", "%B"),
    ("Day", "%A"),
    ("DDD", "%j"),
    ("Mon", "%b"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("MS", "%3f"),
    ("Dy", "%a"),
    ("AM", "%p"),
];

/// Returns a format of PostgreSQL as it is written here; `None` for one of numbers.
fn with_percents(format: &str) -> Option<String> {
    let mut written = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let is_begin = |part: &str| {
            let begin = rest.get(..part.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(part))
        };
        match PARTS.iter().find(|(part, _)| is_begin(part)) {
            Some((part, percent)) => {
                written += percent;
                rest = &rest[part.len()..];
            }
            None if first == '9' => return None,
            None => {
                written.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    Some(written)
}

/// Returns the format of a call of a function that ends with a text without `%`.
pub(super) fn format_without_percent<'a>(tokens: &'a [Token], name: &str) -> Option<&'a str> {
    let is_call = |index: &usize| {
        matches!(&tokens[*index], Token::Word(word) if word.value.eq_ignore_ascii_case(name))
            && tokens.get(*index + 1) == Some(&Token::LParen)
    };
    (0..tokens.len()).filter(is_call).find_map(|index| {
        let mut depth = 0_usize;
        let end = tokens[index..].iter().position(|token| {
            match token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => return false,
            }
            depth == 0
        })?;
        match &tokens[index..index + end] {
            [.., Token::Comma, Token::SingleQuotedString(format)]
                if !format.contains('%') && !format.is_empty() =>
            {
                Some(format.as_str())
            }
            _ => None,
        }
    })
}

/// Returns true for a word that comes before a name.
fn is_keyword(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword != Keyword::NoKeyword)
}

fn ends_operand(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..) | Token::Word(_) | Token::RParen | Token::RBracket
    )
}

fn begins_operand(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..) | Token::Word(_) | Token::LParen | Token::Minus
    )
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    #[test]
    fn powers_and_formats_are_found() {
        for (sql, count) in [
            ("SELECT 2 ^ 3", 1),
            ("SELECT a^b, (a + 1) ^ -2 FROM t", 1),
            ("SELECT '2 ^ 3'", 0),
            ("SELECT 1 -- a ^ b", 0),
            ("SELECT to_char(d, 'Mon YYYY') FROM t", 1),
            ("SELECT TO_CHAR(coalesce(d, now()), 'YYYY'), 2 ^ 3", 2),
            ("SELECT to_char(d, '%Y')", 0),
            ("SELECT to_char(d, f)", 0),
            ("SELECT to_char(d, 'YYYY'", 0),
            ("SELECT 'to_char(d, ''YYYY'')'", 0),
            ("SELECT '^", 0),
            ("SELECT 5 isnull", 1),
            ("SELECT carrier ISNULL, (a) notnull FROM t", 1),
            ("SELECT 5 AS isnull, isnull FROM t", 0),
            ("SELECT 5 \"isnull\"", 0),
            ("", 0),
        ] {
            assert_eq!(surprises(sql, &GenericDialect {}).len(), count, "{sql}");
        }
        assert!(surprises("SELECT 2 ^ 3", &PostgreSqlDialect {}).is_empty());
    }

    #[test]
    fn formats_are_written_with_percents() {
        for (format, expected) in [
            ("YYYY-MM-DD HH24:MI:SS", Some("%Y-%m-%d %H:%M:%S")),
            ("yyyy-mm", Some("%Y-%m")),
            ("Dy, DD Mon YYYY", Some("%a, %d %b %Y")),
            ("größe", Some("größe")),
            ("9,999.99", None),
        ] {
            assert_eq!(with_percents(format).as_deref(), expected, "{format}");
        }
    }
}
