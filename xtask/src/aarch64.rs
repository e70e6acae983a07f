//! The tests of bits, on another kind of machine: compiled for aarch64 and run by
//! an emulator.
//!
//! What is tested there is the pass over a guest's code, and the code that
//! Cranelift makes of it: the same fuel, the same results, the same NaNs. What
//! stands above that is the same Rust everywhere.

use crate::failure::Failure;
use crate::toolchain::{complete_active, install_from_debian, remove_flags};
use crate::workspace::{Workspace, run};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// The linker, the C library, and the emulator.
const DEBIAN_PACKAGES: [&str; 3] = [
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "qemu-user-static",
];

/// Runs the tests; or says why not, where the means for it cannot be had.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    if cfg!(target_arch = "aarch64") {
        // The other tests have done it.
        return Ok(());
    }
    if let Err(reason) = set_up(workspace) {
        eprintln!("== aarch64: left out: {reason}");
        return Ok(());
    }
    let mut command = workspace.cargo();
    remove_flags(&mut command);
    let package = "fusebox-instrument";
    command.args(["test", "--package", package, "--target", TARGET]);
    // Its dependencies have other features than those of the whole workspace.
    let built = workspace.executables.with_file_name("aarch64-build");
    command.arg("--target-dir").arg(built);
    let variable = |name| format!("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_{name}");
    command.env(variable("LINKER"), "aarch64-linux-gnu-gcc");
    command.env(variable("RUNNER"), "qemu-aarch64-static");
    // With the C library inside: a loader and a library that do not belong
    // together, as they lie about where packages of both machines are installed,
    // hang when the first thread starts.
    command.env(variable("RUSTFLAGS"), "-C target-feature=+crt-static");
    run("aarch64", &mut command)
}

fn set_up(workspace: &Workspace) -> Result<(), String> {
    complete_active(workspace, TARGET).map_err(|reasons| reasons.join("; "))?;
    install_from_debian(workspace, &DEBIAN_PACKAGES)
}
