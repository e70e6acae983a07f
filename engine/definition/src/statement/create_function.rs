//! `CREATE FUNCTION`, with the spellings of PostgreSQL and ClickHouse.
//!
//! The clauses come in any order, each at most once.

use std::collections::HashSet;

use arrow_schema::{DataType, Field};
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Token;

use super::clauses::SourceClause;
use super::constant::{is_constant, parse_constant};
use super::options::Options;
use super::printing::to_sql;
use super::types::arrow_type;
use super::words::{Reader, fold};
use crate::definition::{NullHandling, Volatility};
use crate::kind::Kind;
use crate::parse_error::ParseError;
use crate::signature::{Argument, check_parameters};
use crate::statement_error::StatementError;

type Result<T, E = ParseError> = std::result::Result<T, E>;

/// `CREATE FUNCTION`, with the clauses that the statement gives.
#[derive(Debug, Default)]
pub struct CreateFunction {
    /// True for `OR REPLACE`.
    pub or_replace: bool,
    /// True for `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// True for `TEMPORARY`.
    pub temporary: bool,
    /// Kind of the function.
    pub kind: Kind,
    /// SQL name.
    pub name: String,
    /// Arguments.
    pub arguments: Option<Vec<Argument>>,
    /// `RETURNS`: type of the result; for a table function, a struct of its columns.
    pub returns: Option<DataType>,
    /// `STATE`: columns of an aggregate's state.
    pub state: Option<Vec<Argument>>,
    /// `LANGUAGE`, in upper case.
    pub language: Option<String>,
    /// `IMMUTABLE`, `STABLE` or `VOLATILE`.
    pub volatility: Option<Volatility>,
    /// `STRICT` or `CALLED ON NULL INPUT`.
    pub nulls: Option<NullHandling>,
    /// `AS` or `FROM`: source of the module.
    pub source: Option<SourceClause>,
    /// `EXPORT`: symbol in the module.
    pub symbol: Option<String>,
    /// `SHA256`: pinned digest.
    pub sha256: Option<String>,
    /// `WITH`: options.
    pub options: Option<Options>,
    /// `COMMENT`: description for people.
    pub comment: Option<String>,
}

impl CreateFunction {
    /// Checks the clauses that need no module.
    ///
    /// # Errors
    ///
    /// A missing or unknown language, a missing source, or a misplaced `STATE`.
    pub fn check(&self) -> Result<(), StatementError> {
        match self.language.as_deref() {
            Some("WASM") => {}
            Some(other) => return Err(StatementError::Language(other.to_owned())),
            None => return Err(StatementError::Clause("LANGUAGE WASM")),
        }
        if self.state.is_some() && self.kind != Kind::Aggregate {
            return Err(StatementError::UnexpectedState);
        }
        match self.source {
            Some(_) => Ok(()),
            None => Err(StatementError::Clause("AS or FROM")),
        }
    }
}

