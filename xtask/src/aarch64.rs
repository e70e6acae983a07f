//! Tests of fuel, results and NaNs on another CPU: compiled for aarch64 and run
//! in an emulator.
//!
//! Only the instrumentation is tested there, with the code that Cranelift generates
//! for instrumented modules: the crates above it are portable Rust. With `--all` the
//! fixtures of releases are reproduced too, through the runtime.

use std::process::Command;

use crate::failure::Failure;
use crate::steps::Outcome;
use crate::toolchain::{complete_active, install_from_debian, remove_flags};
use crate::workspace::{EMULATED, FIXTURES_PART, Workspace, run};

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// The linker, the C library, and the emulator.
const DEBIAN_PACKAGES: [&str; 3] = [
    "gcc-aarch64-linux-gnu",
    "libc6-dev-arm64-cross",
    "qemu-user-static",
];

/// The package whose tests run there.
const INSTRUMENT: &str = "fusebox-instrument";

/// The package whose tests run there with `--all`, since it compiles the runtime once more.
const CONFORMANCE: &str = "fusebox-conformance";

/// Name of the test of the fixtures.
const RELEASES: &str = "releases_are_reproduced_bit_by_bit";

/// Processes that check the fixtures, each with a part of the modules: the emulator's account of
/// reserved pages would take more memory than a machine has.
const PARTS: usize = 12;

/// Runs the tests.
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
    run("aarch64", &mut cargo(workspace, INSTRUMENT))?;
    if is_all {
        // What the other tests break is named by portable Rust.
        run("aarch64", cargo(workspace, CONFORMANCE).arg("--lib"))?;
        for part in 0..PARTS {
            let mut fixtures = cargo(workspace, CONFORMANCE);
            fixtures.args(["--test", "conformance", "--", RELEASES]);
            fixtures.env(FIXTURES_PART, format!("{part}/{PARTS}"));
            run("aarch64", &mut fixtures)?;
        }
    }
    Ok(Outcome::Passed)
}

/// Returns the command that tests a package in the emulator.
fn cargo(workspace: &Workspace, package: &str) -> Command {
    let mut command = workspace.cargo();
    remove_flags(&mut command);
    command.args(["test", "--target", TARGET, "--package", package]);
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
    command
}

fn set_up(workspace: &Workspace) -> Result<(), String> {
    complete_active(workspace, TARGET).map_err(|reasons| reasons.join("; "))?;
    install_from_debian(workspace, &DEBIAN_PACKAGES)
}
