//! The Fusebox SQL shell: text in, tables, CSV, JSON or Markdown out.
//!
//! It knows nothing about functions or Wasm, but for `bench`: every statement
//! goes to a [`fusebox::Session`], and what comes back is printed. Results go to
//! standard output, everything else to standard error.
#![forbid(unsafe_code)]

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::error::ErrorKind;

// What the user asks for on the command line.
mod arguments;

// What the functions of a module cost.
mod bench;

// A conversation: prompt, history, Ctrl-C.
mod repl;

// SQL text through the session and on to standard output.
mod runner;

// The threads that compute, and Ctrl-C, which leaves them behind.
mod threads;

// Record batches as text, in five formats.
mod format;

// Where statements end, and what a terminal may be shown.
mod text;

// Why the shell stopped, and its exit status.
mod failure;

use crate::arguments::{Arguments, Source, Task};
use crate::failure::Failure;
use crate::runner::Runner;

fn main() -> ExitCode {
    let (arguments, sources) = match Arguments::from_command_line() {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help goes to standard output, which may be closed: so be it.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(2),
            };
        }
    };
    match shell(&arguments, sources) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}

fn shell(arguments: &Arguments, sources: Vec<Source>) -> Result<(), Failure> {
    if let Some(Task::Bench(arguments)) = &arguments.task {
        return bench::run(arguments);
    }
    if let Some(catalog) = &arguments.catalog {
        return Err(Failure::DurableCatalog(catalog.clone()));
    }
    let mut runner = Runner::new(arguments.format)?;
    if sources.is_empty() && io::stdin().is_terminal() {
        return repl::run(&mut runner);
    }
    let sources = match sources.is_empty() {
        true => vec![Source::StandardInput],
        false => sources,
    };
    // Read one by one, since a later file may be written by an earlier one.
    for source in sources {
        let text = source.read()?;
        if arguments.echo {
            let dialect = runner::dialect(runner.session());
            for piece in text::pieces(&text, dialect.as_ref()) {
                runner.echo(piece)?;
                runner.run(piece, |_| ())?;
            }
        } else {
            runner.run(&text, |_| ())?;
        }
    }
    Ok(())
}
