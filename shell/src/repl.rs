//! Interactive mode: prompt, history, Ctrl-C.
//!
//! Enter executes complete input and otherwise inserts a line break, so that a
//! statement of several lines is edited, and stored in the history, as one entry.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
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
A statement ends with `;` and can span several lines.
Ctrl-C clears the input, or cancels the running query.

  \\?          show this help (also `\\h`, `help`)
  \\q          quit (also `quit`, `exit`, Ctrl-D)

Functions:  CREATE FUNCTION, CREATE MODULE, IMPORT FUNCTIONS FROM MODULE,
            SHOW USER FUNCTIONS, SHOW MODULES, DESCRIBE MODULE
Files:      SELECT * FROM 'file.parquet'; or CREATE EXTERNAL TABLE
";

/// Reads and executes statements until the user quits. Errors of statements are
/// printed.
///
/// # Errors
///
/// [`Failure::System`] if the terminal cannot be used.
pub(crate) fn run(runner: &mut Runner, catalog: Option<&Path>) -> Result<(), Failure> {
    let mut editor = editor(runner).map_err(system_error)?;
    let history = history_file();
    if let Some(file) = &history {
        // The file does not exist before the first use.
        let _ = editor.load_history(file);
    }
    let kept = match catalog {
        Some(file) => format!("definitions are kept in {}", file.display()),
        None => "definitions are forgotten at the exit".to_owned(),
    };
    let version = env!("CARGO_PKG_VERSION");
    print_message(&format!(
        "fusebox {version}; {kept}; \\? for help, \\q to quit\n"
    ));
    let result = read_statements(runner, &mut editor);
    if let Some(file) = &history {
        // The history is a convenience: an error of writing it is ignored.
        let _ = editor.save_history(file);
    }
    result
}

fn read_statements(runner: &mut Runner, editor: &mut SqlEditor) -> Result<(), Failure> {
    loop {
        let line = match editor.readline(PROMPT) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(system_error(error)),
        };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        // The history is a convenience: an error of adding to it is ignored.
        let _ = editor.add_history_entry(line);
        match Command::parse(line) {
            Some(Command::Quit) => return Ok(()),
            Some(Command::Help) => print_message(HELP),
            Some(Command::Unknown) => print_message("unknown command; \\? for help\n"),
            None => {
                runner.clear_interrupt();
                match runner.run(line, print_summary) {
                    Ok(()) => {}
                    Err(Failure::BrokenPipe) => return Err(Failure::BrokenPipe),
                    Err(failure) => failure.report(),
                }
            }
        }
    }
}

/// A command of the shell, as opposed to SQL.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Quit,
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
            "\\q" | "quit" | "exit" => Some(Self::Quit),
            "\\?" | "\\h" | "help" => Some(Self::Help),
            other if other.starts_with('\\') => Some(Self::Unknown),
            _ => None,
        }
    }
}

fn print_summary(summary: Summary) {
    let seconds = summary.time.as_secs_f64();
    print_message(&match summary.rows {
        None => format!("done in {seconds:.3} s\n"),
        Some(1) => format!("1 row in {seconds:.3} s\n"),
        Some(rows) => format!("{rows} rows in {seconds:.3} s\n"),
    });
}

/// Prints a message on standard error, apart from results.
fn print_message(text: &str) {
    // An error of writing to standard error cannot be reported.
    let _ = io::stderr().write_all(text.as_bytes());
}

fn system_error(error: ReadlineError) -> Failure {
    Failure::System(match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other),
    })
}

/// Returns the path of the history, in the state folder of the XDG base directory
/// specification.
fn history_file() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(".local/state")))?;
    let folder = state.join("fusebox");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

type SqlEditor = Editor<SqlHelper, FileHistory>;

fn editor(runner: &Runner) -> rustyline::Result<SqlEditor> {
    let config = Config::builder().max_history_size(10_000)?.build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(SqlHelper {
        session: Arc::clone(runner.session()),
    }));
    Ok(editor)
}

/// Tells the editor if the input is complete.
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
    fn commands_need_no_semicolon() {
        for line in ["\\q", "quit", "EXIT", "quit;"] {
            assert_eq!(Command::parse(line), Some(Command::Quit), "{line}");
        }
        assert_eq!(Command::parse("\\?"), Some(Command::Help));
        assert_eq!(Command::parse("\\dt"), Some(Command::Unknown));
        assert_eq!(Command::parse("SELECT quit"), None);
    }
}
