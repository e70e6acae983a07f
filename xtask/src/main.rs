//! Chores of this workspace: `cargo xtask demo | test | tidy | bench | soak | guests | fixtures |
//! dist | image | publish`.
//!
//! A chore installs what it needs and leaves it in place, so that the next one
//! starts faster. All cargo commands of the chores select packages so that the
//! same features are resolved (see [`chores`]): DataFusion is built once.
#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

// The chores `demo`, `guests` and `test`.
mod chores;

// Publication of the crates.
mod publish;

// Checks of the source text that need no compiler.
mod tidy;

// The benches and their report.
mod bench;

// Other sandboxes that the suite compares with.
mod peers;

// Many sessions at once, for minutes.
mod soak;

// What the functions of a release answer, for later releases to reproduce.
mod fixtures;

// The tarball of a release.
mod dist;

// The image of a container, and manifests.
mod image;

// Clients of the server, installed if missing.
mod clients;

// Guests in other languages than Rust, compiled to Wasm.
mod languages;

// The bundled component, compiled by wit-bindgen and encoded.
mod component;

// Compilers of other languages, installed if missing.
mod compilers;

// The bundled functions, compiled to Wasm.
mod guests;

// Tests of unsafe code, with memory accesses checked.
mod sanitize;

// Tests of fuel, results and NaNs on another CPU.
mod aarch64;

// Steps of programs that are no part of a Rust toolchain.
mod optional;

// Rust toolchains that compile for other machines, installed if missing.
mod toolchain;

// Folders of the checkout, and commands that run in it.
mod workspace;

// Counts of steps that ran and that were skipped.
mod steps;

// Errors of a chore.
mod failure;

use crate::failure::Failure;
use crate::workspace::Workspace;

const HELP: &str = "\
Chores of this workspace. Usage: cargo xtask CHORE

  demo     build the shell and the bundled functions, run xtask/demo.sql
  test [--all]
           run everything that has to pass before a change is merged, as CI does;
           steps that this machine lacks a toolchain for are skipped and counted;
           with --all also each query of the golden files in all execution configs,
           what is off unless asked for, which compiles DataFusion once more, the
           packing of crates and of an archive, and the image of it
  tidy     check the source text: import order, dependencies, lengths, places of
           unsafe code, doc summaries and words; lists each finding
  bench [--quick] [WORD]...
           run the benches, print one table and write target/bench/report.html;
           takes about 20 minutes, with --quick less than 5; a WORD is the name
           of a bench or a part of the names of measurements
  soak [--minutes N] [--seed N]
           run 64 sessions that create, replace, alter, drop, call and cancel at
           random for 10 minutes; fails if memory grows, a statement hangs, or an
           error is unexpected
  guests [--all]
           compile the bundled functions to target/guests/*.wasm; with --all also
           the examples in C, Zig, Go, AssemblyScript and Python, whose compilers
           are installed into the target folder
  fixtures [--replace] [--built]
           write fixtures/VERSION: modules of each kind and language, definitions, a
           catalog, and what each function answers and burns; then compare this program
           with it. --replace makes those of an unpublished release again, --built takes
           the modules that are in target/guests
  dist [--dev]
           build the shell in release, which takes half an hour, and pack it with its
           manual page, completions, modules, licences and list of dependencies into
           target/dist; then run the session of the README from the archive, in an
           empty root; --dev packs the shell of the tests
  image [ARCHIVE]
           build the image of the archive that dist wrote, run it without privileges,
           probe, query and end it, and check deploy/kubernetes; as root, on Linux
  publish --dry-run | --pack | --upload
           pack the crates of crates.io and build each from its package, in order;
           --pack builds nothing, --upload publishes them
  help     print this text
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
    if !matches!(
        chore,
        "bench" | "dist" | "fixtures" | "guests" | "image" | "publish" | "soak" | "test"
    ) && let Some(argument) = rest.first()
    {
        return Err(Failure::Usage(argument.clone()));
    }
    let workspace = Workspace::find()?;
    match chore {
        "demo" => chores::demo(&workspace),
        "test" => chores::test(&workspace, rest),
        "tidy" => tidy::tidy(&workspace),
        "bench" => bench::bench(&workspace, rest),
        "soak" => soak::soak(&workspace, rest),
        "guests" => chores::guests(&workspace, rest),
        "fixtures" => fixtures::fixtures(&workspace, rest),
        "dist" => dist::dist(&workspace, rest),
        "image" => image::image(&workspace, rest),
        "publish" => publish::publish(&workspace, rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        unknown => Err(Failure::Usage(unknown.to_owned())),
    }
}
