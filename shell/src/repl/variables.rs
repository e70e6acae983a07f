//! Variables of the prompt, as those of psql: `\set day 2013-01-01`, `SELECT :'day'`.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use fusebox::Literal;

/// Variables by name.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Sets a variable, or forgets it.
    pub(super) fn set(&mut self, name: String, value: Option<String>) {
        match value {
            Some(value) => drop(self.0.insert(name, value)),
            None => drop(self.0.remove(&name)),
        }
    }

    /// Returns a line for each variable.
    pub(super) fn lines(&self) -> Vec<String> {
        let variables = self.0.iter();
        variables
            .map(|(name, value)| format!("{name} = {value}"))
            .collect()
    }

    /// Replaces `:name` by the value of the variable, `:'name'` by it as a string, and `:"name"`
    /// by it as a name. What names no variable, and what is within a string or a comment, stays.
    pub(super) fn interpolate(&self, sql: &str, dialect: &dyn Dialect) -> String {
        let tokens = match self.0.is_empty() {
            true => Ok(Vec::new()),
            false => Tokenizer::new(dialect, sql).tokenize_with_location(),
        };
        // A text that is no SQL fails later, with a better message.
        let tokens = tokens.unwrap_or_default();
        let mut text = sql.to_owned();
        for pair in tokens.windows(2).rev() {
            if let Some(value) = self.value(&pair[0], &pair[1])
                && let Some(begin) = offset(sql, pair[0].span.start)
                && let Some(end) = offset(sql, pair[1].span.end)
            {
                text.replace_range(begin..end, &value);
            }
        }
        text
    }

    /// Returns the text that replaces a colon and the token after it.
    fn value(&self, colon: &TokenWithSpan, name: &TokenWithSpan) -> Option<String> {
        if colon.token != Token::Colon || colon.span.end != name.span.start {
            return None;
        }
        match &name.token {
            Token::Word(word) if word.quote_style == Some('"') => {
                let value = self.0.get(&word.value)?;
                Some(format!("\"{}\"", value.replace('"', "\"\"")))
            }
            Token::Word(word) if word.quote_style.is_none() => self.0.get(&word.value).cloned(),
            Token::SingleQuotedString(name) => {
                let value = self.0.get(name)?;
                Some(Literal(value).to_string())
            }
            _ => None,
        }
    }
}

/// Returns the byte at a line and column, counted in characters from 1 on.
fn offset(text: &str, at: Location) -> Option<usize> {
    let line = usize::try_from(at.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(at.column).ok()?.checked_sub(1)?;
    let begin = match line {
        0 => 0,
        line => text.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let mut characters = text[begin..].char_indices().map(|(index, _)| index);
    Some(begin + characters.nth(column).unwrap_or(text.len() - begin))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn interpolated(sql: &str) -> String {
        let mut variables = Variables::default();
        variables.set("n".to_owned(), Some("5".to_owned()));
        variables.set("who".to_owned(), Some("O'Neil \"x\"".to_owned()));
        variables.set("größe".to_owned(), Some("1 + 1".to_owned()));
        variables.set("gone".to_owned(), Some("1".to_owned()));
        variables.set("gone".to_owned(), None);
        variables.interpolate(sql, &GenericDialect {})
    }

    #[test]
    fn variables_are_replaced_outside_of_strings_and_comments() {
        for (sql, expected) in [
            ("SELECT :n", "SELECT 5"),
            ("SELECT :n::INT, 'ä', :größe;", "SELECT 5::INT, 'ä', 1 + 1;"),
            ("SELECT\n 'ü\nü', :n\n, :n", "SELECT\n 'ü\nü', 5\n, 5"),
            (
                "SELECT :'who' AS :\"who\"",
                "SELECT 'O''Neil \"x\"' AS \"O'Neil \"\"x\"\"\"",
            ),
            ("SELECT ':n' -- :n\n, $$:n$$", "SELECT ':n' -- :n\n, $$:n$$"),
            ("SELECT a::n, :gone, : n", "SELECT a::n, :gone, : n"),
            ("SELECT ':n", "SELECT ':n"),
        ] {
            assert_eq!(interpolated(sql), expected);
        }
    }
}
