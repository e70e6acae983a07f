//! The records that differ, each with its cause: `known_differences.txt`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use sqllogictest::TestErrorKind;

use super::run_file::RecordOutcome;

/// The cause of a different result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    Message,
    Arguments,
    Layout,
    Digits,
    Plan,
    Scope,
    Memory,
    Statement,
    Names,
    Nulls,
    Files,
    Overflow,
    Guards,
    Subqueries,
}

/// Returns the lines of a plan without their numbers and indentation.
fn nodes(plan: &str) -> Vec<&str> {
    let is_prefix = |c: char| c.is_ascii_digit() || c == ')' || c == '-' || c == ' ';
    let lines = plan.lines();
    lines
        .map(|line| line.trim_start_matches(is_prefix))
        .collect()
}

/// Returns true if a line is the expected one, whose ignored parts may be any text.
fn is_line(actual: &str, expected: &str) -> bool {
    let mut parts = expected.split("<slt:ignore>");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = actual.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let found = match parts.peek() {
            Some(_) => rest.find(part),
            None => rest.ends_with(part).then(|| rest.len() - part.len()),
        };
        let Some(at) = found else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

impl Cause {
    /// The causes, with their names in the file and their meanings.
    const ALL: [(Self, &str, &str); 14] = [
        (
            Self::Message,
            "message",
            "the error has the same message, with the prefix of Fusebox and not of Arrow",
        ),
        (
            Self::Arguments,
            "arguments",
            "no overload takes these arguments, and the message is that of Fusebox",
        ),
        (
            Self::Layout,
            "layout",
            "the result has the declared Arrow layout, not that of the argument",
        ),
        (
            Self::Digits,
            "digits",
            "DECIMAL(*) has at most 38 digits; more are coerced to DOUBLE or are an error",
        ),
        (
            Self::Plan,
            "plan",
            "the plan shows an alias as a function of its own, lacks a simplification of the \
             built-in function, or rounds in a cast",
        ),
        (
            Self::Scope,
            "scope",
            "the plan is the same but for nodes of Fusebox",
        ),
        (
            Self::Memory,
            "memory",
            "guest memory exceeds the memory pool of the query",
        ),
        (
            Self::Statement,
            "statement",
            "the statement is a statement of Fusebox, or depends on one",
        ),
        (
            Self::Names,
            "names",
            "the select list has columns of equal names, which DataFusion refuses",
        ),
        (
            Self::Nulls,
            "nulls",
            "a null is refused by the names of the table and of its column",
        ),
        (
            Self::Files,
            "files",
            "COPY refuses a directory that has files, whose rows are those of before",
        ),
        (
            Self::Overflow,
            "overflow",
            "an integer that is out of range is an error, and is not wrapped",
        ),
        (
            Self::Guards,
            "guards",
            "one side of a condition guards the arithmetic of the other",
        ),
        (
            Self::Subqueries,
            "subqueries",
            "a correlated subquery that is a value need not aggregate",
        ),
    ];

    /// Tests whether a failure is consistent with this cause.
    fn explains(self, failure: &TestErrorKind) -> bool {
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
            (Self::Plan, QueryResultMismatch { sql, .. }) => {
                sql.to_ascii_uppercase().starts_with("EXPLAIN ")
            }
            (
                Self::Scope,
                QueryResultMismatch {
                    expected, actual, ..
                },
            ) => {
                let nodes = nodes(actual);
                let others: Vec<_> = nodes
                    .iter()
                    .filter(|n| !n.contains("WasmScopeExec") && !n.contains("CommitFilesExec"))
                    .collect();
                let expected = self::nodes(expected);
                others.len() < nodes.len()
                    && others.len() == expected.len()
                    && others.into_iter().zip(expected).all(|(a, e)| is_line(a, e))
            }
            (Self::Memory, _) => text.contains("that the query's memory pool refuses"),
            (Self::Nulls, ErrorMismatch { err, .. }) => {
                err.to_string().contains("a value of the NOT NULL column")
            }
            (Self::Files, QueryResultMismatch { .. }) => true,
            (Self::Files, _) => text.contains("expected a directory without files"),
            (Self::Overflow, _) => text.contains("Overflow happened on: "),
            (Self::Statement | Self::Names | Self::Guards | Self::Subqueries, Ok { .. }) => true,
            (Self::Subqueries, _) => text.contains("expected at most one row of a subquery"),
            (Self::Statement, _) => {
                let text = text.to_ascii_uppercase();
                let parts = [
                    "FUNCTION",
                    "SHOW CREATE TABLE",
                    "EXPECTED A FORMAT THAT",
                    "THE END OF THE OPTIONS",
                ];
                parts.iter().any(|part| text.contains(part))
            }
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

/// The causes of the records that differ, by location.
pub(super) struct KnownDifferences(BTreeMap<String, Cause>);

impl KnownDifferences {
    /// Reads the file.
    pub(super) fn read() -> Result<Self, String> {
        let mut listed = BTreeMap::new();
        let mut cause = None;
        let lines = include_str!("known_differences.txt").lines();
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                let found = Cause::ALL.iter().find(|(_, known, _)| *known == name);
                let found = found.ok_or_else(|| format!("{line} is not a known cause"))?;
                cause = Some(found.0);
                continue;
            }
            let cause = cause.ok_or_else(|| format!("{line} is listed before any cause"))?;
            if listed.insert(line.to_owned(), cause).is_some() {
                return Err(format!("{line} is listed twice"));
            }
        }
        Ok(Self(listed))
    }

    /// Fails if a listed record is in none of the files.
    pub(super) fn check_files(&self, files: &[PathBuf]) -> Result<(), String> {
        let is_in = |at: &str, file: &PathBuf| is_in(at, file);
        let missing = |at: &&String| !files.iter().any(|file| is_in(at, file));
        match self.0.keys().find(missing) {
            Some(at) => Err(format!("{at} is listed, but its file does not exist")),
            None => Ok(()),
        }
    }

    /// Compares the list with the records of a file that differ; returns their causes.
    pub(super) fn check(
        &self,
        file: &Path,
        differing: &[RecordOutcome],
    ) -> Result<Vec<Cause>, String> {
        let mut wrong = Vec::new();
        let mut causes = Vec::new();
        for RecordOutcome { at, failure } in differing {
            let Some(failure) = failure else { continue };
            match self.0.get(at) {
                Some(cause) if cause.explains(failure) => causes.push(*cause),
                Some(cause) => wrong.push(format!(
                    "{at} differs, but not by its listed cause ({cause}): {failure}"
                )),
                None => wrong.push(format!("{at} differs and is not listed: {failure}")),
            }
        }
        let listed = self.0.keys().filter(|at| is_in(at, file));
        let gone = listed.filter(|at| differing.iter().all(|outcome| outcome.at != **at));
        wrong.extend(gone.map(|at| format!("{at} is listed, but does not differ")));
        match wrong.as_slice() {
            [] => Ok(causes),
            wrong => Err(wrong.join("\n")),
        }
    }
}

/// Tests whether a record is in a file, or in one that the file includes.
fn is_in(at: &str, file: &Path) -> bool {
    let (_, outermost) = at.rsplit_once("at ").unwrap_or(("", at));
    let path = outermost.rsplit_once(':').map(|(path, _)| path);
    path.is_some_and(|path| Path::new(path) == file)
}
