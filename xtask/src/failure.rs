//! Errors of a chore.

use std::fmt;
use std::io;
use std::process::{ExitCode, ExitStatus};

/// An error that ends a chore.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line holds an unknown word.
    Usage(String),
    /// A step ran and failed, after it printed why.
    Step {
        step: &'static str,
        status: ExitStatus,
    },
    /// A step found something else than it expects.
    Unexpected { step: &'static str, message: String },
    /// A file or a program could not be reached.
    Io { action: String, source: io::Error },
    /// No toolchain compiles to Wasm.
    NoWasmToolchain {
        /// Outcomes of the attempts to find or install one.
        attempts: Vec<String>,
        /// Packages of Debian that would do.
        packages: String,
    },
    /// The source text breaks rules; each finding was printed.
    Untidy { findings: usize },
}

impl Failure {
    /// Wraps an I/O error, for `map_err`. `action` is an infinitive.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// Wraps the message of a step, for `map_err`.
    pub(crate) fn unexpected(step: &'static str) -> impl FnOnce(String) -> Self {
        move |message| Self::Unexpected { step, message }
    }

    /// Returns 2 for a wrong command line, as shells do, and 1 otherwise.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(word) => write!(f, "unknown argument `{word}`; see `cargo xtask help`"),
            Self::Step { step, status } => write!(f, "step `{step}` failed: {status}"),
            Self::Unexpected { step, message } => write!(f, "step `{step}` failed: {message}"),
            Self::Io { action, source } => write!(f, "cannot {action}: {source}"),
            Self::Untidy { findings } => write!(f, "{findings} findings; see `cargo xtask tidy`"),
            Self::NoWasmToolchain { attempts, packages } => {
                writeln!(f, "no Rust toolchain for wasm32-unknown-unknown was found:")?;
                for attempt in attempts {
                    writeln!(f, "  - {attempt}")?;
                }
                write!(
                    f,
                    "with rustup: `rustup target add wasm32-unknown-unknown`; \
                     on Debian, as root: `apt-get install {packages}`",
                )
            }
        }
    }
}
