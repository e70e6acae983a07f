//! Errors, grouped by who can fix them.
//!
//! A message is one line in lower case without a full stop, and names the function or
//! the module, because a SQL user sees nothing else. A cause is printed in the message
//! and not returned as a source too.

mod limit_exceeded;
mod trap;

use std::error::Error as StdError;
use std::fmt;

use fusebox_definition::{ModuleError, ParseError, StatementError, Subject};
use fusebox_instrument::WEIGHTS_VERSION;
use fusebox_marshal::AbiViolation;

pub use limit_exceeded::LimitExceeded;
pub use trap::{Trap, TrapKind};

/// Result of every fallible operation of Fusebox.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error of Fusebox, grouped by who can fix it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The embedder's configuration is invalid.
    #[error("bad configuration: {0}")]
    Config(&'static str),

    /// The statement does not parse. Holds the parser's message.
    #[error("{0}")]
    Syntax(String),

    /// The statement parses and is refused.
    #[error("{subject} {reason}")]
    Refused {
        /// Object that the statement is about.
        subject: Subject,
        /// Reason of the refusal.
        reason: StatementError,
    },

    /// The module is unusable for any caller: its author must act.
    #[error("{subject} cannot be used: {fault}")]
    Module {
        /// The module, or the function to be created from it.
        subject: Subject,
        /// Defect of the module.
        fault: ModuleError,
    },

    /// The catalog refused a change or cannot be read.
    #[error("catalog: {0}")]
    Catalog(String),

    /// An argument has a value that the function's parameter cannot take.
    #[error(
        "function `{function}` cannot take argument {position} at row {row}: \
         expected a value that fits in {expected}, found {value} of {given}"
    )]
    Argument {
        /// SQL name.
        function: String,
        /// Position of the argument, from 1.
        position: usize,
        /// Row of the batch, from 0.
        row: u64,
        /// SQL type of the parameter.
        expected: String,
        /// Value as text.
        value: String,
        /// SQL type of the argument.
        given: String,
    },

    /// The function reported that it has no result for a row.
    #[error("function `{function}` failed{}: {message}", AtRow(*row))]
    Failed {
        /// SQL name.
        function: String,
        /// Row of the batch, from 0.
        row: Option<u64>,
        /// Message of the function.
        message: String,
    },

    /// The guest trapped. Its instance is discarded; the session is intact.
    #[error("function `{function}` trapped{}: {trap}", AtRow(*row))]
    Trap {
        /// SQL name.
        function: String,
        /// Row of the batch, from 0, if the guest begins rows.
        row: Option<u64>,
        /// Kind, message and backtrace.
        trap: Trap,
    },

    /// A limit stopped the function.
    #[error("function `{function}` {limit}{}", CreatedWith(*created_with))]
    Limit {
        /// SQL name.
        function: String,
        /// Limit that was exceeded.
        limit: LimitExceeded,
        /// Version of the weights with which the function was created, if it is another than that
        /// of this program and decides such a limit.
        created_with: Option<u32>,
    },

    /// The guest violated the ABI. Its instance is discarded; the session is intact.
    #[error("function `{function}` violated the ABI: {violation}")]
    Abi {
        /// SQL name.
        function: String,
        /// Rule that was violated.
        violation: AbiViolation,
    },

    /// The query was cancelled.
    #[error("query cancelled")]
    Cancelled,

    /// The statement ran longer than its timeout.
    #[error("statement cancelled: it ran longer than fusebox.statement_timeout = {timeout}")]
    StatementTimeout {
        /// The timeout with its unit.
        timeout: String,
    },

    /// The query engine failed. An error of Fusebox within is printed instead.
    #[error("{}", Innermost(.0.as_ref()))]
    Query(Box<dyn StdError + Send + Sync>),

    /// Fusebox or Wasmtime is at fault.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

impl Error {
    /// Finds the Fusebox error within an error that DataFusion or Arrow wrapped
    /// around it.
    pub fn find_in<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
        let mut next = Some(error);
        while let Some(error) = next {
            match error.downcast_ref::<Error>() {
                Some(Error::Query(inner)) => next = Some(inner.as_ref()),
                Some(found) => return Some(found),
                None => next = error.source(),
            }
        }
        None
    }

    /// Refuses a statement.
    pub fn refused(subject: Subject, reason: StatementError) -> Self {
        Self::Refused { subject, reason }
    }

    /// Refuses a module.
    pub fn module(subject: &Subject, fault: ModuleError) -> Self {
        Self::Module {
            subject: subject.clone(),
            fault,
        }
    }
}

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Syntax(message) => Self::Syntax(message),
            ParseError::Statement { subject, error } => Self::refused(subject, error),
        }
    }
}

struct Innermost<'a>(&'a (dyn StdError + Send + Sync + 'static));

impl fmt::Display for Innermost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Error::find_in(self.0) {
            Some(error) => write!(f, "{error}"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Prints that a function was created with other weights than those of this program.
struct CreatedWith(Option<u32>);

impl fmt::Display for CreatedWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(weights) => write!(
                f,
                "; it was created with weights {weights}, and Fusebox {} has weights \
                 {WEIGHTS_VERSION}: raise the limit",
                env!("CARGO_PKG_VERSION")
            ),
            None => Ok(()),
        }
    }
}

struct AtRow(Option<u64>);

impl fmt::Display for AtRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(row) => write!(f, " at row {row}"),
            None => Ok(()),
        }
    }
}
