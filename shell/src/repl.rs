//! Interactive mode: prompt, commands, history, Ctrl-C.
//!
//! Enter executes complete input and otherwise inserts a line break, so that a
//! statement of several lines is edited, and stored in the history, as one entry.

// Input: commands, and statements between them.
mod input;

// The last statement again, and files of statements.
mod again;

// Copies to standard output, and from standard input.
mod copy;

// Settings of the display.
mod settings;

// Commands that are refused.
mod refusal;

// Keys of tables.
mod declared_keys;

// Help.
mod help;

// Messages beside the results.
mod messages;

// Commands of the system, and the editor.
mod programs;

// Variables.
mod variables;

// The editor of lines, and its history.
mod editor;

// Keys with a meaning of their own.
mod keys;

// Completion, highlighting, and the end of statements.
mod helper;

// Names that complete a word.
mod completion;

// Columns of the tables that a statement names.
mod table_columns;

// Signatures of functions.
mod signatures;

// Word before the cursor.
mod word;

// Colours.
mod highlight;

// Time between keys.
mod typing;

// Input that is typed while a statement runs.
#[cfg(unix)]
mod type_ahead;

use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use rustyline::error::ReadlineError;

use crate::command::{Command, NAMES};
use crate::dump::{dump, schema};
use crate::failure::Failure;
use crate::listing::Listing;
use crate::runner::Runner;
use editor::{LineEditor, history_file, system_error};
use help::HELP;
use messages::{CONFINED, print_message};
use variables::Variables;

const PROMPT: &str = "fusebox> ";

/// State that the sources of statements share: variables, times, and the last statement.
#[derive(Default)]
pub(crate) struct State {
    variables: Variables,
    /// Printing of times; unless set, the prompt does and a script does not.
    has_timing: Option<bool>,
    /// Last statement.
    last: Option<String>,
    /// Last error with its causes.
    last_error: Option<String>,
}

impl State {
    /// Sets a variable.
    pub(crate) fn set_variable(&mut self, name: String, value: String) {
        self.variables.set(name, Some(value));
    }
}

/// Reads and executes statements until the user quits. Errors of statements are
/// printed. `rc` is executed first. `kept` says what becomes of definitions.
///
/// # Errors
///
/// [`Failure::System`] if the terminal cannot be used.
pub(crate) fn run(
    runner: &mut Runner,
    state: &mut State,
    kept: &str,
    rc: Option<&Path>,
) -> Result<(), Failure> {
    #[cfg(unix)]
    type_ahead::restore_at_signals().map_err(Failure::System)?;
    let mut editor = LineEditor::new(runner).map_err(system_error)?;
    let history = history_file();
    if let Some(file) = &history {
        editor.load_history(file);
    }
    let version = env!("CARGO_PKG_VERSION");
    print_message(&format!(
        "fusebox {version}; {kept}; \\? for help, \\q to quit\n"
    ));
    let mut prompt = Prompt::new(runner, state, false);
    if let Some(rc) = rc {
        prompt.include(rc, 1)?;
    }
    prompt.read(&mut editor, history.as_deref())
}

/// Executes a script until a statement fails. Lines may be commands, as at the prompt.
///
/// # Errors
///
/// That of the statement or the command.
pub(crate) fn run_script(
    runner: &mut Runner,
    state: &mut State,
    text: &str,
) -> Result<(), Failure> {
    let is_command = |line: &str| line.starts_with(['\\', '.']) && Command::parse(line).is_some();
    let has_commands = text.contains("\\g") || text.lines().map(str::trim).any(is_command);
    let mut prompt = Prompt::new(runner, state, true);
    if has_commands {
        return prompt.input(text, 0).map(drop);
    }
    prompt.statements(text)
}

/// State of the prompt, or of a script.
struct Prompt<'a> {
    runner: &'a mut Runner,
    state: &'a mut State,
    /// True if an error ends the script, rather than being printed.
    is_script: bool,
    /// True if Ctrl-C ended a statement: then the rest of the input is left out.
    is_cancelled: bool,
    /// True if a part of the input was left out.
    is_left_out: bool,
    /// Statement that goes on at the next prompt.
    open: String,
}

impl<'a> Prompt<'a> {
    fn new(runner: &'a mut Runner, state: &'a mut State, is_script: bool) -> Self {
        Self {
            runner,
            state,
            is_script,
            is_cancelled: false,
            is_left_out: false,
            open: String::new(),
        }
    }

    /// Returns true if times are printed.
    fn has_timing(&self) -> bool {
        self.state.has_timing.unwrap_or(!self.is_script)
    }