impl Reader<'_, '_> {
    /// Parses the statement from `CREATE` on.
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
        // PostgreSQL's spelling is CREATE AGGREGATE f.
        if create.kind != Kind::Aggregate || self.word_at(0) == "FUNCTION" {
            self.expect("FUNCTION")?;
        }
        create.if_not_exists = self.eat_all(&["IF", "NOT", "EXISTS"]);
        create.name = self.name()?;
        if self.0.peek_token_ref().token == Token::LParen {
            create.arguments = Some(self.parameters(&create.name)?);
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

    /// Parses the next clause; false if the next token begins none.
    fn clause(&mut self, create: &mut CreateFunction) -> Result<bool> {
        if self.eat_all(&["RETURNS", "NULL", "ON", "NULL", "INPUT"]) || self.eat("STRICT") {
            once(&mut create.nulls, NullHandling::Strict, "STRICT")?;
        } else if self.eat_all(&["CALLED", "ON", "NULL", "INPUT"]) {
            once(&mut create.nulls, NullHandling::Called, "CALLED")?;
        } else if self.eat_all(&["RETURNS", "TABLE"]) {
            let table = self.table(create)?;
            once(&mut create.returns, table, "RETURNS")?;
        } else if self.eat("STATE") {
            let state = self.columns(&create.name)?;
            once(&mut create.state, state, "STATE")?;
        } else if self.eat("RETURNS") {
            let returns = self.data_type(&create.name)?;
            once(&mut create.returns, returns, "RETURNS")?;
        } else if self.eat("ARGUMENTS") {
            let arguments = self.parameters(&create.name)?;
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
            once(&mut create.source, SourceClause::Module(module), "FROM")?;
        } else if self.eat("FROM") {
            let module = self.0.parse_literal_string()?;
            once(&mut create.source, SourceClause::Module(module), "FROM")?;
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
        } else if self.eat("COMMENT") {
            let _ = self.0.consume_token(&Token::Eq);
            let comment = self.comment()?;
            once(&mut create.comment, comment, "COMMENT")?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Parses the columns of RETURNS TABLE, as a struct, and makes it a table function.
    fn table(&mut self, create: &mut CreateFunction) -> Result<DataType> {
        if create.kind != Kind::Scalar {
            let clause = "RETURNS with a type, not RETURNS TABLE";
            let reason = StatementError::Clause(clause);
            return Err(ParseError::function(&create.name, reason));
        }
        create.kind = Kind::Table;
        let columns = self.columns(&create.name)?.into_iter().map(|column| {
            let name = column.name.unwrap_or_default();
            Field::new(name, column.data_type, true)
        });
        Ok(DataType::Struct(columns.collect()))
    }

    /// Parses the text of a comment.
    pub(super) fn comment(&mut self) -> Result<String> {
        let token = self.0.peek_token();
        let comment = self.0.parse_literal_string()?;
        if comment.len() > COMMENT_BYTES_MAX {
            self.0.expected("a comment of at most 16384 bytes", token)?;
        }
        Ok(comment)
    }

    /// Parses a list of at least one column in parentheses, each `name type`, with
    /// distinct names.
    fn columns(&mut self, of: &str) -> Result<Vec<Argument>> {
        let columns = self.arguments(of)?;
        let mut names = HashSet::new();
        let refused = |reason| Err(ParseError::function(of, reason));
        for column in &columns {
            match &column.name {
                None => return refused(StatementError::ColumnName(None)),
                Some(name) if !names.insert(name) => {
                    return refused(StatementError::ColumnName(Some(name.clone())));
                }
                Some(_) => {}
            }
        }
        match columns.is_empty() {
            true => refused(StatementError::NoColumns),
            false => Ok(columns),
        }
    }

    /// Parses a list of parameters in parentheses, with distinct names.
    fn parameters(&mut self, of: &str) -> Result<Vec<Argument>> {
        let arguments = self.list(|reader, index| reader.parameter(of, index))?;
        check_parameters(&arguments).map_err(|reason| ParseError::function(of, reason))?;
        Ok(arguments)
    }

    /// Parses a list of arguments in parentheses, each `[name] type`.
    pub(super) fn arguments(&mut self, of: &str) -> Result<Vec<Argument>> {
        self.list(|reader, _| reader.argument(of))
    }

    /// Parses a list in parentheses, which may be empty; `item` gets the index.
    fn list(
        &mut self,
        mut item: impl FnMut(&mut Self, usize) -> Result<Argument>,
    ) -> Result<Vec<Argument>> {
        self.0.expect_token(&Token::LParen)?;
        let mut items = Vec::new();
        if self.0.consume_token(&Token::RParen) {
            return Ok(items);
        }
        loop {
            items.push(item(self, items.len())?);
            if !self.0.consume_token(&Token::Comma) {
                self.0.expect_token(&Token::RParen)?;
                return Ok(items);
            }
        }
    }

    /// Parses `[VARIADIC] [name] type [DEFAULT constant]`, or `=` for `DEFAULT`.
    fn parameter(&mut self, of: &str, index: usize) -> Result<Argument> {
        let variadic = self.eat("VARIADIC");
        let mut parameter = Argument {
            variadic,
            ..self.argument(of)?
        };
        if self.eat("DEFAULT") || self.0.consume_token(&Token::Eq) {
            let value = self.0.parse_expr()?;
            let text = to_sql(&value);
            // It is read again, in the generic dialect.
            if !is_constant(&value) || parse_constant(&text).as_ref() != Some(&value) {
                let reason = StatementError::DefaultNotConstant {
                    parameter: parameter.label(index),
                    found: text,
                };
                return Err(ParseError::function(of, reason));
            }
            parameter.default = Some(text);
        }
        Ok(parameter)
    }

    fn argument(&mut self, of: &str) -> Result<Argument> {
        let (name, data_type, closed) = self.maybe_named()?;
        if closed {
            let token = self.0.peek_token();
            self.0.expected("one > less before", token)?;
        }
        Ok(Argument::new(name.map(fold), arrow_type(&data_type, of)?))
    }
}

/// Maximum length of a comment in bytes.
const COMMENT_BYTES_MAX: usize = 16 << 10;

/// Sets a clause; fails if it was set before.
fn once<T>(clause: &mut Option<T>, value: T, name: &str) -> Result<(), ParserError> {
    match clause.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParserError::ParserError(format!(
            "the clause {name} is given twice"
        ))),
    }
}
