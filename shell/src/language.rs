//! Languages of projects.

use clap::ValueEnum;

/// Language of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, with the SDK.
    Rust,
    /// C, without a C library.
    C,
    /// Zig.
    Zig,
    /// Go.
    Go,
    /// AssemblyScript.
    #[value(name = "as", alias = "assemblyscript")]
    AssemblyScript,
}

impl Language {
    /// Returns the file that tells the language of a project.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::C => "functions.c",
            Self::Zig => "functions.zig",
            Self::Go => "go.mod",
            Self::AssemblyScript => "functions.ts",
        }
    }
}
