//! Interactive mode: prompt, commands, history, Ctrl-C.
//!
//! Enter executes complete input and otherwise inserts a line break, so that a
//! statement of several lines is edited, and stored in the history, as one entry.

// Completion, highlighting, and the end of statements.
mod helper;

// Help.
mod help;

// Variables.
mod variables;

// The editor of lines, and its history.
mod editor;

// Commands that are refused.
mod refusal;

// Settings of the display.
mod settings;

// Messages beside the results.
mod messages;

// Commands of the system, and the editor.
mod programs;

use std::path::Path;
use std::time::Duration;

use datafusion::sql::sqlparser::dialect::Dialect;
use rustyline::error::ReadlineError;

use crate::arguments::ScriptSource;
use crate::command::{Command, Switch};
use crate::dump::dump;
use crate::failure::Failure;
use crate::open::{Open, OpenKind};
use crate::runner::{Runner, Script};
use crate::session::dialect;
use crate::text::is_complete;
use editor::{SqlEditor, editor, history_file, system_error};
use help::HELP;
use messages::{CONFINED, print_message, print_summary};
use variables::Variables;

const PROMPT: &str = "fusebox> ";

/// Reads and executes statements until the user quits. Errors of statements are
/// printed. `rc` is executed first.
///
/// # Errors
///
/// [`Failure::System`] if the terminal cannot be used.
pub(crate) fn run(
    runner: &mut Runner,
    catalog: Option<&Path>,
    rc: Option<&Path>,
) -> Result<(), Failure> {
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
    let mut prompt = Prompt {
        runner,
        is_script: false,
        has_timing: true,
        variables: Variables::default(),
        last: None,
        last_error: None,
    };
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
pub(crate) fn run_script(runner: &mut Runner, text: &str) -> Result<(), Failure> {
    let is_command = |line: &str| line.starts_with(['\\', '.']) && Command::parse(line).is_some();
    let has_commands = text.contains("\\g") || text.lines().map(str::trim).any(is_command);
    if !has_commands {
        return runner.run(text, |_| ());
    }
    let mut prompt = Prompt {
        runner,
        is_script: true,
        has_timing: false,
        variables: Variables::default(),
        last: None,
        last_error: None,
    };
    prompt.input(text, 0).map(drop)
}

/// State of the prompt, or of a script.
struct Prompt<'a> {
    runner: &'a mut Runner,
    /// True if an error ends the script, rather than being printed.
    is_script: bool,
    has_timing: bool,
    variables: Variables,
    /// Last statement.
    last: Option<String>,
    /// Last error with its causes.
    last_error: Option<String>,
}

/// Depth of files that read others.
const INCLUDES_MAX: usize = 16;

