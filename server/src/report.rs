//! Errors and notices as a client gets them: a code of PostgreSQL, a message, and where to look.

// Codes of errors.
mod sqlstate;

use bytes::BytesMut;
use datafusion::common::DataFusionError;
use fusebox::Error;

use crate::encoding::EncodingError;
use crate::protocol::ProtocolError;
use crate::protocol::backend;

use sqlstate::{of_datafusion, of_error};

/// Consequence of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The statement failed.
    Error,
    /// The connection ends.
    Fatal,
    Warning,
    Notice,
}

/// Error or notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) severity: Severity,
    /// Five characters of `SQLSTATE`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
    /// Character of the statement's text, from 1.
    pub(crate) position: Option<usize>,
}

pub(crate) const SYNTAX_ERROR: &str = "42601";
pub(crate) const NOT_SUPPORTED: &str = "0A000";
pub(crate) const PROTOCOL_VIOLATION: &str = "08P01";
pub(crate) const INVALID_PASSWORD: &str = "28P01";
pub(crate) const INVALID_AUTHORIZATION: &str = "28000";
pub(crate) const IO_ERROR: &str = "58030";
pub(crate) const QUOTA_EXCEEDED: &str = "53400";
pub(crate) const CANCELLED: &str = "57014";
pub(crate) const ADMIN_SHUTDOWN: &str = "57P01";
pub(crate) const TOO_MANY_CONNECTIONS: &str = "53300";
pub(crate) const LIMIT_EXCEEDED: &str = "54000";
pub(crate) const IDLE_TIMEOUT: &str = "57P05";
pub(crate) const FAILED_TRANSACTION: &str = "25P02";
pub(crate) const INVALID_PARAMETER: &str = "22023";
pub(crate) const UNDEFINED_OBJECT: &str = "42704";
pub(crate) const UNDEFINED_STATEMENT: &str = "26000";
pub(crate) const UNDEFINED_PORTAL: &str = "34000";
pub(crate) const DUPLICATE_STATEMENT: &str = "42P05";
pub(crate) const BAD_COPY_FORMAT: &str = "22P04";
pub(crate) const INTERNAL_ERROR: &str = "XX000";
const WARNING: &str = "01000";
const NOTICE: &str = "00000";

impl Report {
    /// Makes an error without detail.
    pub(crate) fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
        }
    }

    /// Makes an error that ends the connection.
    pub(crate) fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Fatal,
            ..Self::error(code, message)
        }
    }

    /// Makes a warning.
    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(WARNING, message)
        }
    }

    /// Makes a notice.
    pub(crate) fn notice(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Notice,
            ..Self::error(NOTICE, message)
        }
    }

    /// Makes the error of a statement whose execution panicked.
    pub(crate) fn panicked() -> Self {
        Self::error(
            INTERNAL_ERROR,
            "the query engine panicked; this is a bug, please report it",
        )
    }

    /// Makes the error of a statement that its client, or the server, has cancelled.
    pub(crate) fn cancelled() -> Self {
        Self::error(CANCELLED, "canceling statement due to user request")
    }

    /// Adds a hint.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns true for reports that end a statement.
    pub(crate) fn is_error(&self) -> bool {
        matches!(self.severity, Severity::Error | Severity::Fatal)
    }

    /// Adds the position in the whole text of a query, given a statement and where it begins.
    pub(crate) fn placed(mut self, statement: &str, begin: usize) -> Self {
        let place = position(&self.message, statement);
        if let Some((position, message)) = place {
            self.position = Some(begin + position);
            self.message = message;
        }
        self
    }

    /// Writes the report as a message.
    pub(crate) fn write(&self, out: &mut BytesMut) {
        let severity = match self.severity {
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
            Severity::Warning => "WARNING",
            Severity::Notice => "NOTICE",
        };
        let position = self.position.map(|position| position.to_string());
        let optional = [
            (b'D', self.detail.as_deref()),
            (b'H', self.hint.as_deref()),
            (b'P', position.as_deref()),
        ];
        let mut fields = vec![
            (b'S', severity),
            (b'V', severity),
            (b'C', self.code),
            (b'M', self.message.as_str()),
        ];
        let given = optional.into_iter();
        fields.extend(given.filter_map(|(code, value)| Some((code, value?))));
        backend::report(out, self.is_error(), &fields);
    }
}

impl From<Error> for Report {
    fn from(error: Error) -> Self {
        let found = Error::find_in(&error).unwrap_or(&error);
        let code = of_error(found);
        let mut report = Self::error(code, error.to_string());
        report.detail = detail(found);
        if let Error::Refused { .. } | Error::Catalog(_) | Error::Limit { .. } = found
            && let Some((message, hint)) = divided(&report.message)
        {
            report.hint = Some(hint);
            report.message = message;
        }
        report
    }
}

impl From<DataFusionError> for Report {
    fn from(error: DataFusionError) -> Self {
        match Error::find_in(&error) {
            Some(_) => Self::from(Error::Query(Box::new(error))),
            None => Self::error(of_datafusion(&error), error.strip_backtrace()),
        }
    }
}

impl From<EncodingError> for Report {
    fn from(error: EncodingError) -> Self {
        let code = match error {
            EncodingError::Result { .. } | EncodingError::Range(_) => "22003",
            EncodingError::RowTooLarge => LIMIT_EXCEEDED,
            EncodingError::Parameter { .. } => "22P02",
        };
        Self::error(code, error.to_string())
    }
}

