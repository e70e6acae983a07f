//! Texts of statements: where each begins, and what is to be done with it.

// Statements that the server executes itself.
mod command;

// Names of the columns of a query.
mod column_names;

use std::ops::Range;

use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use fusebox::statement::may_have_password;

pub(crate) use column_names::column_names;
pub(crate) use command::{Command, CopySource, SetValue, Transaction};

/// Maximum depth of nested brackets that are parsed without the bounds of the session.
const DEPTH_MAX: usize = 100;

/// Maximum number of tokens of a query whose columns are named as in PostgreSQL.
pub(crate) const NAMED_TOKENS_MAX: usize = 4_000;

/// Text of one statement of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatementText {
    /// The text, without its semicolon.
    pub(crate) sql: String,
    /// Characters of the query before the text.
    pub(crate) begin: usize,
    tokens: Vec<Token>,
    /// Bytes of the text at which each token begins.
    places: Vec<usize>,
}

impl StatementText {
    /// Splits a query at its semicolons. Texts without a token are left out.
    pub(crate) fn split(query: &str, dialect: &dyn Dialect) -> Vec<Self> {
        let mut tokens: Vec<TokenWithSpan> = Vec::new();
        // The session reports errors; the text after one is a single statement.
        let tokenized = Tokenizer::new(dialect, query).tokenize_with_location_into_buf(&mut tokens);
        let mut statements = Vec::new();
        let mut texts = Texts::new(query);
        let mut open = Vec::new();
        for token in tokens {
            match token.token {
                Token::Whitespace(_) => {}
                Token::SemiColon => {
                    let end = texts.offset(&token);
                    // Tokens of a hint `/*! … */` have the place of the whole comment.
                    let is_own = query.as_bytes().get(end) == Some(&b';');
                    if is_own && end >= texts.begin {
                        statements.extend(texts.statement(end, std::mem::take(&mut open)));
                        texts.begin = end + 1;
                    }
                }
                _ => open.push((texts.offset(&token), token.token)),
            }
        }
        if tokenized.is_err() && open.is_empty() {
            open.push((texts.begin, Token::EOF));
        }
        statements.extend(texts.statement(query.len(), open));
        statements
    }

    /// Returns the word of an index in capital letters; empty if it is no word.
    pub(crate) fn word(&self, index: usize) -> String {
        match self.tokens.get(index) {
            Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_uppercase(),
            _ => String::new(),
        }
    }

    /// Returns true if the statement begins with these words.
    pub(crate) fn begins_with(&self, words: &[&str]) -> bool {
        let mut indexed = words.iter().enumerate();
        indexed.all(|(index, word)| self.word(index) == *word)
    }

    /// Returns the tokens, without blanks and comments.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Returns the begin of the text for the log; nothing of one that may have a password.
    pub(crate) fn logged(&self) -> String {
        match may_have_password(&self.sql) {
            true => "a text that may have a password".to_owned(),
            // A module may be within the text.
            false => self.sql.chars().take(200).collect(),
        }
    }

    /// Returns true if parsing may recurse deeply: brackets are nested, or there are more tokens
    /// than a maximum.
    pub(crate) fn is_deep(&self, tokens_max: usize) -> bool {
        let (mut depth, mut deepest) = (0_usize, 0);
        for token in &self.tokens {
            match token {
                Token::LParen | Token::LBracket | Token::LBrace | Token::Lt => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace | Token::Gt => {
                    depth = depth.saturating_sub(1);
                }
                Token::ShiftRight => depth = depth.saturating_sub(2),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        deepest > DEPTH_MAX || self.tokens.len() > tokens_max
    }

    /// Returns the size in memory, with that of the command.
    pub(crate) fn bytes(&self) -> usize {
        2 * self.sql.len() + self.tokens.len() * (size_of::<Token>() + size_of::<usize>())
    }

    /// Returns the text of tokens.
    pub(crate) fn text_of(&self, range: Range<usize>) -> &str {
        self.sql
            .get(self.place(range.start)..self.place(range.end))
            .unwrap_or_default()
    }

    /// Returns the byte of the text at which a token begins.
    pub(crate) fn place(&self, index: usize) -> usize {
        self.places.get(index).copied().unwrap_or(self.sql.len())
    }
}

/// Offsets of a query, found while its tokens are read.
struct Texts<'a> {
    query: &'a str,
    /// Begin of the open statement in bytes.
    begin: usize,
    /// Bytes whose characters are counted.
    counted: usize,
    /// Characters of these bytes.
    characters: usize,
    line: u64,
    column: u64,
    offset: usize,
}

impl<'a> Texts<'a> {
    fn new(query: &'a str) -> Self {
        Self {
            query,
            begin: 0,
            counted: 0,
            characters: 0,
            line: 1,
            column: 1,
            offset: 0,
        }
    }

