//! The chores `demo`, `guests` and `test`.
//!
//! A dependency is compiled once per set of features, and the features of the
//! whole workspace with its tests differ from those of one package: building
//! `fusebox-shell` alone would compile DataFusion a second time. So every cargo
//! command here selects `--workspace` and a target that counts as a test.

use std::process::Command;

use crate::aarch64;
use crate::clients;
use crate::component;
use crate::dist;
use crate::failure::Failure;
use crate::guests;
use crate::image;
use crate::languages;
use crate::optional;
use crate::publish;
use crate::sanitize;
use crate::steps::Steps;
use crate::tidy;
use crate::toolchain::require_components;
use crate::workspace::{EXHAUSTIVE, Workspace, run};

/// Runs `xtask/demo.sql` through the shell.
pub(crate) fn demo(workspace: &Workspace) -> Result<(), Failure> {
    guests::build(workspace)?;
    // The test `shell` selects the features; see above.
    let build = "build --workspace --bin fusebox --test shell";
    run("shell", &mut cargo(workspace, build))?;
    let mut shell = workspace.program(workspace.executables.join("fusebox"));
    run("demo", shell.args(["--echo", "-f", "xtask/demo.sql"]))
}

/// Compiles the bundled functions, and with `--all` the guests in other languages. The last
/// line then counts the steps and names those that this machine cannot run.
pub(crate) fn guests(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let is_all = is_all(arguments)?;
    let mut steps = Steps::default();
    steps.require(guests::build(workspace))?;
    if is_all {
        languages::build(workspace, &mut steps, true)?;
        component::build(workspace, &mut steps)?;
        eprintln!("{}", steps.summary());
    }
    Ok(())
}

/// Runs everything that has to pass before a change is merged, and with `--all` also each
/// query in every execution config and the tests of features that are off. The last line counts
/// the steps and names those that this machine cannot run.
pub(crate) fn test(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let is_all = is_all(arguments)?;
    let mut steps = Steps::default();
    require_components(workspace);
    let format = run("format", &mut cargo(workspace, "fmt --all --check"));
    steps.require(format)?;
    let peers = "fmt --all --check --manifest-path benches/peers/Cargo.toml";
    steps.require(run("format of peers", &mut cargo(workspace, peers)))?;
    let fuzz = "fmt --check --manifest-path fuzz/Cargo.toml";
    steps.require(run("format of fuzz", &mut cargo(workspace, fuzz)))?;
    let everyday = format!("fmt --check --manifest-path {}", guests::EVERYDAY);
    steps.require(run("format of everyday", &mut cargo(workspace, &everyday)))?;
    let component = format!("fmt --check --manifest-path {}", component::COMPONENT);
    steps.require(run(
        "format of component",
        &mut cargo(workspace, &component),
    ))?;
    steps.require(tidy::test(workspace))?;
    steps.require(guests::build(workspace))?;
    steps.require(guests::test(workspace))?;
    languages::build(workspace, &mut steps, is_all)?;
    component::build(workspace, &mut steps)?;
    let lint = "clippy --workspace --all-targets -- -D warnings";
    steps.require(run("lint", &mut cargo(workspace, lint)))?;
    steps.attempt("clients", Ok(clients::install(workspace)))?;
    steps.attempt("clients of Debian", Ok(clients::of_debian(workspace)))?;
    let mut test = cargo(workspace, "test --workspace --no-fail-fast");
    test.env(clients::VARIABLE, clients::folder(workspace));
    if is_all {
        test.env(EXHAUSTIVE, "1");
    }
    steps.require(run("test", &mut test))?;
    if is_all {
        let remote = "test --workspace --features fusebox-shell/remote --test shell remote";
        steps.require(run("remote", &mut cargo(workspace, remote)))?;
        steps.require(publish::pack(workspace))?;
        steps.require(dist::dist(workspace, &["--dev".to_owned()]))?;
        steps.attempt("image", image::test(workspace))?;
    }
    steps.attempt("sanitize", sanitize::under_address_sanitizer(workspace))?;
    steps.attempt("miri", sanitize::under_miri(workspace))?;
    steps.attempt("aarch64", aarch64::test(workspace, is_all))?;
    // There may be no example: the word selects the features of a test.
    let mut document = cargo(workspace, "doc --workspace --no-deps --lib --examples");
    document.env("RUSTDOCFLAGS", "-D warnings");
    steps.require(run("document", &mut document))?;
    steps.attempt("book", optional::book(workspace))?;
    steps.attempt("licenses", optional::licenses(workspace))?;
    steps.attempt("advisories", optional::advisories(workspace))?;
    eprintln!("{}", steps.summary());
    Ok(())
}

fn is_all(arguments: &[String]) -> Result<bool, Failure> {
    match arguments {
        [] => Ok(false),
        [all] if all == "--all" => Ok(true),
        [unknown, ..] => Err(Failure::Usage(unknown.clone())),
    }
}

fn cargo(workspace: &Workspace, words: &str) -> Command {
    let mut command = workspace.cargo();
    command.args(words.split(' '));
    command
}
