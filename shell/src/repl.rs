//! Interactive mode: prompt, commands, history, Ctrl-C.
//!
//! Enter executes complete input and otherwise inserts a line break, so that a
//! statement of several lines is edited, and stored in the history, as one entry.

// Completion, highlighting, and the end of statements.
mod helper;

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::time::Duration;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use crate::arguments::ScriptSource;
use crate::command::{Command, Switch, formats};
use crate::dump::dump;
use crate::failure::Failure;
use crate::runner::{Runner, Summary, dialect};
use crate::text::is_complete;
use helper::SqlHelper;

const PROMPT: &str = "fusebox> ";

const HELP: &str = "\
A statement ends with `;` and can span several lines. Ctrl-C clears the input, or cancels the
running statement; Ctrl-R searches the history; Tab completes names and files.

  \\d [NAME]           relations, or the columns of one; \\dt tables, \\dv views
  \\df [PATTERN]       Wasm functions; \\df+ those of DataFusion too; \\dm modules
  \\l                  catalogs
  \\x [on|off|auto]    one line for each value; auto: where a table is too wide
  \\pset format NAME   output format, also `.mode NAME`
  \\timing [on|off]    times of statements
  \\o [FILE]           writes results to a file, or to the terminal again
  \\i FILE             executes the statements of a file, also `.read FILE`
  \\g, \\watch [S]      executes the last statement again, or every S seconds
  .dump               prints statements that make the same catalog
  \\errverbose         prints the last error with its causes
  \\! COMMAND          runs a command of the system
  \\?, \\q              this help; quit, also `quit`, `exit`, Ctrl-D

Functions:  CREATE FUNCTION, CREATE MODULE, IMPORT FUNCTIONS FROM MODULE,
            SHOW USER FUNCTIONS, SHOW MODULES, DESCRIBE MODULE
Files:      SELECT * FROM 'file.parquet'; or CREATE EXTERNAL TABLE
";

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
            if let Some((width, _)) = editor.dimensions() {
                self.runner.set_width(width.into());
            }
            if let Flow::Quit = self.input(line, 0)? {
                return Ok(());
            }
        }
    }

    /// Executes input of the prompt or of a file: commands have lines of their own.
    fn input(&mut self, text: &str, depth: usize) -> Result<Flow, Failure> {
        let mut sql = String::new();
        for line in text.lines() {
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
                _ => {
                    sql += line;
                    sql.push('\n');
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
        self.last = Some(sql.to_owned());
        self.execute(sql).map(drop)
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
            Command::Dump => match dump(self.runner.session()) {
                Ok(statements) => {
                    for statement in statements {
                        self.runner.echo(&statement)?;
                    }
                }
                Err(failure) => failure.report(),
            },
            Command::Again => match self.last.clone() {
                Some(sql) => drop(self.execute(&sql)?),
                None => print_message("there is no statement yet\n"),
            },
            Command::Watch(pause) => self.watch(pause)?,
            Command::Timing(switch) => {
                self.has_timing = switched(self.has_timing, switch);
                let state = if self.has_timing { "on" } else { "off" };
                print_message(&format!("times are {state}\n"));
            }
            Command::Expanded(switch) => {
                let state = self.runner.set_expanded(switch);
                print_message(&format!("expanded display is {state}\n"));
            }
            Command::Format(Some(format)) => self.runner.set_format(format),
            Command::Format(None) => print_message(&format!("formats: {}\n", formats())),
            Command::Output(file) => {
                if let Err(failure) = self.runner.set_output(file.as_deref()) {
                    failure.report();
                }
            }
            Command::Include(file) if depth < INCLUDES_MAX => {
                return self.include(&file, depth + 1);
            }
            Command::Include(_) => print_message("expected fewer files that read others\n"),
            Command::System(command) => self.system(&command),
            Command::LastError => match &self.last_error {
                Some(error) => print_message(&format!("{error}\n")),
                None => print_message("there was no error\n"),
            },
        }
        Ok(Flow::Continue)
    }

    /// Executes a file, which others read `depth` deep; an error of reading it is reported.
    fn include(&mut self, file: &Path, depth: usize) -> Result<Flow, Failure> {
        match ScriptSource::File(file.to_owned()).read() {
            Ok(text) => self.input(&text, depth),
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

    /// Runs a command of the system, which a confined shell refuses.
    fn system(&self, command: &str) {
        if self.runner.is_confined() {
            print_message("commands of the system are refused with --root\n");
            return;
        }
        let run = process::Command::new("sh").args(["-c", command]).status();
        match run {
            Ok(status) if status.success() => {}
            Ok(status) => print_message(&format!("{status}\n")),
            Err(error) => Failure::System(error).report(),
        }
    }
}

/// Effect of a line of input on the prompt.
enum Flow {
    Continue,
    Quit,
}

fn switched(state: bool, switch: Switch) -> bool {
    match switch {
        Switch::On | Switch::Auto => true,
        Switch::Off => false,
        Switch::Toggle => !state,
    }
}

fn print_summary(summary: &Summary, has_timing: bool) {
    let time = match has_timing {
        true => format!(" in {:.3} s", summary.time.as_secs_f64()),
        false => String::new(),
    };
    let shown = match summary.shown {
        Some(shown) => format!(", {shown} shown"),
        None => String::new(),
    };
    print_message(&match summary.rows {
        None => format!("done{time}\n"),
        Some(1) => format!("1 row{shown}{time}\n"),
        Some(rows) => format!("{rows} rows{shown}{time}\n"),
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