    /// Returns the byte at which a token begins, which is behind those before.
    fn offset(&mut self, token: &TokenWithSpan) -> usize {
        let place = token.span.start;
        for character in self.query[self.offset..].chars() {
            if (self.line, self.column) >= (place.line, place.column) {
                break;
            }
            match character {
                '\n' => (self.line, self.column) = (self.line + 1, 1),
                _ => self.column += 1,
            }
            self.offset += character.len_utf8();
        }
        self.offset
    }

    /// Returns the statement that ends at a byte; `None` if it has no tokens.
    fn statement(&mut self, end: usize, tokens: Vec<(usize, Token)>) -> Option<StatementText> {
        if tokens.is_empty() {
            return None;
        }
        let passed = self.query.get(self.counted..self.begin).unwrap_or_default();
        self.characters += passed.chars().count();
        self.counted = self.begin;
        let (places, tokens) = tokens
            .into_iter()
            .map(|(offset, token)| (offset.saturating_sub(self.begin), token))
            .unzip();
        Some(StatementText {
            sql: self
                .query
                .get(self.begin..end)
                .unwrap_or_default()
                .to_owned(),
            begin: self.characters,
            tokens,
            places,
        })
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::{GenericDialect, MySqlDialect};

    use super::*;

    #[test]
    fn statements_are_split_at_semicolons_that_are_tokens() {
        let query = "SELECT 'é;'; -- a;\n;/* ; */ begin ;\nSELECT $$;$$ || x";
        let statements = StatementText::split(query, &GenericDialect {});
        let texts: Vec<_> = statements
            .iter()
            .map(|s| (s.sql.as_str(), s.begin))
            .collect();
        assert_eq!(
            texts,
            [
                ("SELECT 'é;'", 0),
                ("/* ; */ begin ", 20),
                ("\nSELECT $$;$$ || x", 35)
            ]
        );
        assert!(statements[1].begins_with(&["BEGIN"]));
        assert_eq!(statements[2].text_of(1..2), "$$;$$ ");
        assert_eq!(statements[2].text_of(3..9), "x");
    }

    #[test]
    fn semicolons_of_hints_end_no_statement() {
        for dialect in [&GenericDialect {} as &dyn Dialect, &MySqlDialect {}] {
            let statements = StatementText::split("SELECT 1 /*!;a*/ ; SELECT 2", dialect);
            let texts: Vec<_> = statements.iter().map(|s| s.sql.as_str()).collect();
            assert_eq!(texts, ["SELECT 1 /*!;a*/ ", " SELECT 2"]);
            StatementText::split("/*!;a;*/", dialect);
        }
    }

    #[test]
    fn text_that_cannot_be_read_is_one_statement() {
        for query in ["SELECT 'a; b", "'", "$$"] {
            let statements = StatementText::split(query, &GenericDialect {});
            assert_eq!(statements.len(), 1, "{query}");
            assert_eq!(statements[0].sql, query);
        }
        assert!(StatementText::split(" ;; -- none", &GenericDialect {}).is_empty());
    }
}
