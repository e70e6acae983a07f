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

/// The same for those that have arrow-rs inside.
const ARROW_GUESTS: [(&str, &str); 1] = [("udfs-columns", "columns")];

/// The examples of the package `fusebox-sdk`.
const EXAMPLES: [&str; 3] = ["kinds", "triangle", "types"];

/// Flags for guests alone. All memory is looked at before each call, so the
/// shadow stack is small: with most guests' statics it fits into one page. It
/// comes first in memory, so that overflowing it traps instead of overwriting
/// statics.
///
/// Wide arithmetic is not among the features, though the sandbox has it and
/// `mod_pow` would take half as long: LLVM 22 takes the upper half of a product
/// out of its local before it is there, so that a `checked_mul` of `i64`
/// overflows where nothing does. LLVM 23 does not.
const RUSTFLAGS: &str = "-C link-arg=-zstack-size=24576 -C link-arg=--stack-first \
                         -C target-feature=+simd128 -C jump-tables=no";

/// Compiles every guest, and the SDK's examples, and leaves
/// `target/guests/*.wasm`.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Failure> {
    let toolchain = Toolchain::find(workspace)?;
    // A folder of its own, since a folder is locked while cargo builds in it.
    let built = workspace.executables.with_file_name("guests-build");
    let guest_build = || {
        let mut command = toolchain.cargo_build(workspace);
        command
            .args(["--profile", "guest", "--target-dir"])
            .arg(&built)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", RUSTFLAGS);
        command
    };
    let mut command = guest_build();
    for (package, _) in GUESTS {
        command.args(["--package", package]);
    }
    command.args(["--package", "fusebox-sdk", "--lib"]);
    for example in EXAMPLES {
        command.arg("--example").arg(example);
    }
    run("guests", &mut command)?;

    // Apart, so that what asks for Arrow asks for itself alone. The number is
    // in the place of a random one, which a hasher of Arrow's takes when it is
    // compiled: the same source makes the same module.
    let mut command = guest_build();
    for (package, _) in ARROW_GUESTS {
        command.args(["--package", package]);
    }
    command.arg("--lib").env("CONST_RANDOM_SEED", "0");
    run("guests with Arrow", &mut command)?;

    let built = built.join(TARGET).join("guest");
    let guests = workspace.root.join("target/guests");
    fs::create_dir_all(&guests).map_err(Failure::io(format!("create {}", guests.display())))?;
    for (_, library) in GUESTS.iter().chain(&ARROW_GUESTS) {
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
pub(crate) fn copy_if_changed(from: &Path, to: &Path) -> Result<(), Failure> {
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
