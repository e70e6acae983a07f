//! Statements of Fusebox and of DataFusion.

use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use fusebox_definition::statement::{FuseboxStatement, StatementSplitter, StatementTokens};
use fusebox_runtime::{Error, Result};

/// One parsed statement, ready to be executed by a session.
#[derive(Debug)]
pub struct Statement(pub(crate) Parsed);

#[derive(Debug)]
pub(crate) enum Parsed {
    Fusebox(FuseboxStatement),
    DataFusion(Box<DfStatement>),
}

/// Statements of a text, parsed one by one.
///
/// Yields nothing after the first error, because the start of the next statement is unknown
/// then.
#[derive(Debug)]
pub struct Statements {
    splitter: StatementSplitter,
    recursion_limit: usize,
}

impl Statements {
    /// Splits `text`, in the dialect of that name or, if there is none, in sqlparser's
    /// generic one.
    pub(crate) fn new(text: &str, dialect: &str, recursion_limit: usize) -> Self {
        Self {
            splitter: StatementSplitter::new(text, dialect, recursion_limit),
            recursion_limit,
        }
    }

    fn parse(&self, tokens: StatementTokens) -> Result<Statement> {
        if let Some(statement) = tokens.parse()? {
            return Ok(Statement(Parsed::Fusebox(statement)));
        }
        let dialect = tokens.dialect();
        let mut parser = DFParserBuilder::new(tokens.into_tokens())
            .with_dialect(dialect.as_ref())
            .with_recursion_limit(self.recursion_limit)
            .build()
            .map_err(|error| Error::Query(Box::new(error)))?;
        let statement = parser
            .parse_statement()
            .map_err(|error| Error::Query(Box::new(error)))?;
        let end = parser
            .parser
            .expect_token(&sqlparser::tokenizer::Token::EOF);
        end.map_err(|error| Error::Syntax(error.to_string()))?;
        Ok(Statement(Parsed::DataFusion(Box::new(statement))))
    }
}

impl Iterator for Statements {
    type Item = Result<Statement>;

    fn next(&mut self) -> Option<Self::Item> {
        let tokens = self.splitter.next()?;
        let parsed = tokens
            .map_err(Error::from)
            .and_then(|tokens| self.parse(tokens));
        if parsed.is_err() {
            self.splitter.stop();
        }
        Some(parsed)
    }
}
