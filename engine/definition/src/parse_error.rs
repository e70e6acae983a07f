//! Errors of parsing statements.

use std::fmt;

use sqlparser::parser::ParserError;

use crate::statement_error::StatementError;

/// Error of parsing a statement.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// The text does not parse.
    #[error("{0}")]
    Syntax(String),
    /// The statement parses and is refused.
    #[error("{subject} {error}")]
    Statement {
        /// Function or module that the statement is about.
        subject: Subject,
        /// Reason of the refusal.
        error: StatementError,
    },
}

impl ParseError {
    /// Refuses the statement that creates the function `name`.
    pub(crate) fn function(name: &str, error: StatementError) -> Self {
        Self::Statement {
            subject: Subject::Function(name.to_owned()),
            error,
        }
    }
}

impl From<ParserError> for ParseError {
    fn from(error: ParserError) -> Self {
        Self::Syntax(error.to_string())
    }
}

/// Object that an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Function, by its SQL name.
    Function(String),
    /// Module, by its SQL name.
    Module(String),
    /// File or directory, by the path or URL that the statement states.
    File(String),
    /// Setting of `SET` and `RESET`, by its name.
    Setting(String),
    /// Schema, by its name.
    Schema(String),
    /// Table, by its qualified name.
    Table(String),
    /// View, by its name.
    View(String),
    /// Prepared statement, by its name.
    Prepared(String),
    /// User or role, by its name.
    Role(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "function `{name}`"),
            Self::Module(name) => write!(f, "module `{name}`"),
            Self::File(path) => write!(f, "file `{path}`"),
            Self::Setting(name) => write!(f, "setting `{name}`"),
            Self::Schema(name) => write!(f, "schema `{name}`"),
            Self::Table(name) => write!(f, "table `{name}`"),
            Self::View(name) => write!(f, "view `{name}`"),
            Self::Prepared(name) => write!(f, "prepared statement `{name}`"),
            Self::Role(name) => write!(f, "role `{name}`"),
        }
    }
}
