//! The grammar of our statements, but for `CREATE FUNCTION`.

use sqlparser::ast::Ident;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::function::Source;
use super::options::Options;
use super::types::arrow_type;
use super::{CreateModule, FunctionName, Ours};
use crate::error::Result;

/// sqlparser's parser, with words that are no keywords to it.
pub(super) struct Reader<'a, 'p>(pub(super) &'a mut Parser<'p>);

impl Reader<'_, '_> {
    /// Parses a statement of ours; nothing if it does not begin like one, and
    /// then no token was consumed.
    pub(super) fn statement(&mut self) -> Result<Option<Ours>> {
        let first: Vec<String> = (0..6).map(|n| self.word_at(n)).collect();
        let words: Vec<&str> = first.iter().map(String::as_str).collect();
        Ok(Some(match words[..] {
            ["CREATE", "MODULE", ..] => self.create_module(1)?,
            ["CREATE", "OR", "REPLACE", "MODULE", ..] => self.create_module(3)?,
            ["CREATE", ref rest @ ..] if names_a_function(rest) => {
                Ours::CreateFunction(Box::new(self.create_function()?))
            }
            ["IMPORT", "FUNCTIONS", ..] => self.import()?,
            ["DROP", "FUNCTION" | "AGGREGATE", ..] => self.drop_functions()?,
            ["DROP", "MODULE", ..] => self.drop_modules()?,
            ["ALTER", "FUNCTION", ..] => self.alter_function()?,
            ["SHOW", "FUNCTIONS", ..] => self.show_functions(false)?,
            ["SHOW", "USER", "FUNCTIONS", ..] => self.show_functions(true)?,
            ["SHOW", "MODULES", ..] => {
                self.skip(2);
                Ours::ShowModules { like: self.like()? }
            }
            ["SHOW", "CREATE", "FUNCTION", ..] => {
                self.skip(3);
                Ours::ShowCreateFunction(self.function_name()?)
            }
            ["DESCRIBE" | "DESC", "MODULE", ..] => {
                self.skip(2);
                Ours::DescribeModule(self.name()?)
            }
            _ => return Ok(None),
        }))
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Result<()> {
        self.0.expect_token(&Token::EOF)?;
        Ok(())
    }

    fn create_module(&mut self, words: usize) -> Result<Ours> {
        let or_replace = words == 3;
        self.skip(words + 1);
        let if_not_exists = self.eat_all(&["IF", "NOT", "EXISTS"]);
        let name = self.name()?;
        let language = match self.eat("LANGUAGE") {
            true => Some(self.language()?),
            false => None,
        };
        let source = if self.eat("FROM") {
            Source::Path(self.0.parse_literal_string()?)
        } else {
            self.expect("AS")?;
            self.body()?
        };
        let sha256 = match self.eat("SHA256") {
            true => Some(self.0.parse_literal_string()?),
            false => None,
        };
        Ok(Ours::CreateModule(CreateModule {
            or_replace,
            if_not_exists,
            name,
            language,
            source,
            sha256,
        }))
    }

    fn import(&mut self) -> Result<Ours> {
        self.skip(2);
        self.expect("FROM")?;
        self.expect("MODULE")?;
        let module = self.name()?;
        let like = self.like()?;
        Ok(Ours::ImportFunctions { module, like })
    }

    fn drop_functions(&mut self) -> Result<Ours> {
        self.skip(2);
        let if_exists = self.eat_all(&["IF", "EXISTS"]);
        let mut functions = vec![self.function_name()?];
        while self.0.consume_token(&Token::Comma) {
            functions.push(self.function_name()?);
        }
        // Nothing depends on a function, so the two mean the same.
        let _ = self.eat("RESTRICT") || self.eat("CASCADE");
        Ok(Ours::DropFunctions {
            if_exists,
            functions,
        })
    }

    fn drop_modules(&mut self) -> Result<Ours> {
        self.skip(2);
        let if_exists = self.eat_all(&["IF", "EXISTS"]);
        let mut modules = vec![self.name()?];
        while self.0.consume_token(&Token::Comma) {
            modules.push(self.name()?);
        }
        let cascade = !self.eat("RESTRICT") && self.eat("CASCADE");
        Ok(Ours::DropModules {
            if_exists,
            modules,
            cascade,
        })
    }

    fn alter_function(&mut self) -> Result<Ours> {
        self.skip(2);
        let function = self.function_name()?;
        self.expect("SET")?;
        let options = self.options()?;
        Ok(Ours::AlterFunction { function, options })
    }

    fn show_functions(&mut self, user: bool) -> Result<Ours> {
        self.skip(if user { 3 } else { 2 });
        let like = self.like()?;
        Ok(Ours::ShowFunctions { user, like })
    }

    fn like(&mut self) -> Result<Option<String>> {
        Ok(match self.eat("LIKE") {
            true => Some(self.0.parse_literal_string()?),
            false => None,
        })
    }

    /// `f` or `f(BIGINT, VARCHAR)`.
    fn function_name(&mut self) -> Result<FunctionName> {
        let name = self.name()?;
        let arguments = if self.0.peek_token_ref().token == Token::LParen {
            let arguments = self.arguments(&name)?;
            Some(arguments.into_iter().map(|a| a.data_type).collect())
        } else {
            None
        };
        Ok(FunctionName { name, arguments })
    }

    /// A list of options in parentheses.
    pub(super) fn options(&mut self) -> Result<Options> {
        self.0.expect_token(&Token::LParen)?;
        let options = self.0.parse_comma_separated(|parser| {
            let name = parser.parse_identifier()?.value.to_ascii_lowercase();
            parser.expect_token(&Token::Eq)?;
            let value = parser.next_token();
            match value.token {
                Token::Number(number, _) => Ok((name, number)),
                Token::SingleQuotedString(text) => Ok((name, text)),
                _ => parser.expected("a number or a string", value),
            }
        })?;
        self.0.expect_token(&Token::RParen)?;
        Ok(Options(options))
    }

    /// What follows `AS`, without any path: `BASE64 '…'` or `$$(module …)$$`.
    pub(super) fn body(&mut self) -> Result<Source> {
        if self.eat("BASE64") {
            return Ok(Source::Base64(self.0.parse_literal_string()?));
        }
        let token = self.0.next_token();
        match token.token {
            Token::DollarQuotedString(text) => Ok(Source::Text(text.value)),
            Token::SingleQuotedString(path) => Ok(Source::Path(path)),
            _ => Ok(self.0.expected("a path, BASE64 or $$(module …)$$", token)?),
        }
    }

    /// A language's name, in upper case.
    pub(super) fn language(&mut self) -> Result<String> {
        let token = self.0.next_token();
        match token.token {
            Token::Word(word) => Ok(word.value.to_ascii_uppercase()),
            Token::SingleQuotedString(name) => Ok(name.to_ascii_uppercase()),
            _ => Ok(self.0.expected("a language", token)?),
        }
    }

    /// A data type, as Arrow has it.
    pub(super) fn data_type(&mut self, of: &str) -> Result<arrow::datatypes::DataType> {
        let data_type = self.type_name()?;
        arrow_type(&data_type, of)
    }

    /// One name: there are no schemas of functions. Unquoted, it is lower case.
    pub(super) fn name(&mut self) -> Result<String> {
        let name = self.identifier()?;
        if self.0.peek_token_ref().token == Token::Period {
            let token = self.0.peek_token();
            self.0.expected("a name without a schema", token)?;
        }
        Ok(name)
    }

    /// A name that can be shown: it has no control characters.
    pub(super) fn identifier(&mut self) -> Result<String> {
        let token = self.0.peek_token();
        let name = fold(self.0.parse_identifier()?);
        if name.chars().any(char::is_control) {
            self.0
                .expected("a name without control characters", token)?;
        }
        Ok(name)
    }

    /// The word at place `n` from here in upper case; empty if it is no word,
    /// or quoted.
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

/// As SQL has it: lower case, unless quoted.
pub(super) fn fold(ident: Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value,
        None => ident.value.to_ascii_lowercase(),
    }
}

/// Whether what follows CREATE goes on to FUNCTION.
fn names_a_function(words: &[&str]) -> bool {
    let rest = words.strip_prefix(&["OR", "REPLACE"]).unwrap_or(words);
    let rest = match rest {
        ["TEMPORARY" | "TEMP", rest @ ..] => rest,
        _ => rest,
    };
    matches!(
        rest,
        ["FUNCTION" | "AGGREGATE", ..] | ["WINDOW", "FUNCTION", ..]
    )
}
