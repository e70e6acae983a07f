//! Tests of fuel, results and NaNs on another CPU: compiled for aarch64 and run
//! in an emulator.
//!
//! Only the instrumentation is tested there, with the code that Cranelift generates
//! for instrumented modules: the crates above it are portable Rust. With `--all` the
//! fixtures of releases are reproduced too, through the runtime.

use crate::failure::Failure;
use crate::steps::Outcome;
use crate::toolchain::{complete_active, install_from_debian, remove_flags};
use crate::workspace::{EMULATED, Workspace, run};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// The linker, the C library, and the emulator.
const DEBIAN_PACKAGES: [&str; 3] = [
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "qemu-user-static",
];

/// Packages whose tests run there; the second with `--all`, since it compiles the runtime
/// once more.
const PACKAGES: [&str; 2] = ["fusebox-instrument", "fusebox-conformance"];

/// Runs the tests of [`PACKAGES`].
pub(crate) fn test(workspace: &Workspace, is_all: bool) -> Result<Outcome, Failure> {
    if cfg!(target_arch = "aarch64") {
        // The tests of the workspace have run natively.
        return Ok(Outcome::Passed);
    }
    if let Err(reason) = set_up(workspace) {
        let packages = DEBIAN_PACKAGES.join(" ");
        let install = format!("rustup target add {TARGET}, and apt-get install {packages}");
        return Ok(Outcome::Skipped { reason, install });
    }
    let mut command = workspace.cargo();
    remove_flags(&mut command);
    command.args(["test", "--target", TARGET]);
    let count = if is_all { PACKAGES.len() } else { 1 };
    for package in &PACKAGES[..count] {
        command.args(["--package", *package]);
    }
    // An emulator takes minutes for a module of megabytes.
    command.env(EMULATED, "1");
    // Its dependencies are built with other features than in the workspace.
    let built = workspace.executables.with_file_name("aarch64-build");
    command.arg("--target-dir").arg(built);
    let variable = |name| format!("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_{name}");
    command.env(variable("LINKER"), "aarch64-linux-gnu-gcc");
    command.env(variable("RUNNER"), "qemu-aarch64-static");
    // Statically linked: where packages of both architectures are installed, the
    // emulator may find a loader and a C library of different versions, and hang
    // when the first thread starts.
    command.env(variable("RUSTFLAGS"), "-C target-feature=+crt-static");
    run("aarch64", &mut command).map(|()| Outcome::Passed)
}

fn set_up(workspace: &Workspace) -> Result<(), String> {
    complete_active(workspace, TARGET).map_err(|reasons| reasons.join("; "))?;
    install_from_debian(workspace, &DEBIAN_PACKAGES)
}
