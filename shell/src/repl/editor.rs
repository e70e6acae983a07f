//! The editor of lines, and its history.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::helper::SqlHelper;
use crate::failure::Failure;
use crate::runner::Runner;

/// Returns the path of the history, in the state folder of the XDG base directory
/// specification.
pub(super) fn history_file() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(".local/state")))?;
    let folder = state.join("fusebox");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}

/// Editor of lines of SQL.
pub(super) type SqlEditor = Editor<SqlHelper, FileHistory>;

/// Creates the editor of a prompt.
pub(super) fn editor(runner: &Runner) -> rustyline::Result<SqlEditor> {
    let config = Config::builder()
        .max_history_size(10_000)?
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    let has_colours = env::var_os("NO_COLOR").is_none() && io::stdout().is_terminal();
    let session = Arc::clone(runner.session());
    editor.set_helper(Some(SqlHelper::new(session, has_colours)));
    Ok(editor)
}

/// Converts an error of the editor.
pub(super) fn system_error(error: ReadlineError) -> Failure {
    Failure::System(match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other),
    })
}
