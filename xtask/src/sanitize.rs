//! The tests of the SDK, which has unsafe code, where each access to memory is
//! checked.
//!
//! AddressSanitizer is a nightly feature of the compiler, and Miri a component of
//! nightly toolchains: what is not installed is left out, and says so.

use std::time::Duration;

use crate::failure::Failure;
use crate::workspace::{Workspace, quietly, run};

/// Long enough to ask a compiler who it is.
const LIMIT: Duration = Duration::from_secs(30);

/// Long enough for Miri to compile the standard library.
const SET_UP_LIMIT: Duration = Duration::from_secs(300);

/// What Miri looks at: modules and tests that handle memory, and do not take it
/// minutes.
const MODULES: [&str; 10] = [
    "arena::",
    "column::",
    "node::",
    "results::",
    "lent::argument",
    "lent::column",
    "lent::empty",
    "lent::only",
    "states::",
    "table::",
];

/// Runs the tests of what is pure Rust in the SDK and the ABI.
pub(crate) fn test(workspace: &Workspace) -> Result<(), Failure> {
    under_address_sanitizer(workspace)?;
    under_miri(workspace)
}

fn under_miri(workspace: &Workspace) -> Result<(), Failure> {
    let miri = |words: &[&str]| {
        let mut command = workspace.program("rustup");
        command
            .args(["run", "nightly", "cargo", "miri"])
            .args(words);
        command
    };
    if let Err(reason) = quietly(&mut miri(&["setup"]), SET_UP_LIMIT) {
        eprintln!("== miri: left out: {reason}");
        return Ok(());
    }
    let mut command = miri(&["test", "--lib", "--package", "fusebox-sdk"]);
    command.args(["--features", "fusebox-sdk/arrow"]);
    let built = workspace.executables.with_file_name("miri-build");
    command
        .arg("--target-dir")
        .arg(built)
        .arg("--")
        .args(MODULES);
    run("miri", &mut command)
}

fn under_address_sanitizer(workspace: &Workspace) -> Result<(), Failure> {
    let host = match host(workspace) {
        Ok(host) => host,
        Err(reason) => {
            eprintln!("== sanitize: left out: {reason}");
            return Ok(());
        }
    };
    let mut command = workspace.program("rustup");
    command.args(["run", "nightly", "cargo", "test", "--lib"]);
    command.args(["--package", "fusebox-abi", "--package", "fusebox-sdk"]);
    // The first two here, and not in the workspace, whose DataFusion has its own
    // chrono.
    let features = "fusebox-sdk/chrono,fusebox-sdk/jiff,fusebox-sdk/arrow";
    command.args(["--features", features]);
    // Named, so that the flags are not for the macros, which the compiler loads.
    command.args(["--target", &host]);
    command.env("RUSTFLAGS", "-Zsanitizer=address");
    // Looking for leaks needs rights that containers often have not.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    let built = workspace.executables.with_file_name("sanitize-build");
    command.arg("--target-dir").arg(built);
    run("sanitize", &mut command)
}

/// What the nightly compiler compiles for, if there is one.
fn host(workspace: &Workspace) -> Result<String, String> {
    let mut command = workspace.program("rustup");
    let about = quietly(command.args(["run", "nightly", "rustc", "-vV"]), LIMIT)?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "the nightly rustc does not say what it compiles for".to_owned())
}
