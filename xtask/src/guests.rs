//! The bundled functions and those of tests, compiled to Wasm.
//!
//! They are copied to `target/guests` of the checkout, whichever target folder
//! cargo uses, since SQL files name them by that path.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::toolchain::{TARGET, Toolchain};
use crate::workspace::{Workspace, run};

/// Packages with the names of their libraries.
const GUESTS: [(&str, &str); 6] = [
    ("udfs-geo", "geo"),
    ("udfs-kernels", "kernels"),
    ("udfs-math", "math"),
    ("udfs-stats", "stats"),
    ("udfs-text", "text"),
    ("fusebox-sql-twins", "twins"),
];

/// Packages that link arrow-rs.
const ARROW_GUESTS: [(&str, &str); 1] = [("udfs-columns", "columns")];

/// Examples of the package `fusebox-sdk`.
const EXAMPLES: [&str; 5] = ["authors", "kinds", "logs", "triangle", "types"];

/// A crate that is not of the workspace, as an author's own crate is not.
pub(crate) const EVERYDAY: &str = "examples/everyday/Cargo.toml";

/// The profile `guest` for it.
const EVERYDAY_PROFILE: [&str; 6] = [
    "inherits='release'",
    "opt-level=3",
    "codegen-units=1",
    "lto=true",
    "panic='abort'",
    "strip='debuginfo'",
];

/// Flags for guests alone. The reset before each call compares all memory, so the
/// shadow stack is small: with the statics of most guests it fits into one page.
/// It comes first in memory, so that overflowing it traps instead of overwriting
/// statics.
///
/// The feature wide-arithmetic is off, though the sandbox supports it and
/// `mod_pow` would take half as long: LLVM 22 reads the upper half of a product
/// from its local before it is written, so that a `checked_mul` of `i64` reports
/// overflows that are none. LLVM 23 is correct.
pub(crate) const RUSTFLAGS: &str = "-C link-arg=-zstack-size=24576 -C link-arg=--stack-first \
                         -C target-feature=+simd128 -C jump-tables=no";

/// Returns [`RUSTFLAGS`], and flags that keep the folder of dependencies out of modules: the same
/// source gives the same module on every machine.
fn flags() -> String {
    let mut flags = RUSTFLAGS.to_owned();
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    for source in sources.into_iter().flatten().flatten() {
        let folder = source.path().display().to_string();
        // Flags are divided at blanks.
        if !folder.contains(char::is_whitespace) {
            flags += &format!(" --remap-path-prefix={folder}=/registry");
        }
    }
    flags
}

/// Tests the functions of [`EVERYDAY`] natively, as an author would.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    let built = workspace.executables.with_file_name("guests-build");
    let mut command = workspace.cargo();
    command.args(["test", "--manifest-path", EVERYDAY, "--target-dir"]);
    run("tests of an author", command.arg(built))
}

/// Compiles every guest and the SDK's examples to `target/guests/*.wasm`.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Failure> {
    let toolchain = Toolchain::find(workspace)?;
    // A separate folder, since cargo locks the folder that it builds in.
    let built = workspace.executables.with_file_name("guests-build");
    let flags = flags();
    let guest_build = || {
        let mut command = toolchain.cargo_build(workspace);
        command
            .args(["--profile", "guest", "--target-dir"])
            .arg(&built)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", &flags);
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

    // A separate build, so that the feature `arrow` is not unified into the other
    // guests. The seed replaces a random number that a hasher of arrow-rs compiles
    // in: the same source gives the same module.
    let mut command = guest_build();
    for (package, _) in ARROW_GUESTS {
        command.args(["--package", package]);
    }
    command.arg("--lib").env("CONST_RANDOM_SEED", "0");
    run("guests with Arrow", &mut command)?;

    let mut command = guest_build();
    command.args(["--manifest-path", EVERYDAY, "--lib"]);
    for setting in EVERYDAY_PROFILE {
        command
            .arg("--config")
            .arg(format!("profile.guest.{setting}"));
    }
    run("guests of an author", &mut command)?;

    let built = built.join(TARGET).join("guest");
    let guests = workspace.root.join("target/guests");
    fs::create_dir_all(&guests).map_err(Failure::io(format!("create {}", guests.display())))?;
    let libraries = GUESTS.iter().chain(&ARROW_GUESTS).map(|(_, name)| *name);
    for library in libraries.chain(["everyday"]) {
        let name = format!("{library}.wasm");
        copy_if_changed(&built.join(&name), &guests.join(&name))?;
    }
    for example in EXAMPLES {
        let name = format!("{example}.wasm");
        copy_if_changed(&built.join("examples").join(&name), &guests.join(&name))?;
    }
    Ok(())
}

/// Copies a file unless the copy is equal, so that its timestamp is kept.
pub(crate) fn copy_if_changed(from: &Path, to: &Path) -> Result<(), Failure> {
    let bytes = fs::read(from).map_err(Failure::io(format!("read {}", from.display())))?;
    if fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    // Renamed into place, so that no reader sees half a module.
    let half = to.with_extension("wasm.half");
    fs::write(&half, bytes)
        .and_then(|()| fs::rename(&half, to))
        .map_err(Failure::io(format!("write {}", to.display())))
}
