//! Completion, highlighting, and the end of statements, for the editor.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::sql::sqlparser::dialect::Dialect;
use fusebox::Session;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::completion;
use super::ends_statement;
use super::highlight::highlighted;
use super::table_columns::TableColumns;
use super::typing::Typing;
use super::word::Word;
use crate::command::Command;
use crate::open::{Open, OpenKind};
use crate::session::dialect;
use crate::text::is_complete;

/// Helper of the editor.
pub(super) struct SqlHelper {
    session: Arc<Session>,
    columns: TableColumns,
    files: FilenameCompleter,
    /// True if the terminal shows colours.
    has_colours: bool,
    typing: Typing,
}

impl SqlHelper {
    pub(super) fn new(session: Arc<Session>, has_colours: bool, typing: Typing) -> Self {
        Self {
            columns: TableColumns::new(Arc::clone(&session)),
            session,
            files: FilenameCompleter::new(),
            has_colours,
            typing,
        }
    }
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..position];
        if matches!(before.split_whitespace().next(), Some("\\cd" | ".cd")) && takes_a_file(before)
        {
            let (start, mut pairs) = self.files.complete(line, position, context)?;
            pairs.retain(|pair| pair.replacement.ends_with(std::path::MAIN_SEPARATOR));
            return Ok((start, pairs));
        }
        if before.matches('\'').count() % 2 == 1 || takes_a_file(before) {
            return self.files.complete(line, position, context);
        }
        let word = Word::at(line, position);
        Ok((word.start, completion::pairs(&self.columns, &word)))
    }
}

/// Returns true if a command takes a file.
fn takes_a_file(line: &str) -> bool {
    let word = line.split_whitespace().next();
    matches!(
        word,
        Some(
            "\\i" | "\\ir" | "\\o" | "\\e" | "\\g" | "\\cd" | ".read" | ".output" | ".edit" | ".cd"
        )
    ) && line.trim_start().contains(char::is_whitespace)
}

impl Highlighter for SqlHelper {
    fn highlight<'l>(&self, line: &'l str, _position: usize) -> Cow<'l, str> {
        let shown = match self.has_colours && Command::parse(line).is_none() {
            true => Cow::Owned(highlighted(line)),
            false => Cow::Borrowed(line),
        };
        self.typing.end();
        shown
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.has_colours {
            true => Cow::Owned(format!("\u{1b}[2m{hint}\u{1b}[0m")),
            false => Cow::Borrowed(hint),
        }
    }

    fn highlight_char(&self, _line: &str, _position: usize, _kind: CmdKind) -> bool {
        // Each key of a paste is drawn alone; the next one that is typed has all drawn.
        self.has_colours && !self.typing.is_burst()
    }
}

impl Validator for SqlHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let dialect = dialect(&self.session);
        let dialect = dialect.as_ref();
        let complete = Command::parse(input.trim()).is_some()
            || ends_with_command(input, dialect)
            || Command::trailing(input, dialect).is_some()
            || is_complete(input, dialect);
        Ok(match complete {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

/// Returns true if the last line of an input is a command, which ends it.
fn ends_with_command(input: &str, dialect: &dyn Dialect) -> bool {
    let (above, last) = input.trim_end().rsplit_once('\n').unwrap_or(("", input));
    ends_statement(last) || Command::parse(last).is_some() && is_complete(above, dialect)
}

/// Note on a line that continues an input: it is shown, and never inserted.
pub(super) struct Continuation(String);

impl Hint for Continuation {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for SqlHelper {
    type Hint = Continuation;

    /// Shows on an empty line what the lines above have left open.
    fn hint(&self, line: &str, position: usize, _: &Context<'_>) -> Option<Continuation> {
        self.typing.begin();
        let hint = self.continuation(line, position);
        self.typing.end();
        hint
    }
}

impl SqlHelper {
    fn continuation(&self, line: &str, position: usize) -> Option<Continuation> {
        let (above, last) = line.rsplit_once('\n')?;
        if position < line.len() || !last.trim().is_empty() {
            return None;
        }
        let open = Open::at_end(above, dialect(&self.session).as_ref())?;
        let text = match open.kind {
            OpenKind::Statement => "-- `;` ends the statement".to_owned(),
            kind => format!(
                "-- in the {kind} of line {}, column {}",
                open.line, open.column
            ),
        };
        Some(Continuation(text))
    }
}

impl Helper for SqlHelper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_end_an_input_on_any_line() {
        let dialect = datafusion::sql::sqlparser::dialect::GenericDialect {};
        let ends = |input: &str| ends_with_command(input, &dialect);
        for input in [
            "SELECT 1,\n.quit",
            "SELECT 1\n \\dt",
            "SELECT 1;\nquit",
            "SELECT 1;\n.no",
        ] {
            assert!(ends(input), "{input}");
        }
        for input in ["SELECT t\n.name", "SELECT 1\nquit", "SELECT 1\n.5"] {
            assert!(!ends(input), "{input}");
        }
    }

    #[test]
    fn files_are_completed_after_commands_that_take_one() {
        assert!(takes_a_file("\\i da") && takes_a_file(".read "));
        assert!(!takes_a_file("\\i") && !takes_a_file("SELECT 1"));
    }
}
