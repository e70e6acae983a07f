//! DDL of Fusebox, parsed with sqlparser's tokenizer and parser.
//!
//! DataFusion's planner drops clauses of `CREATE FUNCTION` silently, so these
//! statements are parsed before it sees them. A statement that does not begin
//! like one of them is left to DataFusion's parser. A text is split into
//! statements lazily: those before a syntax error can run.

// The grammar, each file on those below.
mod reader;
mod role_reader;
mod role_statements;

mod create_function;

mod clauses;

mod type_name;

mod constant;

mod words;

// Statements about modules.
mod modules;

// From statements and declarations to definitions, and back to text.
mod complete;
mod declarations;
mod display;

mod printing;

// Options, and types of Arrow.
mod options;
mod types;

// Places in a text.
mod places;

// Texts that may have a password.
mod secrets;

// Bounds.
mod bounded_dialect;
mod depth;
mod nesting;

use arrow_schema::DataType;
use sqlparser::dialect::{Dialect, GenericDialect, dialect_from_str};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::parse_error::ParseError;

pub use bounded_dialect::BoundedDialect;
pub use clauses::SourceClause;
pub use constant::parse_constant;
pub use create_function::CreateFunction;
pub use declarations::Declarations;
pub use depth::DEPTH_MAX;
pub use modules::{CreateModule, ImportFunctions};
pub use options::Options;
pub use printing::{double_quotes, double_quotes_of_name, to_sql, value_to_sql};
pub use role_statements::{
    MembershipChange, Password, PasswordClause, PrivilegeChange, RoleOptions, RoleStatement,
};
pub use secrets::may_have_password;

use places::blank_before;
use words::Reader;

/// Statement that Fusebox executes itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum FuseboxStatement {
    /// `CREATE MODULE`.
    CreateModule(CreateModule),
    /// `CREATE [AGGREGATE | WINDOW] FUNCTION`.
    CreateFunction(Box<CreateFunction>),
    /// `IMPORT FUNCTIONS FROM MODULE`.
    ImportFunctions(ImportFunctions),
    /// `DROP FUNCTION`.
    DropFunctions {
        /// True for `IF EXISTS`.
        if_exists: bool,
        /// Functions to drop.
        functions: Vec<FunctionName>,
        /// True for `CASCADE`.
        cascade: bool,
    },
    /// `DROP MODULE`.
    DropModules {
        /// True for `IF EXISTS`.
        if_exists: bool,
        /// Modules to drop.
        modules: Vec<String>,
        /// True for `CASCADE`.
        cascade: bool,
    },
    /// `ALTER FUNCTION … SET`.
    AlterFunction {
        /// Function to alter.
        function: FunctionName,
        /// Options to set.
        options: Options,
    },
    /// `ALTER FUNCTION … RENAME TO`.
    RenameFunction {
        /// Function to rename.
        function: FunctionName,
        /// New name.
        to: String,
    },
    /// `DESCRIBE FUNCTION`.
    DescribeFunction(FunctionName),
    /// `COMMENT ON FUNCTION … IS`.
    CommentOnFunction {
        /// Function to describe.
        function: FunctionName,
        /// Description; none for `IS NULL`.
        comment: Option<String>,
    },
    /// `SHOW [USER] FUNCTIONS`.
    ShowFunctions {
        /// True for `SHOW USER FUNCTIONS`.
        user: bool,
        /// `LIKE` or `ILIKE` pattern of names.
        like: Option<NamePattern>,
    },
    /// `SHOW MODULES`.
    ShowModules {
        /// `LIKE` or `ILIKE` pattern of names.
        like: Option<NamePattern>,
    },
    /// `SHOW CREATE FUNCTION`.
    ShowCreateFunction(FunctionName),
    /// `SHOW CREATE MODULE`.
    ShowCreateModule(String),
    /// `DESCRIBE MODULE`.
    DescribeModule(String),
    /// `SUMMARIZE`, with the query whose columns are summarized.
    Summarize(Box<sqlparser::ast::Query>),
    /// Statement about users, roles and grants.
    Role(RoleStatement),
}

/// Pattern of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern {
    /// Pattern, with `%` and `_`.
    pub pattern: String,
    /// True for `ILIKE`, without regard to case.
    pub ignores_case: bool,
}

/// Function that a statement names, with argument types where the statement gives
/// them: `f` or `f(BIGINT)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    /// SQL name.
    pub name: String,
    /// Argument types.
    pub arguments: Option<Vec<DataType>>,
}

/// Splits a text into statements.
///
/// Yields nothing after the first error, because the start of the next statement
/// is unknown then.
#[derive(Debug)]
pub struct StatementSplitter {
    text: String,
    /// Name of the dialect: dialects themselves are not `Send`.
    dialect: String,
    recursion_limit: usize,
    /// Place behind the last semicolon.
    next: Location,
    tokens: std::vec::IntoIter<TokenWithSpan>,
    /// Tokenizer error behind the last token.
    error: Option<ParserError>,
}

/// Tokens of one statement, without its semicolon.
#[derive(Debug)]
pub struct StatementTokens {
    dialect: String,
    tokens: Vec<TokenWithSpan>,
    depth: u32,
}

/// Minimum of the nesting limit of brackets. sqlparser limits the depth of
/// expressions only, and would overflow the stack in a type.
const NESTING_MAX: usize = 100;

/// Highest recursion limit of a parser that a session may set.
pub const RECURSION_LIMIT_MAX: usize = 200;

/// Refuses a statement that is nested too deep.
fn too_deep(parts: &str, max: usize, place: Location) -> ParserError {
    ParserError::ParserError(format!(
        "expected {parts} nested at most {max} levels deep, found more{place}; divide the statement"
    ))
}

