//! What each word on the command line does.
//!
//! A dependency is compiled once per set of features, and the features of the
//! whole workspace with its tests differ from those of one package: a build of
//! `fusebox-shell` alone would compile DataFusion a second time. So every cargo
//! here selects `--workspace`, and a target that counts as a test.

use std::process::Command;

use crate::aarch64;
use crate::failure::Failure;
use crate::guests;
use crate::sanitize;
use crate::toolchain::require_components;
use crate::workspace::{Workspace, run};

/// Runs `xtask/demo.sql` through the shell.
pub(crate) fn demo(workspace: &Workspace) -> Result<(), Failure> {
    guests::build(workspace)?;
    // The test `shell` is there for the features; see above.
    let build = "build --workspace --bin fusebox --test shell";
    run("shell", &mut cargo(workspace, build))?;
    let mut shell = workspace.program(workspace.executables.join("fusebox"));
    run("demo", shell.args(["--echo", "-f", "xtask/demo.sql"]))
}

/// Everything that must hold before a change is merged.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    require_components(workspace);
    run("format", &mut cargo(workspace, "fmt --all --check"))?;
    let peers = "fmt --all --check --manifest-path benches/peers/Cargo.toml";
    run("format of peers", &mut cargo(workspace, peers))?;
    guests::build(workspace)?;
    let lint = "clippy --workspace --all-targets -- -D warnings";
    run("lint", &mut cargo(workspace, lint))?;
    let test = "test --workspace --no-fail-fast";
    run("test", &mut cargo(workspace, test))?;
    sanitize::test(workspace)?;
    aarch64::test(workspace)?;
    // There may be no example: the word makes the features those of a test.
    let mut document = cargo(workspace, "doc --workspace --no-deps --lib --examples");
    run("document", document.env("RUSTDOCFLAGS", "-D warnings"))
}

fn cargo(workspace: &Workspace, words: &str) -> Command {
    let mut command = workspace.cargo();
    command.args(words.split(' '));
    command
}
