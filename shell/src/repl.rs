//! A conversation: prompt, history, Ctrl-C.
//!
//! Enter runs what is complete and breaks the line otherwise, so that one
//! statement of many lines is edited, and remembered, as one.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use fusebox::Session;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};

use crate::failure::Failure;
use crate::runner::{Runner, Summary, dialect};
use crate::text::is_complete;

const PROMPT: &str = "fusebox> ";

const HELP: &str = "\
A statement ends with `;` and may span lines.
Ctrl-C clears what you typed, or cancels the running query.

  \\?          this text
  \\q          leave; so do `quit`, `exit` and Ctrl-D

Functions:  CREATE FUNCTION, CREATE MODULE, IMPORT FUNCTIONS FROM MODULE,
            SHOW USER FUNCTIONS, SHOW MODULES, DESCRIBE MODULE
Files:      SELECT * FROM 'file.parquet'; or CREATE EXTERNAL TABLE
";

/// Asks for statements until the user leaves; an error does not end it.
///
/// # Errors
///
/// [`Failure::Machine`] if the terminal cannot be used.
pub(crate) fn run(runner: &mut Runner) -> Result<(), Failure> {
    let mut editor = editor(runner).map_err(as_machine)?;
    let history = history_file();
    if let Some(file) = &history {
        // The first conversation has none.
        let _ = editor.load_history(file);
    }
    say(&format!(
        "fusebox {}; \\? for help, \\q to leave\n",
        env!("CARGO_PKG_VERSION")
    ));
    let ended = converse(runner, &mut editor);
    if let Some(file) = &history {
        // A history that cannot be written is no reason to fail.
        let _ = editor.save_history(file);
    }
    ended
}

fn converse(runner: &mut Runner, editor: &mut Line) -> Result<(), Failure> {
    loop {
        let line = match editor.readline(PROMPT) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(as_machine(error)),
        };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        // A line too many in memory is better than a conversation ended.
        let _ = editor.add_history_entry(line);
        match Command::parse(line) {
            Some(Command::Leave) => return Ok(()),
            Some(Command::Help) => say(HELP),
            Some(Command::Unknown) => say("unknown command; \\? for help\n"),
            None => {
                runner.forget_interrupt();
                match runner.run(line, sum_up) {
                    Ok(()) => {}
                    Err(Failure::BrokenPipe) => return Err(Failure::BrokenPipe),
                    Err(failure) => failure.report(),
                }
            }
        }
    }
}

/// What is not SQL.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Leave,
    Help,
    Unknown,
}

impl Command {
    fn parse(line: &str) -> Option<Self> {
        match line
            .trim_end_matches(';')
            .trim_end()
            .to_lowercase()
            .as_str()
        {
            "\\q" | "quit" | "exit" => Some(Self::Leave),
            "\\?" | "\\h" | "help" => Some(Self::Help),
            other if other.starts_with('\\') => Some(Self::Unknown),
            _ => None,
        }
    }
}

fn sum_up(summary: Summary) {
    let seconds = summary.time.as_secs_f64();
    say(&match summary.rows {
        None => format!("done in {seconds:.3} s\n"),
        Some(1) => format!("1 row in {seconds:.3} s\n"),
        Some(rows) => format!("{rows} rows in {seconds:.3} s\n"),
    });
}

/// Speaks to the user, beside the results.
fn say(text: &str) {
    // Where standard error is closed, there is nobody left to tell.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn as_machine(error: ReadlineError) -> Failure {
    Failure::Machine(match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other),
    })
}

/// The folder for what programs remember, as the XDG base directories have it.
fn history_file() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(".local/state")))?;
    let folder = state.join("fusebox");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

type Line = Editor<SqlHelper, FileHistory>;

fn editor(runner: &Runner) -> rustyline::Result<Line> {
    let config = Config::builder().max_history_size(10_000)?.build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(SqlHelper {
        session: Arc::clone(runner.session()),
    }));
    Ok(editor)
}

/// Decides what Enter does.
struct SqlHelper {
    session: Arc<Session>,
}

impl Validator for SqlHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let complete = Command::parse(input.trim()).is_some()
            || is_complete(input, dialect(&self.session).as_ref());
        Ok(match complete {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for SqlHelper {
    type Candidate = String;
}

impl Hinter for SqlHelper {
    type Hint = String;
}

impl Highlighter for SqlHelper {}

impl Helper for SqlHelper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaving_and_help_need_no_semicolon() {
        for line in ["\\q", "quit", "EXIT", "quit;"] {
            assert_eq!(Command::parse(line), Some(Command::Leave), "{line}");
        }
        assert_eq!(Command::parse("\\?"), Some(Command::Help));
        assert_eq!(Command::parse("\\dt"), Some(Command::Unknown));
        assert_eq!(Command::parse("SELECT quit"), None);
    }
}