impl Prompt<'_> {
    fn read(&mut self, editor: &mut SqlEditor, history: Option<&Path>) -> Result<(), Failure> {
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
            // The history is a convenience: errors of it are ignored. It is written at once, so
            // that nothing is lost and other shells have it.
            let _ = editor.add_history_entry(line);
            if let Some(file) = history {
                let _ = editor.append_history(file);
            }
            // The window may have another size now.
            if let Some((width, height)) = editor.dimensions() {
                self.runner.display.resize(width, height);
            }
            if let Flow::Quit = self.input(line, 0)? {
                return Ok(());
            }
        }
    }

    /// Executes input of the prompt or of a file: commands have lines of their own.
    fn input(&mut self, text: &str, depth: usize) -> Result<Flow, Failure> {
        let mut sql = String::new();
        for (number, line) in text.lines().enumerate() {
            if let Some(script) = &mut self.runner.script
                && sql.is_empty()
            {
                script.lines = number;
            }
            let dialect = dialect(self.runner.session());
            match Command::parse(line) {
                Some(command) if self.is_command(line, &sql, dialect.as_ref()) => {
                    let text = std::mem::take(&mut sql);
                    match command.runs_statement() && is_open(&text, dialect.as_ref()) {
                        true => self.remember(&text, dialect.as_ref()),
                        false => self.statements(&text)?,
                    }
                    if let Some(script) = &mut self.runner.script {
                        script.lines = number;
                    }
                    if let Flow::Quit = self.command(command, depth)? {
                        return Ok(Flow::Quit);
                    }
                }
                // A statement begins at its first line, which errors count from.
                _ if sql.is_empty() && line.trim().is_empty() => {}
                _ => {
                    sql += line;
                    sql.push('\n');
                    let Some((statement, command)) = Command::trailing(&sql, dialect.as_ref())
                    else {
                        continue;
                    };
                    self.remember(statement, dialect.as_ref());
                    sql.clear();
                    if let Flow::Quit = self.command(command, depth)? {
                        return Ok(Flow::Quit);
                    }
                }
            }
        }
        self.statements(&sql)?;
        Ok(Flow::Continue)
    }

    /// Returns true if a line is a command, after the text of a statement: only what cannot be a
    /// part of that. A line in a string is one at the prompt alone, where it has to be left.
    fn is_command(&self, line: &str, sql: &str, dialect: &dyn Dialect) -> bool {
        let is_quoted = || {
            let open = Open::at_end(sql, dialect).map(|open| open.kind);
            let is_text = matches!(
                open,
                Some(OpenKind::String | OpenKind::Name | OpenKind::Comment)
            );
            self.is_script && is_text
        };
        !is_open(sql, dialect) || line.trim_start().starts_with('\\') && !is_quoted()
    }

    /// Keeps a statement for a command that executes it.
    fn remember(&mut self, statement: &str, dialect: &dyn Dialect) {
        self.last = Some(self.variables.interpolate(statement.trim(), dialect));
    }

    /// Executes statements, and reports an error.
    fn statements(&mut self, sql: &str) -> Result<(), Failure> {
        let sql = sql.trim();
        if sql.is_empty() {
            return Ok(());
        }
        let dialect = dialect(self.runner.session());
        let sql = self.variables.interpolate(sql, dialect.as_ref());
        self.execute(&sql)?;
        self.last = Some(sql);
        Ok(())
    }

    /// Executes statements; false if one failed, which is reported.
    fn execute(&mut self, sql: &str) -> Result<bool, Failure> {
        self.runner.clear_interrupt();
        let (is_script, has_timing) = (self.is_script, self.has_timing);
        let executed = self.runner.run(sql, |summary| {
            if !is_script || has_timing {
                print_summary(&summary, has_timing);
            }
        });
        match executed {
            Ok(()) => Ok(true),
            Err(failure) => {
                self.last_error = Some(failure.verbose());
                self.report(failure)?;
                Ok(false)
            }
        }
    }

    /// Reports an error, unless it ends the input.
    fn report(&self, failure: Failure) -> Result<(), Failure> {
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
            Command::Instead(text) => self.refuse(&format!("{text}\n"))?,
            Command::Echo(text) => self.print(&[text])?,
            Command::Dump => match dump(self.runner.session()) {
                Ok(statements) => self.print(&statements)?,
                Err(failure) => self.report(failure)?,
            },
            Command::Again { file, is_expanded } => self.again(file.as_deref(), is_expanded)?,
            Command::Watch(pause) => self.watch(pause)?,
            Command::Output(file) => {
                if let Err(failure) = self.runner.set_output(file.as_deref()) {
                    self.report(failure)?;
                }
            }
            Command::Include(file) if depth < INCLUDES_MAX => {
                return self.include(&file, depth + 1);
            }
            Command::Edit(file) if depth < INCLUDES_MAX => {
                return self.edit(file.as_deref(), depth + 1);
            }
            Command::Include(_) | Command::Edit(_) => {
                self.refuse("expected fewer files that read others\n")?;
            }
            Command::System(_) if self.runner.is_confined() => self.refuse(CONFINED)?,
            Command::System(command) => {
                if let Some(text) = programs::run(&command) {
                    print_message(&format!("{text}\n"));
                }
            }
            Command::Variable { name, value } => self.variables.set(name, value),
            Command::Variables => self.print(&self.variables.lines())?,
            Command::LastError => match &self.last_error {
                Some(error) => print_message(&format!("{error}\n")),
                None => print_message("there was no error\n"),
            },
            setting => self.set(setting),
        }
        Ok(Flow::Continue)
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

    /// Executes the last statement again, with its result to a file or expanded.
    fn again(&mut self, file: Option<&Path>, is_expanded: bool) -> Result<(), Failure> {
        let Some(sql) = self.last.clone() else {
            print_message("there is no statement yet\n");
            return Ok(());
        };
        let expanded = self.runner.display.expanded;
        if is_expanded {
            self.runner.display.set_expanded(Switch::On);
        }
        let executed = match file {
            Some(_) => match self.runner.swap_output(file) {
                Ok(before) => {
                    let executed = self.execute(&sql);
                    self.runner.restore_output(before);
                    executed
                }
                Err(failure) => self.report(failure).map(|()| false),
            },
            None => self.execute(&sql),
        };
        self.runner.display.expanded = expanded;
        executed.map(drop)
    }

    /// Edits a file, or the last statement, and executes what was saved.
    fn edit(&mut self, file: Option<&Path>, depth: usize) -> Result<Flow, Failure> {
        if self.runner.is_confined() {
            return self.refuse(CONFINED).map(|()| Flow::Continue);
        }
        let last = self.last.clone().unwrap_or_default();
        match programs::edit(file, &last) {
            Ok(Some(text)) => return self.input(&text, depth),
            Ok(None) => print_message("nothing was changed\n"),
            Err(failure) => self.report(failure)?,
        }
        Ok(Flow::Continue)
    }

    /// Executes a file, which others read `depth` deep; an error of reading it is reported.
    fn include(&mut self, file: &Path, depth: usize) -> Result<Flow, Failure> {
        if self.runner.is_confined() {
            return self.refuse(CONFINED).map(|()| Flow::Continue);
        }
        let source = ScriptSource::File(file.to_owned());
        let name = source.name();
        match source.read() {
            Ok(text) => {
                let script = name.map(|name| Script { name, lines: 0 });
                let before = std::mem::replace(&mut self.runner.script, script);
                let flow = self.input(&text, depth);
                self.runner.script = before;
                flow
            }
            Err(failure) => self.report(failure).map(|()| Flow::Continue),
        }
    }

    /// Executes the last statement every `pause`, until it fails or Ctrl-C is pressed.
    fn watch(&mut self, pause: Duration) -> Result<(), Failure> {
        let Some(sql) = self.last.clone() else {
            print_message("there is no statement yet\n");
            return Ok(());
        };
        while self.execute(&sql)? && self.runner.pause(pause) {}
        Ok(())
    }
}

/// Returns true if a text ends within a statement.
fn is_open(sql: &str, dialect: &dyn Dialect) -> bool {
    !sql.trim().is_empty() && !is_complete(sql, dialect)
}

/// Effect of a line of input on the prompt.
enum Flow {
    Continue,
    Quit,
}
