//! Steps of programs that are not part of a Rust toolchain: run where they are
//! installed, and installed nowhere.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Failure;
use crate::steps::Outcome;
use crate::workspace::{Workspace, quietly, run};

/// Time for a program to print its version.
const LIMIT: Duration = Duration::from_secs(30);

/// Time to fetch the dependencies that no build has needed.
const FETCH_LIMIT: Duration = Duration::from_secs(300);

/// Builds the book of `docs/` into `target/book`.
pub(crate) fn book(workspace: &Workspace) -> Result<Outcome, Failure> {
    let mut version = workspace.program("mdbook");
    if quietly(version.arg("--version"), LIMIT).is_err() {
        return Ok(missing("mdbook"));
    }
    let mut build = workspace.program("mdbook");
    run("book", build.args(["build", "docs"])).map(|()| Outcome::Passed)
}

/// Checks licences, duplicates and sources of all dependencies with `deny.toml`, those
/// of features that are off included.
pub(crate) fn licenses(workspace: &Workspace) -> Result<Outcome, Failure> {
    if !has_cargo_deny(workspace) {
        return Ok(missing("cargo-deny"));
    }
    let mut metadata = workspace.cargo();
    metadata.args(["metadata", "--all-features", "--format-version", "1"]);
    if let Err(reason) = quietly(&mut metadata, FETCH_LIMIT) {
        let install = "cargo fetch".to_owned();
        return Ok(Outcome::Skipped { reason, install });
    }
    let mut check = workspace.cargo();
    check.args(["deny", "check", "licenses", "bans", "sources"]);
    run("licenses", &mut check).map(|()| Outcome::Passed)
}

/// Checks all dependencies for advisories, where their database has been fetched.
pub(crate) fn advisories(workspace: &Workspace) -> Result<Outcome, Failure> {
    if !has_cargo_deny(workspace) {
        return Ok(missing("cargo-deny"));
    }
    if !has_advisories() {
        return Ok(Outcome::Skipped {
            reason: "the database of advisories is missing".to_owned(),
            install: "cargo deny fetch db".to_owned(),
        });
    }
    let mut check = workspace.cargo();
    check.args(["deny", "--offline", "check", "advisories"]);
    run("advisories", &mut check).map(|()| Outcome::Passed)
}

fn has_cargo_deny(workspace: &Workspace) -> bool {
    let mut version = workspace.cargo();
    quietly(version.args(["deny", "--version"]), LIMIT).is_ok()
}

/// Returns true if cargo-deny has a database: a folder beside its lock.
fn has_advisories() -> bool {
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let databases = cargo.map(|cargo| cargo.join("advisory-dbs"));
    let entries = databases.and_then(|folder| fs::read_dir(folder).ok());
    let mut entries = entries.into_iter().flatten().flatten();
    entries.any(|entry| entry.path().join(".git").exists())
}

fn missing(program: &str) -> Outcome {
    Outcome::Skipped {
        reason: format!("{program} is not installed"),
        install: format!("cargo install {program} --locked"),
    }
}
