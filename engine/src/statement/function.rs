//! `CREATE FUNCTION`, with the spellings of PostgreSQL and ClickHouse.
//!
//! The clauses come in any order, each at most once.

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Token;

use super::options::Options;
use super::reader::{Reader, fold};
use crate::definition::{Argument, NullHandling, Volatility};
use crate::error::{Refusal, Result};

/// `CREATE FUNCTION`, as far as the statement says.
#[derive(Debug, Default)]
pub(crate) struct CreateFunction {
    pub(crate) or_replace: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) temporary: bool,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) arguments: Option<Vec<Argument>>,
    pub(crate) returns: Option<arrow::datatypes::DataType>,
    pub(crate) language: Option<String>,
    pub(crate) volatility: Option<Volatility>,
    pub(crate) nulls: Option<NullHandling>,
    pub(crate) source: Option<Source>,
    pub(crate) symbol: Option<String>,
    pub(crate) sha256: Option<String>,
    pub(crate) options: Option<Options>,
}

/// What a function is called with, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Scalar,
    Aggregate,
    Window,
    Table,
}

/// Where a module's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Module(String),
    Path(String),
    Text(String),
    Base64(String),
}

impl CreateFunction {
    /// Refuses what Fusebox does not make, before anything is read.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        match self.language.as_deref() {
            Some("WASM") => {}
            Some(other) => return Err(Refusal::Language(other.to_owned())),
            None => return Err(Refusal::Clause("LANGUAGE WASM")),
        }
        match self.kind {
            Kind::Scalar => {}
            Kind::Aggregate => return Err(Refusal::Kind("AGGREGATE")),
            Kind::Window => return Err(Refusal::Kind("WINDOW")),
            Kind::Table => return Err(Refusal::Kind("RETURNS TABLE")),
        }
        match self.source {
            Some(_) => Ok(()),
            None => Err(Refusal::Clause("AS or FROM")),
        }
    }
}

impl Reader<'_, '_> {
    /// Parses the statement from its `CREATE` on.
    pub(super) fn create_function(&mut self) -> Result<CreateFunction> {
        let mut create = CreateFunction::default();
        self.expect("CREATE")?;
        create.or_replace = self.eat_all(&["OR", "REPLACE"]);
        create.temporary = self.eat("TEMPORARY") || self.eat("TEMP");
        create.kind = if self.eat("AGGREGATE") {
            Kind::Aggregate
        } else if self.eat("WINDOW") {
            Kind::Window
        } else {
            Kind::Scalar
        };
        self.expect("FUNCTION")?;
        create.if_not_exists = self.eat_all(&["IF", "NOT", "EXISTS"]);
        create.name = self.name()?;
        if self.0.peek_token_ref().token == Token::LParen {
            create.arguments = Some(self.arguments(&create.name)?);
        }
        while self.0.peek_token_ref().token != Token::EOF {
            if !self.clause(&mut create)? {
                let token = self.0.peek_token();
                self.0
                    .expected("a clause of CREATE FUNCTION or the end", token)?;
            }
        }
        Ok(create)
    }

    /// Parses the next clause; false if what follows is none.
    fn clause(&mut self, create: &mut CreateFunction) -> Result<bool> {
        if self.eat_all(&["RETURNS", "NULL", "ON", "NULL", "INPUT"]) || self.eat("STRICT") {
            once(&mut create.nulls, NullHandling::Strict, "STRICT")?;
        } else if self.eat_all(&["CALLED", "ON", "NULL", "INPUT"]) {
            once(&mut create.nulls, NullHandling::Called, "CALLED")?;
        } else if self.eat_all(&["RETURNS", "TABLE"]) {
            create.kind = Kind::Table;
            create.arguments.get_or_insert_default();
            self.arguments(&create.name)?;
        } else if self.eat("RETURNS") {
            let returns = self.data_type(&create.name)?;
            once(&mut create.returns, returns, "RETURNS")?;
        } else if self.eat("ARGUMENTS") {
            let arguments = self.arguments(&create.name)?;
            once(&mut create.arguments, arguments, "ARGUMENTS")?;
        } else if self.eat("LANGUAGE") {
            let language = self.language()?;
            once(&mut create.language, language, "LANGUAGE")?;
        } else if self.eat("IMMUTABLE") || self.eat("DETERMINISTIC") {
            once(&mut create.volatility, Volatility::Immutable, "IMMUTABLE")?;
        } else if self.eat("STABLE") {
            once(&mut create.volatility, Volatility::Stable, "STABLE")?;
        } else if self.eat("VOLATILE") {
            once(&mut create.volatility, Volatility::Volatile, "VOLATILE")?;
        } else if self.eat_all(&["FROM", "MODULE"]) {
            let module = self.name()?;
            once(&mut create.source, Source::Module(module), "FROM")?;
        } else if self.eat("FROM") {
            let module = self.0.parse_literal_string()?;
            once(&mut create.source, Source::Module(module), "FROM")?;
            if self.0.consume_token(&Token::DoubleColon) {
                let symbol = self.0.parse_literal_string()?;
                once(&mut create.symbol, symbol, "EXPORT")?;
            }
        } else if self.eat("AS") {
            let body = self.body()?;
            once(&mut create.source, body, "AS")?;
            if self.0.consume_token(&Token::Comma) {
                let symbol = self.0.parse_literal_string()?;
                once(&mut create.symbol, symbol, "EXPORT")?;
            }
        } else if self.eat("EXPORT") {
            let symbol = self.0.parse_literal_string()?;
            once(&mut create.symbol, symbol, "EXPORT")?;
        } else if self.eat("SHA256") {
            let digest = self.0.parse_literal_string()?;
            once(&mut create.sha256, digest, "SHA256")?;
        } else if self.eat("WITH") {
            let options = self.options()?;
            once(&mut create.options, options, "WITH")?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// A list of arguments in parentheses, each `[name] type`.
    pub(super) fn arguments(&mut self, of: &str) -> Result<Vec<Argument>> {
        self.0.expect_token(&Token::LParen)?;
        let mut arguments = Vec::new();
        if self.0.consume_token(&Token::RParen) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.argument(of)?);
            if !self.0.consume_token(&Token::Comma) {
                self.0.expect_token(&Token::RParen)?;
                return Ok(arguments);
            }
        }
    }

    fn argument(&mut self, of: &str) -> Result<Argument> {
        let (name, data_type, closed) = self.maybe_named()?;
        if closed {
            let token = self.0.peek_token();
            self.0.expected("one > less before", token)?;
        }
        Ok(Argument {
            name: name.map(fold),
            data_type: super::types::arrow_type(&data_type, of)?,
        })
    }
}

/// Fills a clause in that was not given before.
fn once<T>(clause: &mut Option<T>, value: T, name: &str) -> Result<(), ParserError> {
    match clause.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParserError::ParserError(format!(
            "the clause {name} is given twice"
        ))),
    }
}
