//! Words and names of statements, on sqlparser's tokens.

use sqlparser::ast::Ident;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use crate::parse_error::ParseError;

type Result<T, E = ParseError> = std::result::Result<T, E>;

/// Name of the type whose one parameter is the text of an Arrow type.
pub(super) const ARROW: &str = "ARROW";

/// Name of the type that accepts `*` instead of a precision.
pub(super) const DECIMAL: &str = "DECIMAL";

/// sqlparser's parser, extended by words that are not its keywords.
pub(super) struct Reader<'a, 'p>(pub(super) &'a mut Parser<'p>);

impl Reader<'_, '_> {
    /// Expects the end of the statement.
    pub(super) fn end(&mut self) -> Result<()> {
        self.0.expect_token(&Token::EOF)?;
        Ok(())
    }

    /// Parses one name without a schema, folded to lower case unless quoted.
    pub(super) fn name(&mut self) -> Result<String> {
        let name = self.identifier()?;
        if self.0.peek_token_ref().token == Token::Period {
            let token = self.0.peek_token();
            self.0.expected("a name without a schema", token)?;
        }
        Ok(name)
    }

    /// Parses a name without control characters, so that it can be displayed.
    pub(super) fn identifier(&mut self) -> Result<String> {
        let token = self.0.peek_token();
        let name = fold(self.0.parse_identifier()?);
        if name.chars().any(char::is_control) {
            self.0
                .expected("a name without control characters", token)?;
        }
        Ok(name)
    }

    /// Returns the `n`th next word in upper case; empty if that token is not a word,
    /// or is quoted.
    pub(super) fn word_at(&self, n: usize) -> String {
        match &self.0.peek_nth_token_ref(n).token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    pub(super) fn skip(&mut self, tokens: usize) {
        for _ in 0..tokens {
            self.0.next_token();
        }
    }

    pub(super) fn eat(&mut self, word: &str) -> bool {
        self.eat_all(&[word])
    }

    pub(super) fn eat_all(&mut self, words: &[&str]) -> bool {
        let found = (0..).zip(words).all(|(n, word)| self.word_at(n) == *word);
        if found {
            self.skip(words.len());
        }
        found
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), ParserError> {
        if self.eat(word) {
            return Ok(());
        }
        let token = self.0.peek_token();
        self.0.expected(word, token)
    }
}

/// Folds an identifier to lower case, unless it is quoted.
pub(super) fn fold(ident: Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value,
        None => ident.value.to_ascii_lowercase(),
    }
}
