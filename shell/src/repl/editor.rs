//! The editor of lines, and its history.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fusebox::statement::may_have_password;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor, KeyCode, KeyEvent, Modifiers};

use super::helper::SqlHelper;
use super::keys::{EndKey, TabKey};
use super::typing::Typing;
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
pub(super) struct LineEditor {
    editor: Editor<SqlHelper, FileHistory>,
    end_key: EndKey,
}

impl LineEditor {
    /// Creates the editor of a prompt.
    pub(super) fn new(runner: &Runner) -> rustyline::Result<Self> {
        let config = Config::builder()
            .max_history_size(10_000)?
            .completion_type(CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config)?;
        let has_colours = env::var_os("NO_COLOR").is_none() && io::stdout().is_terminal();
        let session = Arc::clone(runner.session());
        let typing = Typing::default();
        editor.set_helper(Some(SqlHelper::new(session, has_colours, typing.clone())));
        let end_key = EndKey::default();
        editor.bind_sequence(KeyEvent::ctrl('D'), end_key.handler());
        let tab = KeyEvent(KeyCode::Tab, Modifiers::NONE);
        editor.bind_sequence(tab, TabKey(typing).handler());
        Ok(Self { editor, end_key })
    }

    /// Reads an input, which begins with the text `begun`.
    ///
    /// # Errors
    ///
    /// [`ReadlineError::Eof`] after Ctrl-D on an empty line, [`ReadlineError::Interrupted`] after
    /// Ctrl-C.
    pub(super) fn read(&mut self, prompt: &str, begun: &str) -> rustyline::Result<String> {
        let line = self.editor.readline_with_initial(prompt, (begun, ""));
        match line {
            Err(ReadlineError::Interrupted) if self.end_key.take() => Err(ReadlineError::Eof),
            line => line,
        }
    }

    /// Reads the history.
    pub(super) fn load_history(&mut self, file: &Path) {
        // The file does not exist before the first use.
        let _ = self.editor.load_history(file);
    }

    /// Adds an input to the history, unless it may have a password. It is written at once, so that
    /// nothing is lost and other shells have it.
    pub(super) fn add_history(&mut self, line: &str, file: Option<&Path>) {
        if may_have_password(line) {
            return;
        }
        // The history is a convenience: errors of it are ignored.
        let _ = self.editor.add_history_entry(line);
        if let Some(file) = file {
            let _ = self.editor.append_history(file);
        }
    }

    /// Returns columns and lines of the terminal.
    pub(super) fn dimensions(&mut self) -> Option<(u16, u16)> {
        self.editor.dimensions()
    }
}

/// Converts an error of the editor.
pub(super) fn system_error(error: ReadlineError) -> Failure {
    Failure::System(match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other),
    })
}
