//! Errors of the shell and their exit status.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use fusebox::CatalogError;

use crate::diagnosis::clean;
use crate::place::without_place;
use crate::text::{escape_control, message};

/// An error that ends the shell, or in interactive mode the statement.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The catalog cannot be opened.
    Catalog(CatalogError),
    /// A script or a module cannot be read.
    Read { name: String, source: io::Error },
    /// A file cannot be written.
    Write { name: String, source: io::Error },
    /// The module declares no function of this name; `similar` is a declared one.
    NoFunction {
        module: String,
        name: String,
        similar: Option<String>,
    },
    /// A command is refused, or a project of functions cannot be created or built.
    Refused(String),
    /// The query of `--data` returned no rows.
    NoRows,
    /// The session rejected a statement, or a query failed.
    Fusebox(fusebox::Error),
    /// An error with its place and a suggestion, where there are any.
    Explained {
        failure: Box<Self>,
        /// File, line and column.
        place: Option<String>,
        explanation: String,
    },
    /// The format needs a file.
    NeedsFile,
    /// A result cannot be printed in this format, or writing it failed.
    Print(ArrowError),
    /// The reader of standard output closed it: `fusebox … | head`.
    BrokenPipe,
    /// Ctrl-C.
    Cancelled,
    /// A thread of the query engine panicked; it has printed where.
    Panicked,
    /// The system cannot start a thread or use the terminal.
    System(io::Error),
}

impl Failure {
    /// Wraps an error of writing to standard output.
    pub(crate) fn of_standard_output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Print(error.into()),
        }
    }

    /// Adds the place of a command, file and line, to the error of a file that it names.
    pub(crate) fn at(self, place: Option<String>) -> Self {
        match self {
            Self::Read { .. } | Self::Write { .. } if place.is_some() => Self::Explained {
                failure: Box::new(self),
                place,
                explanation: String::new(),
            },
            other => other,
        }
    }

    /// Prints the error on standard error, unless it is a broken pipe.
    pub(crate) fn report(&self) {
        if !matches!(self, Self::BrokenPipe) {
            // Messages can quote values and guests. Errors of writing are ignored,
            // since they cannot be reported.
            let (failure, place, explanation) = match self {
                Self::Explained {
                    failure,
                    place,
                    explanation,
                } => (&**failure, place.as_deref(), explanation.as_str()),
                failure => (failure, None, ""),
            };
            let text = match place {
                Some(place) => {
                    message(&format!("{place}: {}", without_place(&failure.to_string())))
                }
                None => message(&failure.to_string()),
            };
            let _ = writeln!(io::stderr(), "error: {text}{}", escape_control(explanation));
        }
    }

    /// Formats the error with all its causes.
    pub(crate) fn verbose(&self) -> String {
        let mut text = message(&self.to_string());
        let mut cause: Option<&dyn std::error::Error> = match self {
            Self::Explained { failure, .. } => return failure.verbose(),
            Self::Fusebox(error) => std::error::Error::source(error),
            Self::Read { source, .. } | Self::Write { source, .. } => Some(source),
            Self::Print(error) => std::error::Error::source(error),
            _ => None,
        };
        while let Some(error) = cause {
            text += &format!("\ncaused by: {}", message(&error.to_string()));
            cause = error.source();
        }
        text
    }

    /// Returns 2 for an invalid command line, 128 plus the number of the signal for
    /// a broken pipe and for Ctrl-C, and 1 for all other errors.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Explained { failure, .. } => failure.exit_code(),
            Self::Cancelled => ExitCode::from(128 + 2),
            Self::BrokenPipe => ExitCode::from(128 + 13),
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog(error) => error.fmt(f),
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
            Self::Refused(text) => f.write_str(text),
            Self::NoRows => f.write_str("the query of --data returned no rows"),
            Self::Explained { failure, .. } => failure.fmt(f),
            Self::Fusebox(error) => f.write_str(&clean(&error.to_string())),
            Self::NeedsFile => f.write_str(
                "parquet and arrow are written to files only: use --output FILE, or type \\o FILE",
            ),
            Self::Print(error) => {
                write!(f, "cannot print the result: {}", clean(&error.to_string()))
            }
            Self::BrokenPipe => f.write_str("standard output was closed"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Panicked => f.write_str("the query engine panicked; this is a bug"),
            Self::System(error) => write!(f, "system error: {error}"),
        }
    }
}

impl From<fusebox::Error> for Failure {
    fn from(error: fusebox::Error) -> Self {
        Self::Fusebox(error)
    }
}

/// Results fail with an error of DataFusion, which wraps the error of the session.
impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        Self::Fusebox(fusebox::Error::Query(Box::new(error)))
    }
}

/// In the shell, errors of Arrow come from the writers of CSV, JSON and tables only.
impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::Print(error)
    }
}
