//! The bundled functions and those of tests, compiled to Wasm.
//!
//! They end up in `target/guests` of the checkout, wherever cargo builds:
//! SQL names them by that path.

use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::{Workspace, run};

/// Packages, and the library that each compiles to.
const GUESTS: [(&str, &str); 6] = [
    ("udfs-geo", "geo"),
    ("udfs-kernels", "kernels"),
    ("udfs-math", "math"),
    ("udfs-stats", "stats"),
    ("udfs-text", "text"),
    ("fusebox-sql-twins", "twins"),
];

/// The examples of the package `fusebox-sdk`.
const EXAMPLES: [&str; 3] = ["kinds", "triangle", "types"];

/// Flags for guests alone. All memory is looked at before each call, so the
/// shadow stack is small: with most guests' statics it fits into one page. It
/// comes first in memory, so that overflowing it traps instead of overwriting
/// statics.
const RUSTFLAGS: &str = "-C link-arg=-zstack-size=24576 -C link-arg=--stack-first \
                         -C target-feature=+simd128";

/// Compiles every guest, and the SDK's examples, and leaves
/// `target/guests/*.wasm`.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Failure> {
    let toolchain = Toolchain::find(workspace)?;
    let mut command = toolchain.cargo_build(workspace);
    // A folder of its own, since a folder is locked while cargo builds in it.
    let built = workspace.executables.with_file_name("guests-build");
    command
        .args(["--profile", "guest", "--target-dir"])
        .arg(&built);
    for (package, _) in GUESTS {
        command.args(["--package", package]);
    }
    command.args(["--package", "fusebox-sdk", "--lib"]);
    for example in EXAMPLES {
        command.arg("--example").arg(example);
    }
    command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", RUSTFLAGS);
    run("guests", &mut command)?;

    let built = built.join(TARGET).join("guest");
    let guests = workspace.root.join("target/guests");
    fs::create_dir_all(&guests).map_err(Failure::io(format!("create {}", guests.display())))?;
    for (_, library) in GUESTS {
        let name = format!("{library}.wasm");
        copy_if_changed(&built.join(&name), &guests.join(&name))?;
    }
    for example in EXAMPLES {
        let name = format!("{example}.wasm");
        copy_if_changed(&built.join("examples").join(&name), &guests.join(&name))?;
    }
    Ok(())
}

/// Leaves an equal file alone: what was built from it stays fresh.
fn copy_if_changed(from: &Path, to: &Path) -> Result<(), Failure> {
    let bytes = fs::read(from).map_err(Failure::io(format!("read {}", from.display())))?;
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    // Renamed into place, so that nobody ever reads half a module.
    let half = to.with_extension("wasm.half");
    fs::write(&half, bytes)
        .and_then(|()| fs::rename(&half, to))
        .map_err(Failure::io(format!("write {}", to.display())))
}
