//! The Fusebox SQL shell.
//!
//! Every statement is executed by a [`fusebox::Session`], and its result is printed as
//! a table, CSV, JSON, Markdown and others. Results go to standard output, everything else to
//! standard error. Only `bench` depends on functions and Wasm.
#![forbid(unsafe_code)]

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::error::ErrorKind;

// `fusebox bench`: measures the functions of a module.
mod bench;

// `fusebox new`, `fusebox build` and `fusebox try`: functions from nothing to an answer.
mod project;

// `fusebox inspect` and `fusebox annotate`: modules for their authors.
mod inspect;

// `fusebox conform`: compares this program with a release.
mod conform;

// `fusebox serve`: a server for clients of PostgreSQL, Flight SQL and HTTP.
mod serve;

// Interactive mode: prompt, history, Ctrl-C.
mod repl;

// The catalog as statements.
mod dump;

// Execution of SQL text.
mod runner;

// Printing of results while they are computed.
mod result;

// Settings of the display.
mod display;

// Standard output, a pager, or a file.
mod output;

// The program that shows a long result page by page.
mod pager;

// Worker threads and Ctrl-C.
mod runtime;

// Progress of a running statement.
mod progress;

// The session of the shell.
mod session;

// Object stores of remote locations.
#[cfg(feature = "remote")]
mod remote;

// Commands of the prompt.
mod command;

// The file of a catalog, as the command line names it.
mod catalog_file;

// Command-line arguments.
mod arguments;

// The file that keeps definitions, and folders of the user.
mod kept;

// Languages of projects.
mod language;

// Versions of the program and of formats.
mod versions;

// Messages and failed rows of functions.
mod notices;

// Results of commands that list the catalog.
mod listing;

// Names of types in SQL.
mod sql_types;

// First and last rows of a result of several partitions.
mod partitions;

// Results fitted to a terminal.
mod screen;

// First and last rows of a result.
mod sample;

// Formats of results.
mod format;

// Values as text.
mod cells;

// Values as JSON.
mod json;

// Errors of the shell and their exit status.
mod failure;

// Explanations of errors.
mod diagnosis;

// Titles of the columns of a result.
mod titles;

// Names that statements may mean.
mod names;

// Places of errors in statements and scripts.
mod place;

// Open strings, comments, brackets and statements.
mod open;

// Splitting of SQL text, and escaping of control characters.
mod text;

use crate::arguments::{ScriptSource, ShellArguments, Task};
use crate::failure::Failure;
use crate::runner::{Runner, Script};

fn main() -> ExitCode {
    let (arguments, sources) =
        match ShellArguments::from_command_line().and_then(catalog_file::checked) {
            Ok(parsed) => parsed,
            Err(error) => {
                // Help goes to standard output; an error of writing cannot be reported.
                let _ = error.print();
                return match error.kind() {
                    ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                    _ => ExitCode::from(2),
                };
            }
        };
    if let Some(Task::CompileHelper { arguments }) = arguments.task {
        return fusebox::run_compile_helper(arguments);
    }
    match shell(&arguments, sources) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn shell(arguments: &ShellArguments, sources: Vec<ScriptSource>) -> Result<(), Failure> {
    match &arguments.task {
        Some(Task::Bench(arguments)) => return bench::run(arguments),
        Some(Task::New { folder, lang, sdk }) => {
            return project::create(folder, *lang, sdk.as_deref());
        }
        Some(Task::Build { folder, watch }) => return project::build(folder, *watch),
        Some(Task::Serve(arguments)) => return serve::run(arguments),
        Some(Task::Inspect { module }) => return inspect::inspect(module),
        Some(Task::Annotate {
            module,
            functions,
            output,
        }) => return inspect::annotate(module, functions, output.as_deref()),
        Some(Task::Conform { folder, module }) => return conform::run(folder, module),
        Some(Task::Completions { shell }) => {
            let printed = ShellArguments::print_completions(*shell);
            return printed.map_err(Failure::of_standard_output);
        }
        Some(Task::Man { output }) => {
            return match output {
                Some(folder) => ShellArguments::write_manuals(folder),
                None => ShellArguments::print_manual().map_err(Failure::of_standard_output),
            };
        }
        Some(Task::Try { .. } | Task::CompileHelper { .. }) | None => {}
    }
    if let Some(Task::Try { sql, project }) = &arguments.task {
        let mut runner = Runner::new(arguments.format, &arguments.confinement(), None)?;
        return project::try_out(project, sql, &mut runner);
    }
    let is_interactive = arguments.interactive || sources.is_empty() && io::stdin().is_terminal();
    let kept = arguments.kept(is_interactive);
    let confinement = arguments.confinement();
    let runner = Runner::new(arguments.format, &confinement, kept.file.as_deref());
    let mut runner = runner.map_err(|failure| kept.explain(failure))?;
    if arguments.output.is_some() {
        runner.set_output(arguments.output.as_deref())?;
    }
    let sources = match sources.is_empty() && !is_interactive {
        true => vec![ScriptSource::StandardInput],
        false => sources,
    };
    runner.display.has_header = !arguments.no_header;
    runner.has_echo = arguments.echo;
    let mut state = repl::State::default();
    for (name, value) in &arguments.variable {
        state.set_variable(name.clone(), value.clone());
    }
    // Files are read one by one, since statements of one can write the next.
    for source in sources {
        let name = source.name();
        runner.script = name.map(|name| Script { name, lines: 0 });
        let text = source.read()?;
        repl::run_script(&mut runner, &mut state, &text)?;
    }
    runner.script = None;
    if is_interactive {
        runner.open_prompt();
        let rc = arguments.rc_file();
        return repl::run(&mut runner, &mut state, &kept.describe(), rc.as_deref());
    }
    Ok(())
}
