//! Why the shell stopped, and its exit status.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use crate::text::harmless;

/// Why the shell, or in a conversation the statement, stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line names a catalog.
    DurableCatalog(PathBuf),
    /// A script or a module cannot be read.
    Read { name: String, source: io::Error },
    /// A file cannot be written.
    Write { name: String, source: io::Error },
    /// The module has no such function; the name of another may be meant.
    NoFunction {
        module: String,
        name: String,
        similar: Option<String>,
    },
    /// The query that arguments come from has none.
    NoRows,
    /// The session refused a statement, or a query failed on its way.
    Fusebox(fusebox::Error),
    /// A result cannot be printed in this format, or standard output refuses it.
    Print(ArrowError),
    /// Whoever read standard output has gone: `fusebox … | head`.
    BrokenPipe,
    /// Ctrl-C.
    Cancelled,
    /// A thread of the query engine panicked; it has printed where.
    Panicked,
    /// The machine refuses threads or a terminal.
    Machine(io::Error),
}

impl Failure {
    /// Says on standard error what went wrong, where that is news.
    pub(crate) fn report(&self) {
        if !matches!(self, Self::BrokenPipe) {
            // Messages quote values and guests; and where standard error is
            // closed, there is nobody left to tell.
            let _ = writeln!(io::stderr(), "error: {}", harmless(&self.to_string()));
        }
    }

    /// 2 for a wrong command line; as if ended by a signal for a broken pipe
    /// and for Ctrl-C; 1 for the rest.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::DurableCatalog(_) => ExitCode::from(2),
            Self::Cancelled => ExitCode::from(128 + 2),
            Self::BrokenPipe => ExitCode::from(128 + 13),
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DurableCatalog(path) => write!(
                f,
                "cannot open `{}`: the durable catalog is not available yet, \
                 and functions last as long as the shell",
                path.display()
            ),
            Self::Read { name, source } => write!(f, "cannot read {name}: {source}"),
            Self::Write { name, source } => write!(f, "cannot write {name}: {source}"),
            Self::NoFunction {
                module,
                name,
                similar,
            } => {
                write!(f, "module `{module}` declares no function `{name}`")?;
                match similar {
                    Some(similar) => write!(f, "; did you mean `{similar}`?"),
                    None => Ok(()),
                }
            }
            Self::NoRows => f.write_str("the query has no rows to call functions with"),
            Self::Fusebox(error) => error.fmt(f),
            Self::Print(error) => write!(f, "cannot print the result: {error}"),
            Self::BrokenPipe => f.write_str("nobody reads the output"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Panicked => f.write_str("the query engine panicked; this is a bug"),
            Self::Machine(error) => write!(f, "the machine refuses: {error}"),
        }
    }
}

impl From<fusebox::Error> for Failure {
    fn from(error: fusebox::Error) -> Self {
        Self::Fusebox(error)
    }
}

/// A result fails with DataFusion's error, around the one that says why.
impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        Self::Fusebox(fusebox::Error::Query(Box::new(error)))
    }
}

/// The session computes without Arrow's own errors: here they come from the
/// writers of CSV, JSON and tables.
impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::Print(error)
    }
}
