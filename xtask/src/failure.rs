//! What went wrong, and what to do about it.

use std::fmt;
use std::io;
use std::process::{ExitCode, ExitStatus};

/// Why a chore stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line holds a word that means nothing here.
    Usage(String),
    /// A step ran and said no; it has printed why.
    Step {
        step: &'static str,
        status: ExitStatus,
    },
    /// A file or a program could not be reached.
    Io { action: String, source: io::Error },
    /// Nothing here can compile to Wasm; `attempts` says what was tried.
    NoWasmToolchain { attempts: Vec<String> },
}

impl Failure {
    /// For `map_err`: `action` says in the infinitive what was being done.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }

    /// 2 for a wrong command line, as shells have it; 1 for the rest.
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
            Self::Usage(word) => write!(f, "`{word}` is unknown here; see `cargo xtask help`"),
            Self::Step { step, status } => write!(f, "step `{step}` failed: {status}"),
            Self::Io { action, source } => write!(f, "cannot {action}: {source}"),
            Self::NoWasmToolchain { attempts } => {
                writeln!(f, "no Rust toolchain for wasm32-unknown-unknown was found:")?;
                for attempt in attempts {
                    writeln!(f, "  - {attempt}")?;
                }
                write!(
                    f,
                    "with rustup: `rustup target add wasm32-unknown-unknown`; \
                     on Debian, as root: `apt-get install {}`",
                    crate::toolchain::DEBIAN_PACKAGES.join(" ")
                )
            }
        }
    }
}
