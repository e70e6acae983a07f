//! The records that differ, each with its cause: `differences.txt`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use sqllogictest::TestErrorKind;

use super::file::Outcome;

/// Why a record comes out otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    Message,
    Arguments,
    Layout,
    Digits,
    Plan,
    Memory,
    Statement,
}

impl Cause {
    /// Each with its name in the file, and what it means.
    const ALL: [(Self, &str, &str); 7] = [
        (
            Self::Message,
            "message",
            "the function fails with the same message, and Fusebox and not Arrow frames it",
        ),
        (
            Self::Arguments,
            "arguments",
            "no function takes these arguments, which Fusebox says in its own words",
        ),
        (
            Self::Layout,
            "layout",
            "the result has the layout that is declared, and not that of the argument",
        ),
        (
            Self::Digits,
            "digits",
            "DECIMAL(*) has 38 digits at most, and more become a DOUBLE or nothing",
        ),
        (
            Self::Plan,
            "plan",
            "the plan shows an alias as a function of its own, or is not simplified by a rule \
             of the built-in function",
        ),
        (
            Self::Memory,
            "memory",
            "the memory of a guest is more than the memory pool of the query has",
        ),
        (
            Self::Statement,
            "statement",
            "the statement is one of Fusebox's own, or depends on one",
        ),
    ];

    /// Whether a failure looks as if it had this cause.
    fn fits(self, failure: &TestErrorKind) -> bool {
        use TestErrorKind::{ErrorMismatch, Ok, QueryResultColumnsMismatch, QueryResultMismatch};
        let text = failure.to_string();
        match (self, failure) {
            (
                Self::Message,
                ErrorMismatch {
                    err, expected_err, ..
                },
            ) => {
                let expected = expected_err.replace('\\', "");
                let message = expected.split_once("Compute error: ");
                message.is_some_and(|(_, message)| err.to_string().ends_with(message))
            }
            (Self::Arguments, ErrorMismatch { err, .. }) => err.to_string().contains("` takes ("),
            (Self::Layout, QueryResultColumnsMismatch { .. }) => true,
            (Self::Layout, QueryResultMismatch { sql, .. }) => sql.contains("arrow_typeof("),
            (Self::Digits, _) => {
                let mut numbers = text.split(|c: char| !c.is_ascii_digit());
                text.contains("Decimal256") || numbers.any(|digits| digits.len() > 38)
            }
            (Self::Plan, QueryResultMismatch { sql, .. }) => sql.starts_with("EXPLAIN "),
            (Self::Memory, _) => text.contains("than the query's memory pool gives"),
            (Self::Statement, Ok { .. }) => true,
            (Self::Statement, _) => text.to_ascii_uppercase().contains("FUNCTION"),
            _ => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = Self::ALL.iter().find(|(cause, ..)| cause == self);
        f.write_str(meaning.map_or("", |(.., meaning)| meaning))
    }
}

/// Which records differ, by where they are, and why.
pub(super) struct Differences(BTreeMap<String, Cause>);

impl Differences {
    /// Reads the file.
    pub(super) fn read() -> Result<Self, String> {
        let mut listed = BTreeMap::new();
        let mut cause = None;
        let lines = include_str!("differences.txt").lines();
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                let found = Cause::ALL.iter().find(|(_, known, _)| *known == name);
                let found = found.ok_or_else(|| format!("{line} is no cause"))?;
                cause = Some(found.0);
                continue;
            }
            let cause = cause.ok_or_else(|| format!("{line} has no cause"))?;
            if listed.insert(line.to_owned(), cause).is_some() {
                return Err(format!("{line} is listed twice"));
            }
        }
        Ok(Self(listed))
    }

    /// Refuses a record of a file that does not exist.
    pub(super) fn check_files(&self, files: &[PathBuf]) -> Result<(), String> {
        let is_in = |at: &str, file: &PathBuf| is_in(at, file);
        let missing = |at: &&String| !files.iter().any(|file| is_in(at, file));
        match self.0.keys().find(missing) {
            Some(at) => Err(format!("{at} is listed, and there is no such file")),
            None => Ok(()),
        }
    }

    /// Compares the list with what differs in a file, and gives the causes.
    pub(super) fn check(&self, file: &Path, differing: &[Outcome]) -> Result<Vec<Cause>, String> {
        let mut wrong = Vec::new();
        let mut causes = Vec::new();
        for Outcome { at, failure } in differing {
            let Some(failure) = failure else { continue };
            match self.0.get(at) {
                Some(cause) if cause.fits(failure) => causes.push(*cause),
                Some(cause) => wrong.push(format!(
                    "{at} differs, but not as listed ({cause}): {failure}"
                )),
                None => wrong.push(format!("{at} differs and is not listed: {failure}")),
            }
        }
        let listed = self.0.keys().filter(|at| is_in(at, file));
        let gone = listed.filter(|at| differing.iter().all(|outcome| outcome.at != **at));
        wrong.extend(gone.map(|at| format!("{at} is listed and does not differ any more")));
        match wrong.as_slice() {
            [] => Ok(causes),
            wrong => Err(wrong.join("\n")),
        }
    }
}

/// Whether a record is one of a file, itself or in what the file includes.
fn is_in(at: &str, file: &Path) -> bool {
    let (_, outermost) = at.rsplit_once("at ").unwrap_or(("", at));
    let path = outermost.rsplit_once(':').map(|(path, _)| path);
    path.is_some_and(|path| Path::new(path) == file)
}