impl From<ProtocolError> for Report {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Encoding => Self::error("22021", error.to_string()),
            ProtocolError::TooLarge { .. } => Self::fatal(LIMIT_EXCEEDED, error.to_string()),
            ProtocolError::Version(..) => Self::fatal(NOT_SUPPORTED, error.to_string()),
            _ => Self::fatal(PROTOCOL_VIOLATION, error.to_string()),
        }
    }
}

/// Returns the function and the row that an error is about.
fn detail(error: &Error) -> Option<String> {
    let (function, row) = match error {
        Error::Argument { function, row, .. } => (function, Some(*row)),
        Error::Failed { function, row, .. } | Error::Trap { function, row, .. } => (function, *row),
        Error::Limit { function, .. } | Error::Abi { function, .. } => (function, None),
        _ => return None,
    };
    Some(match row {
        Some(row) => format!("Function: {function}, row of the batch: {row}."),
        None => format!("Function: {function}."),
    })
}

/// Divides a message that says what to do after its last semicolon.
fn divided(message: &str) -> Option<(String, String)> {
    let (message, hint) = message.rsplit_once("; ")?;
    // A name may have a semicolon.
    let is_whole = |text: &str| text.matches('`').count().is_multiple_of(2);
    (is_whole(message) && is_whole(hint)).then(|| (message.to_owned(), hint.to_owned()))
}

/// Words of messages around a name that the statement contains.
const NAMES: [(&str, &str); 7] = [
    ("table '", "' not found"),
    ("function '", "' does not exist"),
    ("function `", "` does not exist"),
    ("module `", "` does not exist"),
    ("Invalid function '", "'"),
    ("No field named ", "."),
    ("column ", " must be in GROUP BY"),
];

/// Finds the character that a message is about, from 1 on, and returns it with the message without
/// its place.
fn position(message: &str, statement: &str) -> Option<(usize, String)> {
    if let Some((before, place)) = message.rsplit_once(" at Line: ") {
        let (line, rest) = place.split_once(", Column: ")?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (column, after) = rest.split_at(end);
        let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
        let above = statement.split_inclusive('\n').take(line.checked_sub(1)?);
        let characters: usize = above.map(|line| line.chars().count()).sum();
        return Some((characters + column, format!("{before}{after}")));
    }
    if message.starts_with("sql parser error: ") && message.ends_with("found: EOF") {
        let end = statement.trim_end_matches([';', ' ', '\n', '\t', '\r']);
        return Some((end.chars().count() + 1, message.to_owned()));
    }
    let name = NAMES.iter().find_map(|(begin, end)| {
        let (_, rest) = message.split_once(begin)?;
        Some(rest.split_once(end)?.0)
    })?;
    let name = name.rsplit('.').next()?.trim_matches('"');
    let index = find_word(statement, name)?;
    let characters = statement[..index].chars().count();
    Some((characters + 1, message.to_owned()))
}

/// Finds a name as a whole word.
fn find_word(text: &str, name: &str) -> Option<usize> {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let lower = text.to_ascii_lowercase();
    let wanted = name.to_ascii_lowercase();
    if wanted.is_empty() {
        return None;
    }
    let mut found = lower.match_indices(&wanted);
    let is_whole = |index: usize| {
        let before = lower[..index].chars().next_back();
        let after = lower[index + wanted.len()..].chars().next();
        !before.is_some_and(is_of_word) && !after.is_some_and(is_of_word)
    };
    found
        .find(|(index, _)| is_whole(*index))
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use fusebox::{StatementError, Subject};

    use super::*;

    fn place(message: &str, statement: &str) -> Option<usize> {
        let report = Report::error(SYNTAX_ERROR, message).placed(statement, 10);
        report.position
    }

    #[test]
    fn positions_count_characters_of_the_whole_text() {
        let statement = "SELECT 'é',\n  FORM t";
        for (message, expected) in [
            ("Expected: x, found: t at Line: 2, Column: 8", Some(30)),
            ("sql parser error: Expected: x, found: EOF", Some(31)),
            ("table 'datafusion.public.t' not found", Some(30)),
            ("No field named form.", Some(25)),
            ("function 'ORM' does not exist", None),
            ("anything", None),
        ] {
            assert_eq!(place(message, statement), expected, "{message}");
        }
        let report = Report::error(SYNTAX_ERROR, "found: t at Line: 1, Column: 3; divide it");
        assert_eq!(report.placed("SELECT", 0).message, "found: t; divide it");
    }

    #[test]
    fn messages_are_divided_from_hints() {
        let subject = Subject::Function("f".to_owned());
        let report = Report::from(Error::refused(subject, StatementError::Exists));
        assert_eq!(report.code, "42723");
        assert_eq!(report.message, "function `f` already exists");
        assert_eq!(
            report.hint.as_deref(),
            Some("CREATE OR REPLACE would replace it")
        );
        let failed = Error::Failed {
            function: "f".to_owned(),
            row: Some(3),
            message: "no; never".to_owned(),
        };
        let report = Report::from(failed);
        assert_eq!((report.code, report.hint), ("38000", None));
        assert_eq!(
            report.detail.as_deref(),
            Some("Function: f, row of the batch: 3.")
        );
    }

    #[test]
    fn reports_are_messages_with_their_fields() {
        let mut out = BytesMut::new();
        let mut report = Report::fatal(PROTOCOL_VIOLATION, "bad").with_hint("stop");
        report.position = Some(7);
        report.write(&mut out);
        assert_eq!(&out[5..], b"SFATAL\0VFATAL\0C08P01\0Mbad\0Hstop\0P7\0\0");
        assert_eq!(out[0], b'E');
    }
}
