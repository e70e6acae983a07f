//! Publication of the crates, in the order of their dependencies.
//!
//! Cargo packs all of them at once, with a registry of its own for those that are not on
//! crates.io yet, and builds each from its package. That compiles DataFusion once more.

use std::process::Command;

use crate::failure::Failure;
use crate::tidy::PUBLISHED;
use crate::workspace::{Workspace, run};

/// Packs the published crates and builds each from its package with `--dry-run`, uploads
/// them too with `--upload`, and builds nothing with `--pack`, which takes seconds.
pub(crate) fn publish(workspace: &Workspace, rest: &[String]) -> Result<(), Failure> {
    match rest {
        [option] if option == "--dry-run" => {
            run("publish", &mut cargo(workspace, &["publish", "--dry-run"]))
        }
        [option] if option == "--pack" => pack(workspace),
        [option] if option == "--upload" => run("publish", &mut cargo(workspace, &["publish"])),
        // What is uploaded stays: it is asked for by name.
        [] => Err(Failure::Usage(
            "publish without --dry-run, --pack or --upload".to_owned(),
        )),
        [.., unknown] => Err(Failure::Usage(unknown.clone())),
    }
}

/// Packs the published crates into the target folder, with changes that are not committed,
/// and builds nothing.
pub(crate) fn pack(workspace: &Workspace) -> Result<(), Failure> {
    // All dependencies were fetched by the builds before it.
    let words = ["package", "--no-verify", "--allow-dirty", "--offline"];
    run("pack", &mut cargo(workspace, &words))
}

fn cargo(workspace: &Workspace, words: &[&str]) -> Command {
    let mut command = workspace.cargo();
    command.args(words).arg("--locked");
    for package in PUBLISHED {
        command.args(["--package", package]);
    }
    command
}