impl StatementSplitter {
    /// Tokenizes `text` in the dialect of that name, or in sqlparser's generic one
    /// if there is none of that name. A recursion limit above [`RECURSION_LIMIT_MAX`] is
    /// lowered to it.
    pub fn new(text: &str, dialect: &str, recursion_limit: usize) -> Self {
        let (tokens, error) = tokenize(text, dialect);
        Self {
            text: text.to_owned(),
            dialect: dialect.to_owned(),
            recursion_limit: recursion_limit.min(RECURSION_LIMIT_MAX),
            next: Location::new(1, 1),
            tokens: tokens.into_iter(),
            error,
        }
    }

    /// Sets the dialect and the recursion limit of the statements that follow.
    pub fn set_options(&mut self, dialect: &str, recursion_limit: usize) {
        self.recursion_limit = recursion_limit.min(RECURSION_LIMIT_MAX);
        let is_at_end = self.tokens.as_slice().is_empty() && self.error.is_none();
        if dialect == self.dialect || is_at_end {
            return;
        }
        dialect.clone_into(&mut self.dialect);
        let (tokens, error) = tokenize(&blank_before(&self.text, self.next), dialect);
        self.tokens = tokens.into_iter();
        self.error = error;
    }

    /// Ends the iteration.
    pub fn stop(&mut self) {
        self.tokens = Vec::new().into_iter();
        self.error = None;
    }

    fn next_tokens(&mut self) -> Result<Option<Vec<TokenWithSpan>>, ParserError> {
        let blank = |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_));
        let mut tokens = Vec::new();
        for token in self.tokens.by_ref() {
            if token.token == Token::SemiColon {
                self.next = token.span.end;
            }
            match token.token {
                Token::SemiColon if tokens.iter().all(blank) => tokens.clear(),
                Token::SemiColon => return Ok(Some(tokens)),
                _ => tokens.push(token),
            }
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(Some(tokens).filter(|tokens| !tokens.iter().all(blank))),
        }
    }

    fn next_statement(&mut self) -> Result<Option<StatementTokens>, ParserError> {
        let Some(tokens) = self.next_tokens()? else {
            return Ok(None);
        };
        let nesting_max = self.recursion_limit.max(NESTING_MAX);
        if let Some(place) = nesting::first_deeper(&tokens, nesting_max) {
            return Err(too_deep("brackets", nesting_max, place));
        }
        if let Some(place) = nesting::first_ambiguous(&tokens) {
            return Err(ParserError::ParserError(format!(
                "expected subqueries in one pair of brackets, found too many in several{place}; \
                 write FROM (SELECT …) instead of FROM ((SELECT …))"
            )));
        }
        let depth = depth::depth(&tokens).map_err(|place| {
            too_deep("operators, joins and subqueries", DEPTH_MAX as usize, place)
        })?;
        Ok(Some(StatementTokens {
            dialect: self.dialect.clone(),
            tokens,
            depth,
        }))
    }
}

impl Iterator for StatementSplitter {
    type Item = Result<StatementTokens, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_statement();
        if next.is_err() {
            self.stop();
        }
        next.map_err(ParseError::from).transpose()
    }
}

impl StatementTokens {
    /// Parses the statement as one of Fusebox; `None` if it does not begin like one.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if it begins like one and does not parse.
    pub fn parse(&self) -> Result<Option<FuseboxStatement>, ParseError> {
        let dialect = self.dialect();
        let tokens = self.tokens.clone();
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
        let statement = Reader(&mut parser).statement();
        dialect.check()?;
        let statement = statement?;
        if statement.is_some() {
            Reader(&mut parser).end()?;
        }
        Ok(statement)
    }

    /// Returns the depth of its operators, joins and subqueries, at most [`DEPTH_MAX`].
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Returns sqlparser's dialect of the statement, for one parser.
    pub fn dialect(&self) -> BoundedDialect {
        BoundedDialect::new(find_dialect(&self.dialect), self.tokens.len())
    }

    /// Returns the tokens, for another parser.
    pub fn into_tokens(self) -> Vec<TokenWithSpan> {
        self.tokens
    }
}

/// Parses the SQL name of a type, in the signature of the function `of`.
///
/// # Errors
///
/// [`ParseError`] if it does not parse, is unknown, or breaks a rule of
/// [`check_type`](crate::check_type).
pub fn parse_type(text: &str, dialect: &str, of: &str) -> Result<DataType, ParseError> {
    let dialect = find_dialect(dialect);
    let tokens = Tokenizer::new(dialect.as_ref(), text).tokenize_with_location();
    let tokens = tokens.map_err(ParserError::from)?;
    if let Some(place) = nesting::first_deeper(&tokens, NESTING_MAX) {
        return Err(too_deep("brackets", NESTING_MAX, place).into());
    }
    let dialect = BoundedDialect::new(dialect, tokens.len());
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let mut reader = Reader(&mut parser);
    let data_type = reader.data_type(of);
    dialect.check()?;
    let data_type = data_type?;
    reader.end()?;
    Ok(data_type)
}

/// Tokenizes a text up to its end or the first error.
fn tokenize(text: &str, dialect: &str) -> (Vec<TokenWithSpan>, Option<ParserError>) {
    let mut tokens = Vec::new();
    let error = Tokenizer::new(find_dialect(dialect).as_ref(), text)
        .tokenize_with_location_into_buf(&mut tokens)
        .err()
        .map(ParserError::from);
    (tokens, error)
}

fn find_dialect(name: &str) -> Box<dyn Dialect> {
    dialect_from_str(name).unwrap_or_else(|| Box::new(GenericDialect {}))
}
