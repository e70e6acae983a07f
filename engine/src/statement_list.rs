//! Statements of Fusebox and of DataFusion.

use std::fmt;

use datafusion::common::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use fusebox_definition::statement::{
    FuseboxStatement, RECURSION_LIMIT_MAX, StatementSplitter, StatementTokens,
};
use fusebox_runtime::{Error, Result};
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::copy_options::rewrite_copy;

/// One parsed statement, ready to be executed by a session.
#[derive(Debug)]
pub struct Statement {
    pub(crate) parsed: Parsed,
    /// Depth of its operators, joins and subqueries.
    pub(crate) depth: u32,
}

#[derive(Debug)]
pub(crate) enum Parsed {
    Fusebox(FuseboxStatement),
    DataFusion(Box<DfStatement>),
}

/// Statements of a text, parsed one by one.
///
/// Yields nothing after the first error, because the start of the next statement is unknown
/// then. A statement is parsed when it is taken: if the ones before were executed, with the
/// dialect and the recursion limit that they set.
pub struct Statements {
    splitter: StatementSplitter,
    recursion_limit: usize,
    /// Context with the options of the parser.
    context: SessionContext,
}

impl Statements {
    /// Splits `text`, in the dialect of a context or, if there is none of its name, in
    /// sqlparser's generic one.
    pub(crate) fn new(text: &str, context: &SessionContext) -> Self {
        let (dialect, recursion_limit) = parser_options(context);
        Self {
            splitter: StatementSplitter::new(text, &dialect, recursion_limit),
            recursion_limit: recursion_limit.min(RECURSION_LIMIT_MAX),
            context: context.clone(),
        }
    }

    fn parse(&self, tokens: StatementTokens) -> Result<Statement> {
        let depth = tokens.depth();
        let statement = |parsed| Statement { parsed, depth };
        if let Some(parsed) = tokens.parse()? {
            return Ok(statement(Parsed::Fusebox(parsed)));
        }
        let dialect = tokens.dialect();
        let tokens = rewrite_copy(renamed_views(tokens.into_tokens()))?;
        let mut parser = DFParserBuilder::new(tokens)
            .with_dialect(&dialect)
            .with_recursion_limit(self.recursion_limit)
            .build()
            .map_err(|error| Error::Query(Box::new(error)))?;
        let parsed = parser.parse_statement();
        let checked = dialect.check();
        checked.map_err(|error| Error::Syntax(error.to_string()))?;
        let parsed = parsed.map_err(|error| {
            let place = parser.parser.peek_token().span.start;
            self.syntax_error(error, place)
        })?;
        let end = parser.parser.expect_token(&Token::EOF);
        end.map_err(|error| Error::Syntax(error.to_string()))?;
        Ok(statement(Parsed::DataFusion(Box::new(parsed))))
    }

    /// Adds the place to an error that has none.
    fn syntax_error(&self, error: DataFusionError, place: Location) -> Error {
        match &error {
            DataFusionError::SQL(parser_error, _)
                if **parser_error == ParserError::RecursionLimitExceeded =>
            {
                Error::Syntax(format!(
                    "sql parser error: expected a statement nested at most {} levels deep, found \
                     more{place}; divide it, or set datafusion.sql_parser.recursion_limit up to {}",
                    self.recursion_limit, RECURSION_LIMIT_MAX
                ))
            }
            DataFusionError::SQL(parser_error, _) => Error::Syntax(parser_error.to_string()),
            _ => Error::Query(Box::new(error)),
        }
    }
}

/// Rewrites `ALTER VIEW … RENAME TO`, which sqlparser does not read, as that of a table: both are
/// relations.
fn renamed_views(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is = |token: &Token, text: &str| match token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text),
        _ => false,
    };
    let parts = (0..tokens.len()).filter(|n| !matches!(tokens[*n].token, Token::Whitespace(_)));
    let parts: Vec<usize> = parts.collect();
    if let [alter, view, rest @ ..] = &parts[..]
        && is(&tokens[*alter].token, "ALTER")
        && is(&tokens[*view].token, "VIEW")
        && let [.., rename, to, _] = rest
        && is(&tokens[*rename].token, "RENAME")
        && is(&tokens[*to].token, "TO")
    {
        tokens[*view].token = Token::make_keyword("TABLE");
    }
    tokens
}

/// Returns the name of the dialect, and the recursion limit.
fn parser_options(context: &SessionContext) -> (String, usize) {
    let state = context.state_ref();
    let state = state.read();
    let options = &state.config_options().sql_parser;
    (options.dialect.to_string(), options.recursion_limit.get())
}

impl fmt::Debug for Statements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statements")
            .field("splitter", &self.splitter)
            .finish_non_exhaustive()
    }
}

impl Iterator for Statements {
    type Item = Result<Statement>;

    fn next(&mut self) -> Option<Self::Item> {
        let (dialect, recursion_limit) = parser_options(&self.context);
        self.recursion_limit = recursion_limit.min(RECURSION_LIMIT_MAX);
        self.splitter.set_options(&dialect, recursion_limit);
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