    fn read(&mut self, editor: &mut LineEditor, history: Option<&Path>) -> Result<(), Failure> {
        loop {
            let open = std::mem::take(&mut self.open);
            let line = match editor.read(PROMPT, &open) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(system_error(error)),
            };
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            editor.add_history(line, history);
            // The window may have another size now.
            if let Some((width, height)) = editor.dimensions() {
                self.runner.display.resize(width, height);
            }
            (self.is_cancelled, self.is_left_out) = (false, false);
            if let Flow::Quit = self.input(line, 0)? {
                return Ok(());
            }
            if self.is_left_out {
                print_message("the rest of the input was left out\n");
            }
        }
    }

    /// Reports an error, unless it ends the input.
    fn report(&self, failure: Failure) -> Result<(), Failure> {
        let failure = failure.at(self.place());
        if self.is_script || matches!(failure, Failure::BrokenPipe) {
            return Err(failure);
        }
        failure.report();
        Ok(())
    }

    fn command(&mut self, command: Command, depth: usize) -> Result<Flow, Failure> {
        match command {
            Command::Quit => return Ok(Flow::Quit),
            Command::Help => print_message(HELP),
            Command::Sql(sql) => drop(self.execute(&sql)?),
            Command::List(listing, sql) => self.list_with_keys(listing, &sql)?,
            Command::Instead(text) => self.refuse(&format!("{text}\n"))?,
            Command::Echo(text) => self.print(&[text])?,
            Command::Dump => match dump(self.runner) {
                Ok(statements) => self.print(&statements)?,
                Err(failure) => self.report(failure)?,
            },
            Command::Describe(name) => self.describe(&name)?,
            Command::Schema(name) => self.schema(name.as_deref())?,
            Command::Source(name) => self.source(&name)?,
            Command::Again { file, is_expanded } => self.again(file.as_deref(), is_expanded)?,
            Command::Watch(pause) => self.watch(pause)?,
            Command::Capture(prefix) => self.capture(&prefix)?,
            Command::CopyOut {
                query,
                format,
                has_header,
            } => self.copy_out(&query, format, has_header)?,
            Command::CopyIn {
                table,
                format,
                options,
            } => self.copy_in(&table, &format, &options)?,
            Command::Output(file) => {
                if let Err(failure) = self.runner.set_output(file.as_deref()) {
                    self.report(failure)?;
                }
            }
            Command::Include(file) if depth < INCLUDES_MAX => {
                return self.include(&file, depth + 1);
            }
            Command::IncludeRelative(file) if depth < INCLUDES_MAX => {
                return self.include(&self.beside_script(&file), depth + 1);
            }
            Command::Edit(file) if depth < INCLUDES_MAX => {
                return self.edit(file.as_deref(), depth + 1);
            }
            Command::Include(_) | Command::IncludeRelative(_) | Command::Edit(_) => {
                self.refuse("expected fewer files that read others\n")?;
            }
            Command::System(_) | Command::Folder(_) if self.runner.is_confined() => {
                self.refuse(CONFINED)?;
            }
            Command::Folder(folder) => {
                if let Some(text) = programs::enter(folder) {
                    self.refuse(&format!("{text}\n"))?;
                }
            }
            Command::System(command) => {
                if let Some(text) = programs::run(&command) {
                    print_message(&format!("{text}\n"));
                }
            }
            Command::Variable { name, value } => self.state.variables.set(name, value),
            Command::Variables => self.print(&self.state.variables.lines())?,
            Command::LastError => match &self.state.last_error {
                Some(error) => print_message(&format!("{error}\n")),
                None => print_message("there was no error\n"),
            },
            setting => self.set(setting),
        }
        Ok(Flow::Continue)
    }

    /// Executes a statement that lists the catalog, and prints the keys of a table.
    fn list_with_keys(&mut self, listing: Listing, sql: &str) -> Result<(), Failure> {
        let is_listed = self.list(listing, sql)?;
        match sql.strip_prefix("DESCRIBE ").filter(|_| is_listed) {
            Some(table) => self.print_keys(table),
            None => Ok(()),
        }
    }

    /// Executes a statement that lists the catalog; false if it failed, which is reported.
    fn list(&mut self, listing: Listing, sql: &str) -> Result<bool, Failure> {
        self.runner.listing = Some(listing);
        let executed = self.execute(sql);
        self.runner.listing = None;
        executed
    }

    /// Prints the columns of a relation, and the statement that creates it.
    fn describe(&mut self, name: &str) -> Result<(), Failure> {
        match self.list(Listing::Columns, &format!("DESCRIBE {name}"))? {
            true => self.schema(Some(name)),
            false => Ok(()),
        }
    }

    /// Prints the statements that create relations, or one of them.
    fn schema(&mut self, name: Option<&str>) -> Result<(), Failure> {
        match (schema(self.runner, name), name) {
            // An unknown name has the error of SQL, and tables of the system have no statement.
            (Ok(statements), Some(name)) if statements.is_empty() => {
                self.execute(&format!("SHOW CREATE TABLE {name}")).map(drop)
            }
            (Ok(statements), _) => self.print(&statements),
            (Err(failure), _) => self.report(failure),
        }
    }

    /// Prints the statement that creates a function.
    fn source(&mut self, name: &str) -> Result<(), Failure> {
        let sql = format!("SHOW CREATE FUNCTION {name}");
        let session = Arc::clone(self.runner.session());
        let shown = sql.clone();
        let statement = self.runner.wait(async move {
            let rows = session.sql(&shown).await.ok()?.collect().await.ok()?;
            let statement = rows.first()?.column_by_name("statement")?;
            let statement = statement.as_string_opt::<i32>()?.iter().next()??;
            Some(format!("{statement};"))
        });
        match statement {
            Ok(Some(statement)) => self.print(&[statement]),
            // An unknown name has the error of SQL.
            Ok(None) => self.execute(&sql).map(drop),
            Err(failure) => self.report(failure),
        }
    }

    /// Prints lines among the results, until Ctrl-C is pressed.
    fn print(&mut self, lines: &[String]) -> Result<(), Failure> {
        self.runner.clear_interrupt();
        for line in lines {
            match self.runner.echo(line) {
                Ok(()) => {}
                Err(failure) => return self.report(failure),
            }
        }
        Ok(())
    }
}

/// Depth of files that read others.
const INCLUDES_MAX: usize = 16;

/// Returns true if a line ends the statement above it, of which it cannot be a part: a command by
/// its name, as columns are named `.name` too.
fn ends_statement(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    word.starts_with('\\') || word.starts_with('.') && NAMES.contains(&word.trim_end_matches(';'))
}

/// Effect of a line of input on the prompt.
enum Flow {
    Continue,
    Quit,
}
