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

// Messages beside the results.
mod messages;

// Commands of the system, and the editor.
mod programs;

use std::path::Path;
use std::time::Duration;

use rustyline::error::ReadlineError;

use crate::arguments::ScriptSource;
use crate::command::{Command, Switch, formats};
use crate::dump::dump;
use crate::failure::Failure;
use crate::runner::{Runner, Script};
use crate::session::dialect;
use crate::text::{is_complete, split_statements};
use editor::{SqlEditor, editor, history_file, system_error};
use help::HELP;
use messages::{CONFINED, FORGOTTEN, creates_table, print_message, print_summary};
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
        has_timing: true,
        variables: Variables::default(),
        forgets_tables: catalog.is_some(),
        last: None,
        last_error: None,
    };
    if let Some(rc) = rc {
        prompt.include(rc, 1)?;
    }
    prompt.read(&mut editor, history.as_deref())
}

/// State of the prompt.
struct Prompt<'a> {
    runner: &'a mut Runner,
    has_timing: bool,
    variables: Variables,
    /// True until it was said that the catalog does not keep the rows of tables.
    forgets_tables: bool,
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
            let is_open = !sql.trim().is_empty() && !is_complete(&sql, dialect.as_ref());
            let command = Command::parse(line);
            match command {
                // Within a statement only what cannot be a part of it.
                Some(command) if !is_open || line.trim_start().starts_with('\\') => {
                    self.statements(&std::mem::take(&mut sql))?;
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
                    let statement = self
                        .variables
                        .interpolate(statement.trim(), dialect.as_ref());
                    self.last = Some(statement);
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

    /// Executes statements, and reports an error.
    fn statements(&mut self, sql: &str) -> Result<(), Failure> {
        let sql = sql.trim();
        if sql.is_empty() {
            return Ok(());
        }
        let dialect = dialect(self.runner.session());
        let sql = self.variables.interpolate(sql, dialect.as_ref());
        let is_done = self.execute(&sql)?;
        let creates_table = || {
            let statements = split_statements(&sql, dialect.as_ref());
            statements.into_iter().any(creates_table)
        };
        if is_done && self.forgets_tables && creates_table() {
            self.forgets_tables = false;
            print_message(FORGOTTEN);
        }
        self.last = Some(sql);
        Ok(())
    }

    /// Executes statements; false if one failed, which is reported.
    fn execute(&mut self, sql: &str) -> Result<bool, Failure> {
        self.runner.clear_interrupt();
        let has_timing = self.has_timing;
        match self
            .runner
            .run(sql, |summary| print_summary(&summary, has_timing))
        {
            Ok(()) => Ok(true),
            Err(Failure::BrokenPipe) => Err(Failure::BrokenPipe),
            Err(failure) => {
                failure.report();
                self.last_error = Some(failure.verbose());
                Ok(false)
            }
        }
    }

    fn command(&mut self, command: Command, depth: usize) -> Result<Flow, Failure> {
        match command {
            Command::Quit => return Ok(Flow::Quit),
            Command::Help => print_message(HELP),
            Command::Sql(sql) => drop(self.execute(&sql)?),
            Command::Instead(text) => print_message(&format!("{text}\n")),
            Command::Echo(text) => self.print(&[text])?,
            Command::Dump => match dump(self.runner.session()) {
                Ok(statements) => self.print(&statements)?,
                Err(failure) => failure.report(),
            },
            Command::Again { file, is_expanded } => self.again(file.as_deref(), is_expanded)?,
            Command::Watch(pause) => self.watch(pause)?,
            Command::Output(file) => {
                if let Err(failure) = self.runner.set_output(file.as_deref()) {
                    failure.report();
                }
            }
            Command::Include(file) if depth < INCLUDES_MAX => {
                return self.include(&file, depth + 1);
            }
            Command::Edit(file) if depth < INCLUDES_MAX => {
                return self.edit(file.as_deref(), depth + 1);
            }
            Command::Include(_) | Command::Edit(_) => {
                print_message("expected fewer files that read others\n");
            }
            Command::System(_) if self.runner.is_confined() => print_message(CONFINED),
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
                Err(Failure::BrokenPipe) => return Err(Failure::BrokenPipe),
                Err(failure) => {
                    failure.report();
                    break;
                }
            }
        }
        Ok(())
    }

    /// Changes a setting of the display, and prints it.
    fn set(&mut self, setting: Command) {
        let is_confined = self.runner.is_confined();
        let display = &mut self.runner.display;
        let state = match setting {
            Command::Timing(switch) => {
                self.has_timing = switch.apply(self.has_timing);
                let state = if self.has_timing { "on" } else { "off" };
                format!("times are {state}")
            }
            Command::Expanded(switch) => {
                display.set_expanded(switch);
                format!("expanded display is {}", display.expanded_state())
            }
            Command::Format(Some(format)) => {
                display.format = format;
                return;
            }
            Command::Format(None) => format!("formats: {}", formats()),
            Command::Null(text) => {
                display.null = text;
                return;
            }
            Command::Pager(Switch::On | Switch::Toggle) if is_confined => {
                CONFINED.trim_end().to_owned()
            }
            Command::Pager(switch) => {
                display.set_pager(switch);
                format!("pager is {}", display.pager_state())
            }
            _ => display.to_string(),
        };
        print_message(&format!("{state}\n"));
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
                Err(failure) => {
                    failure.report();
                    Ok(false)
                }
            },
            None => self.execute(&sql),
        };
        self.runner.display.expanded = expanded;
        executed.map(drop)
    }

    /// Edits a file, or the last statement, and executes what was saved.
    fn edit(&mut self, file: Option<&Path>, depth: usize) -> Result<Flow, Failure> {
        if self.runner.is_confined() {
            print_message(CONFINED);
            return Ok(Flow::Continue);
        }
        let last = self.last.clone().unwrap_or_default();
        match programs::edit(file, &last) {
            Ok(Some(text)) => return self.input(&text, depth),
            Ok(None) => print_message("nothing was changed\n"),
            Err(failure) => failure.report(),
        }
        Ok(Flow::Continue)
    }

    /// Executes a file, which others read `depth` deep; an error of reading it is reported.
    fn include(&mut self, file: &Path, depth: usize) -> Result<Flow, Failure> {
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
            Err(failure) => {
                failure.report();
                Ok(Flow::Continue)
            }
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

/// Effect of a line of input on the prompt.
enum Flow {
    Continue,
    Quit,
}
