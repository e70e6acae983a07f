//! Our own statements, parsed with sqlparser's tokenizer and parser.
//!
//! DataFusion's planner drops clauses of `CREATE FUNCTION` silently, so ours
//! are parsed above it. Whatever does not begin like one of ours goes to
//! DataFusion's parser as it is. Text is cut into statements lazily: the ones
//! before a mistake can run.

mod declaration;
mod function;
mod nesting;
mod options;
mod reader;
mod type_name;
mod types;

use arrow::datatypes::DataType;
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::{Error, Result};

pub(crate) use declaration::Declarations;
pub(crate) use function::{CreateFunction, Source};
pub(crate) use options::Options;

use reader::Reader;

/// One parsed statement, ready to be executed by a session.
#[derive(Debug)]
pub struct Statement(pub(crate) Parsed);

#[derive(Debug)]
pub(crate) enum Parsed {
    Ours(Ours),
    DataFusion(Box<DfStatement>),
}

/// A statement that Fusebox executes itself.
#[derive(Debug)]
pub(crate) enum Ours {
    CreateModule(CreateModule),
    CreateFunction(Box<CreateFunction>),
    ImportFunctions {
        module: String,
        like: Option<String>,
    },
    DropFunctions {
        if_exists: bool,
        functions: Vec<FunctionName>,
    },
    DropModules {
        if_exists: bool,
        modules: Vec<String>,
        cascade: bool,
    },
    AlterFunction {
        function: FunctionName,
        options: Options,
    },
    ShowFunctions {
        user: bool,
        like: Option<String>,
    },
    ShowModules {
        like: Option<String>,
    },
    ShowCreateFunction(FunctionName),
    DescribeModule(String),
}

/// `CREATE MODULE`.
#[derive(Debug)]
pub(crate) struct CreateModule {
    pub(crate) or_replace: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) name: String,
    pub(crate) language: Option<String>,
    pub(crate) source: Source,
    pub(crate) sha256: Option<String>,
}

/// A function that a statement names, with its argument types where they were
/// given: `f` or `f(BIGINT)`.
#[derive(Debug)]
pub(crate) struct FunctionName {
    pub(crate) name: String,
    pub(crate) arguments: Option<Vec<DataType>>,
}

/// The statements of a text, one after the other.
///
/// After the first error there are no more: where the next statement would
/// begin is anyone's guess.
pub struct Statements {
    /// The dialect's name: dialects themselves stay on one thread.
    dialect: String,
    recursion_limit: usize,
    tokens: std::vec::IntoIter<TokenWithSpan>,
    /// What is wrong with the text behind the last token.
    error: Option<ParserError>,
}

/// How deep brackets may be nested, where the session allows no more. The
/// parser counts only expressions, and would run out of stack in a type.
const NESTING_MAX: usize = 100;

impl Statements {
    /// Cuts `text`, in the dialect of that name or, where there is none, in
    /// sqlparser's generic one.
    pub(crate) fn new(text: &str, dialect: &str, recursion_limit: usize) -> Self {
        let mut tokens = Vec::new();
        let error = Tokenizer::new(find_dialect(dialect).as_ref(), text)
            .tokenize_with_location_into_buf(&mut tokens)
            .err()
            .map(ParserError::from);
        Self {
            dialect: dialect.to_owned(),
            recursion_limit,
            tokens: tokens.into_iter(),
            error,
        }
    }

    /// The tokens of the next statement, without its semicolon; nothing at the
    /// end.
    fn next_tokens(&mut self) -> Result<Option<Vec<TokenWithSpan>>> {
        let blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
        let mut tokens = Vec::new();
        for token in self.tokens.by_ref() {
            match token.token {
                Token::SemiColon if tokens.iter().all(blank) => tokens.clear(),
                Token::SemiColon => return Ok(Some(tokens)),
                _ => tokens.push(token),
            }
        }
        match self.error.take() {
            Some(error) => Err(error.into()),
            None => Ok(Some(tokens).filter(|tokens| !tokens.iter().all(blank))),
        }
    }

    /// Parses the next statement as one of ours; nothing at the end, and
    /// nothing inside where it is none. DataFusion's grammar, which is large,
    /// does not get to see it.
    fn next_ours(&mut self) -> Result<Option<Option<Ours>>> {
        let Some(tokens) = self.next_tokens()? else {
            return Ok(None);
        };
        self.check_depth(&tokens)?;
        let dialect = find_dialect(&self.dialect);
        let mut parser = Parser::new(dialect.as_ref()).with_tokens_with_locations(tokens);
        let ours = Reader(&mut parser).statement()?;
        if ours.is_some() {
            Reader(&mut parser).end()?;
        }
        Ok(Some(ours))
    }

    fn check_depth(&self, tokens: &[TokenWithSpan]) -> Result<()> {
        if nesting::depth(tokens) > self.recursion_limit.max(NESTING_MAX) {
            return Err(ParserError::RecursionLimitExceeded.into());
        }
        Ok(())
    }

    fn parse(&self, tokens: Vec<TokenWithSpan>) -> Result<Statement> {
        self.check_depth(&tokens)?;
        let dialect = find_dialect(&self.dialect);
        let mut parser = DFParserBuilder::new(tokens)
            .with_dialect(dialect.as_ref())
            .with_recursion_limit(self.recursion_limit)
            .build()
            .map_err(|error| Error::Query(Box::new(error)))?;
        let statement = match Reader(&mut parser.parser).statement()? {
            Some(ours) => Parsed::Ours(ours),
            None => {
                let statement = parser
                    .parse_statement()
                    .map_err(|error| Error::Query(Box::new(error)))?;
                Parsed::DataFusion(Box::new(statement))
            }
        };
        Reader(&mut parser.parser).end()?;
        Ok(Statement(statement))
    }
}

fn find_dialect(name: &str) -> Box<dyn Dialect> {
    dialect_from_str(name).unwrap_or_else(|| Box::new(GenericDialect {}))
}

impl Iterator for Statements {
    type Item = Result<Statement>;

    fn next(&mut self) -> Option<Self::Item> {
        let parsed = self.next_tokens().and_then(|tokens| match tokens {
            Some(tokens) => self.parse(tokens).map(Some),
            None => Ok(None),
        });
        if parsed.is_err() {
            self.tokens = Vec::new().into_iter();
            self.error = None;
        }
        parsed.transpose()
    }
}

#[cfg(test)]
mod round_trip;
