//! What can go wrong, sorted by who must act.
//!
//! A message is one line, in lower case, without a full stop, and names the
//! function or the module, because a SQL user sees nothing else. What a cause
//! has to say is printed in the message and not returned as a source too.

mod exhausted;
mod fault;
mod refusal;

use std::error::Error as StdError;
use std::fmt;

use sqlparser::parser::ParserError;

pub use exhausted::Exhausted;
pub(crate) use exhausted::Size;
pub use fault::ModuleFault;
pub use fusebox_marshal::Breach;
pub use refusal::{PathRefusal, Refusal};

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The embedder asked for something that cannot work.
    #[error("bad configuration: {0}")]
    Config(&'static str),

    /// The statement is not SQL, or not SQL that Fusebox knows.
    #[error("{0}")]
    Syntax(ParserError),

    /// The statement is understood, and refused.
    #[error("{subject} {reason}")]
    Refused {
        /// What the statement is about.
        subject: Subject,
        /// Why it is refused.
        reason: Refusal,
    },

    /// The module cannot serve, whoever calls it: its author must act.
    #[error("{subject} cannot be used: {fault}")]
    Module {
        /// The module, or the function that would have been made of it.
        subject: Subject,
        /// What is wrong with it.
        fault: ModuleFault,
    },

    /// The function ran, and says that it has no result for a row.
    #[error("function `{function}` failed{}: {message}", AtRow(*row))]
    Failed {
        /// The SQL name.
        function: String,
        /// The row of the batch, from 0.
        row: Option<u64>,
        /// What the function says, as it says it.
        message: String,
    },

    /// The guest ran into a trap. Its instance is gone; the session is fine.
    #[error("function `{function}` trapped{}: {trap}", AtRow(*row))]
    Trap {
        /// The SQL name.
        function: String,
        /// The row of the batch, from 0, where the guest announces its rows.
        row: Option<u64>,
        /// The trap, and where in the guest it was.
        trap: String,
    },

    /// A limit stopped the function.
    #[error("function `{function}` {limit}")]
    Limit {
        /// The SQL name.
        function: String,
        /// Which limit.
        limit: Exhausted,
    },

    /// The guest broke the contract. Its instance is gone; the session is fine.
    #[error("function `{function}` broke the contract: {breach}")]
    Guest {
        /// The SQL name.
        function: String,
        /// Which rule it broke.
        breach: Breach,
    },

    /// The embedder cancelled the query.
    #[error("query cancelled")]
    Cancelled,

    /// The query engine refused or failed; a Fusebox error behind it speaks
    /// for itself.
    #[error("{}", Innermost(.0.as_ref()))]
    Query(Box<dyn StdError + Send + Sync>),

    /// Fusebox or Wasmtime is at fault.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

impl Error {
    /// Finds the Fusebox error behind whatever DataFusion and Arrow have
    /// wrapped around it.
    pub fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
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

    pub(crate) fn refused(subject: Subject, reason: Refusal) -> Self {
        Self::Refused { subject, reason }
    }

    pub(crate) fn guest(function: &str, breach: Breach) -> Self {
        Self::Guest {
            function: function.to_owned(),
            breach,
        }
    }
}

impl From<ParserError> for Error {
    fn from(error: ParserError) -> Self {
        Self::Syntax(error)
    }
}

struct Innermost<'a>(&'a (dyn StdError + Send + Sync + 'static));

impl fmt::Display for Innermost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Error::behind(self.0) {
            Some(error) => write!(f, "{error}"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What a statement or a fault is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A function, by its SQL name.
    Function(String),
    /// A module, by its SQL name.
    Module(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "function `{name}`"),
            Self::Module(name) => write!(f, "module `{name}`"),
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

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect::<Vec<_>>()
        .join(", ")
}
