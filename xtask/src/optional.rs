//! Steps of programs that are not part of a Rust toolchain: run where they are
//! installed, and installed nowhere.

use std::time::Duration;

use crate::failure::Failure;
use crate::steps::Outcome;
use crate::workspace::{Workspace, quietly, run};

/// Time for a program to print its version.
const LIMIT: Duration = Duration::from_secs(30);

/// Builds the book of `docs/` into `target/book`.
pub(crate) fn book(workspace: &Workspace) -> Result<Outcome, Failure> {
    let mut version = workspace.program("mdbook");
    if quietly(version.arg("--version"), LIMIT).is_err() {
        return Ok(missing("mdbook"));
    }
    let mut build = workspace.program("mdbook");
    run("book", build.args(["build", "docs"])).map(|()| Outcome::Passed)
}

/// Checks licences, duplicates and sources of all dependencies with `deny.toml`.
/// Advisories are left out, since their database is fetched from the network.
pub(crate) fn licenses(workspace: &Workspace) -> Result<Outcome, Failure> {
    let mut version = workspace.cargo();
    if quietly(version.args(["deny", "--version"]), LIMIT).is_err() {
        return Ok(missing("cargo-deny"));
    }
    let mut check = workspace.cargo();
    check.args(["deny", "check", "licenses", "bans", "sources"]);
    run("licenses", &mut check).map(|()| Outcome::Passed)
}

fn missing(program: &str) -> Outcome {
    Outcome::Skipped {
        reason: format!("{program} is not installed"),
        install: format!("cargo install {program}"),
    }
}
