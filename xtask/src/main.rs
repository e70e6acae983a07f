//! Every chore of this workspace: `cargo xtask demo | test | bench | guests`.
//!
//! A chore sets up what it needs and leaves it in place, so that the next one
//! starts faster. Every cargo started here selects packages in a way that
//! resolves the same features (see [`chores`]): DataFusion is built once.
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

// What each word on the command line does.
mod chores;

// The benches, and the report of what they measured.
mod bench;

// The bundled functions, compiled to Wasm.
mod guests;

// The other sandboxes that the suite is measured beside.
mod peers;

// The tests of unsafe code, its memory checked.
mod sanitize;

// The tests of bits on another kind of machine.
mod aarch64;

// Rust toolchains that can compile for other machines, installed if need be.
mod toolchain;

// Where things are, and how a program is started.
mod workspace;

// What went wrong, and what to do about it.
mod failure;

use crate::failure::Failure;
use crate::workspace::Workspace;

const HELP: &str = "\
Every chore of this workspace. Usage: cargo xtask CHORE

  demo            build the shell and the bundled functions, run xtask/demo.sql
  test            all that must hold before a change is merged; what CI runs
  bench [--quick] [WORD]...
                  what it all costs: prints one table, writes a page with plots to
                  target/bench/report.html; takes some minutes, with --quick fewer;
                  a WORD is a bench, or is looked for in names of measurements
  guests          compile the bundled functions to target/guests/*.wasm
  help            this text
";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let chore = arguments.next().unwrap_or_else(|| "help".to_owned());
    match run(&chore, &arguments.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(chore: &str, rest: &[String]) -> Result<(), Failure> {
    if chore != "bench"
        && let Some(argument) = rest.first()
    {
        return Err(Failure::Usage(argument.clone()));
    }
    let workspace = Workspace::find()?;
    match chore {
        "demo" => chores::demo(&workspace),
        "test" => chores::test(&workspace),
        "bench" => bench::bench(&workspace, rest),
        "guests" => guests::build(&workspace),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        unknown => Err(Failure::Usage(unknown.to_owned())),
    }
}
