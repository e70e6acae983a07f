//! Findings: one place that breaks one rule.

use std::fmt;

/// A property that the tree has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A file imports only files below it in the `mod` list of its crate.
    Imports,
    /// Files of a crate do not import each other.
    Cycles,
    /// Libraries and types are named only in their folders.
    Names,
    /// Crates depend on crates below them.
    Dependencies,
    /// Files and functions are short.
    Length,
    /// Unsafe code stands in its folder.
    Unsafe,
    /// Doc summaries are verb phrases or noun phrases.
    Summaries,
    /// Names and prose are made of the field's words.
    Words,
    /// Relative links of Markdown files lead to files.
    Links,
    /// Published crates hold what crates.io and their builds need.
    Publication,
}

impl Rule {
    /// Every rule, in the order of the report.
    pub(crate) const ALL: [Self; 10] = [
        Self::Imports,
        Self::Cycles,
        Self::Names,
        Self::Dependencies,
        Self::Length,
        Self::Unsafe,
        Self::Summaries,
        Self::Words,
        Self::Links,
        Self::Publication,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Imports => "imports",
            Self::Cycles => "cycles",
            Self::Names => "names",
            Self::Dependencies => "dependencies",
            Self::Length => "length",
            Self::Unsafe => "unsafe",
            Self::Summaries => "summaries",
            Self::Words => "words",
            Self::Links => "links",
            Self::Publication => "publication",
        })
    }
}

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// From 1 on.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, .. } = self;
        write!(f, "{path}:{line}: {}", self.message)
    }
}
