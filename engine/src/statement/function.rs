//! `CREATE FUNCTION`, with the spellings of PostgreSQL and ClickHouse.
//!
//! The clauses come in any order, each at most once.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field};
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Token;

use super::options::Options;
use super::reader::{Reader, fold};
use crate::definition::{Argument, Kind, NullHandling, Volatility};
use crate::error::{Error, Refusal, Result, Subject};

/// `CREATE FUNCTION`, as far as the statement says.
#[derive(Debug, Default)]
pub(crate) struct CreateFunction {
    pub(crate) or_replace: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) temporary: bool,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) arguments: Option<Vec<Argument>>,
    /// The type of the result; for a table, a struct of its columns.
    pub(crate) returns: Option<DataType>,
    pub(crate) state: Option<Vec<Argument>>,
    pub(crate) language: Option<String>,
    pub(crate) volatility: Option<Volatility>,
    pub(crate) nulls: Option<NullHandling>,
    pub(crate) source: Option<Source>,
    pub(crate) symbol: Option<String>,
    pub(crate) sha256: Option<String>,
    pub(crate) options: Option<Options>,
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
        if self.state.is_some() && self.kind != Kind::Aggregate {
            return Err(Refusal::State);
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
        // PostgreSQL says CREATE AGGREGATE f.
        if create.kind != Kind::Aggregate || self.word_at(0) == "FUNCTION" {
            self.expect("FUNCTION")?;
        }
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
            if create.kind != Kind::Scalar {
                return Err(Error::refused(
                    Subject::Function(create.name.clone()),
                    Refusal::Clause("RETURNS with a type, not RETURNS TABLE"),
                ));
            }
            create.kind = Kind::Table;
            let columns = self.columns(&create.name)?;
            let columns = columns.into_iter().map(|column| {
                let name = column.name.unwrap_or_default();
                Field::new(name, column.data_type, true)
            });
            let table = DataType::Struct(columns.collect());
            once(&mut create.returns, table, "RETURNS")?;
        } else if self.eat("STATE") {
            let state = self.columns(&create.name)?;
            once(&mut create.state, state, "STATE")?;
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

    /// A list of columns in parentheses, each `name type`: one at least, with
    /// names that differ.
    fn columns(&mut self, of: &str) -> Result<Vec<Argument>> {
        let columns = self.arguments(of)?;
        let mut names = HashSet::new();
        let refused = |reason| Err(Error::refused(Subject::Function(of.to_owned()), reason));
        for column in &columns {
            match &column.name {
                None => return refused(Refusal::ColumnName(None)),
                Some(name) if !names.insert(name) => {
                    return refused(Refusal::ColumnName(Some(name.clone())));
                }
                Some(_) => {}
            }
        }
        match columns.is_empty() {
            true => refused(Refusal::NoColumns),
            false => Ok(columns),
        }
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
