//! Clauses that several statements have.

use arrow_schema::DataType;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Token;

use super::options::Options;
use super::types::arrow_type;
use super::words::Reader;
use crate::parse_error::ParseError;

type Result<T, E = ParseError> = std::result::Result<T, E>;

/// Clause that gives the bytes of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceClause {
    /// `FROM MODULE name`.
    Module(String),
    /// `AS 'path'`.
    Path(String),
    /// `AS $$(module …)$$`: Wasm text.
    Text(String),
    /// `AS BASE64 '…'`.
    Base64(String),
}

impl Reader<'_, '_> {
    /// Parses a list of options in parentheses. Their names are not case-sensitive, in quotes
    /// neither.
    pub(super) fn options(&mut self) -> Result<Options> {
        self.0.expect_token(&Token::LParen)?;
        let options = self.0.parse_comma_separated(|parser| {
            let name = parser.parse_identifier()?.value.to_ascii_lowercase();
            parser.expect_token(&Token::Eq)?;
            let value = parser.next_token();
            match value.token.clone() {
                Token::Number(number, _) => match parser.peek_token().token {
                    // A size without quotes, as 64MB.
                    Token::Word(unit) => {
                        let what = format!("quotes: write {name} = '{number}{}'", unit.value);
                        parser.expected(&what, value)
                    }
                    _ => Ok((name, number)),
                },
                Token::SingleQuotedString(text) => Ok((name, text)),
                _ => parser.expected("a number or a string", value),
            }
        })?;
        self.0.expect_token(&Token::RParen)?;
        let options = Options(options);
        match options.repeated() {
            None => Ok(options),
            Some(name) => {
                let message = format!("the option {name} is given twice");
                Err(ParserError::ParserError(message).into())
            }
        }
    }

    /// Parses the body after `AS`: a path, `BASE64 '…'` or `$$(module …)$$`.
    pub(super) fn body(&mut self) -> Result<SourceClause> {
        if self.eat("BASE64") {
            return Ok(SourceClause::Base64(self.0.parse_literal_string()?));
        }
        let token = self.0.next_token();
        match token.token {
            Token::DollarQuotedString(text) => Ok(SourceClause::Text(text.value)),
            Token::SingleQuotedString(path) => Ok(SourceClause::Path(path)),
            _ => Ok(self.0.expected("a path, BASE64 or $$(module …)$$", token)?),
        }
    }

    /// Parses the name of a language and folds it to upper case.
    pub(super) fn language(&mut self) -> Result<String> {
        let token = self.0.next_token();
        match token.token {
            Token::Word(word) => Ok(word.value.to_ascii_uppercase()),
            Token::SingleQuotedString(name) => Ok(name.to_ascii_uppercase()),
            _ => Ok(self.0.expected("a language", token)?),
        }
    }

    /// Parses a data type and maps it to Arrow's.
    pub(super) fn data_type(&mut self, of: &str) -> Result<DataType> {
        let data_type = self.type_name()?;
        arrow_type(&data_type, of)
    }
}
