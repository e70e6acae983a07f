//! Reasons for which fixtures cannot be checked.

use std::io;

/// Reason for which a folder of fixtures cannot be checked. Files are named as in the folder.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message names its fields")]
#[non_exhaustive]
pub enum FixtureError {
    /// A file is missing, or cannot be read or written.
    #[error("fixtures: expected the file `{file}`, found an error: {source}")]
    File { file: String, source: io::Error },

    /// A name leads to something that is no file, or is outside of the folder.
    #[error("fixtures: expected `{file}` to be a file of the folder, found {found}")]
    Place { file: String, found: &'static str },

    /// A file is too large.
    #[error("fixtures: expected `{file}` to have at most {bytes_max} bytes, found {bytes}")]
    Size {
        file: String,
        bytes: u64,
        bytes_max: u64,
    },

    /// The content of a file is not what its format says.
    #[error("fixtures: `{file}`{}: {problem}", InLine(*line))]
    Content {
        file: String,
        /// Line, from 1.
        line: Option<usize>,
        /// The expected and the found text.
        problem: String,
    },

    /// The fixtures are of a version that this program cannot reproduce.
    #[error(
        "fixtures: expected {format} {expected}, found {format} {found} in fixtures of Fusebox \
         {fusebox}; this is Fusebox {this}: run `fusebox conform` of a release with {format} \
         {found}",
        this = env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// Name of the format.
        format: &'static str,
        /// Versions that this program supports.
        expected: String,
        found: u64,
        /// Version of the program that made the fixtures.
        fusebox: String,
    },

    /// No module has the name that was asked for.
    #[error("fixtures: expected one of the modules {}, found `{name}`", names.join(", "))]
    Module { name: String, names: Vec<String> },

    /// The program that checks failed, not the fixtures.
    #[error("fixtures: {0}")]
    Program(String),
}

impl FixtureError {
    /// Makes the error of a line of a file.
    pub(crate) fn content(file: &str, line: Option<usize>, problem: impl Into<String>) -> Self {
        Self::Content {
            file: file.to_owned(),
            line,
            problem: problem.into(),
        }
    }
}

struct InLine(Option<usize>);

impl std::fmt::Display for InLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(line) => write!(f, " line {line}"),
            None => Ok(()),
        }
    }
}
