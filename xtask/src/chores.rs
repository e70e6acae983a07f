//! What each word on the command line does.
//!
//! A dependency is compiled once per set of features, and the features of the
//! whole workspace with its tests differ from those of one package: a build of
//! `fusebox-shell` alone would compile DataFusion a second time. So every cargo
//! here selects `--workspace`, and at least one test.

use crate::failure::Failure;
use crate::guests;
use crate::toolchain::require_components;
use crate::workspace::{Workspace, run};

/// Runs `xtask/demo.sql` through the shell.
pub(crate) fn demo(workspace: &Workspace) -> Result<(), Failure> {
    guests::build(workspace)?;
    let mut build = workspace.cargo();
    // The test `shell` is there for the features; see above.
    build.args([
        "build",
        "--workspace",
        "--bin",
        "fusebox",
        "--test",
        "shell",
    ]);
    run("shell", &mut build)?;
    let mut shell = workspace.program(workspace.executables.join("fusebox"));
    run("demo", shell.args(["--echo", "-f", "xtask/demo.sql"]))
}

/// Everything that must hold before a change is merged.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    require_components(workspace);
    let cargo = |arguments: &[&str]| {
        let mut command = workspace.cargo();
        command.args(arguments);
        command
    };
    run("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    guests::build(workspace)?;
    let lint: Vec<&str> = "clippy --workspace --all-targets -- -D warnings"
        .split(' ')
        .collect();
    run("lint", &mut cargo(&lint))?;
    run(
        "test",
        &mut cargo(&["test", "--workspace", "--no-fail-fast"]),
    )?;
    let mut document = cargo(&["doc", "--workspace", "--no-deps"]);
    run("document", document.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Runs the benches; `arguments` go to criterion.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    guests::build(workspace)?;
    let mut bench = workspace.cargo();
    // Named by a glob, since unit tests would refuse criterion's arguments.
    bench.args(["bench", "--workspace", "--bench", "*", "--"]);
    run("bench", bench.args(arguments))
}
