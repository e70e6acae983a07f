//! Tests of the SDK, which has unsafe code, with every memory access checked.
//!
//! AddressSanitizer is a nightly feature of the compiler, and Miri a component of
//! nightly toolchains. Neither is installed here; a step without its toolchain is
//! skipped.

use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::steps::Outcome;
use crate::workspace::{Workspace, quietly, run};

/// Time for a compiler to print its version.
const LIMIT: Duration = Duration::from_secs(30);

/// Time for Miri to compile the standard library.
const SET_UP_LIMIT: Duration = Duration::from_secs(300);

/// Modules and tests that Miri runs: they handle memory, and take it no minutes.
const MODULES: [&str; 10] = [
    "arena::",
    "column::",
    "column_builder::",
    "results::",
    "borrowed_arguments::argument",
    "borrowed_arguments::column",
    "borrowed_arguments::empty",
    "borrowed_arguments::only",
    "states::",
    "table::",
];

/// Runs the SDK's unit tests that handle memory in Miri.
pub(crate) fn under_miri(workspace: &Workspace) -> Result<Outcome, Failure> {
    let miri = |words: &[&str]| -> Command {
        let mut command = workspace.program("rustup");
        command.args(["run", "nightly", "cargo", "miri"]);
        command.args(words);
        command
    };
    let skipped = |reason: String| {
        Ok(Outcome::Skipped {
            reason,
            install: "rustup toolchain install nightly --component miri --component rust-src"
                .to_owned(),
        })
    };
    if quietly(&mut miri(&["--version"]), LIMIT).is_err() {
        return skipped("no nightly toolchain with Miri".to_owned());
    }
    if let Err(reason) = quietly(&mut miri(&["setup"]), SET_UP_LIMIT) {
        return skipped(format!("cargo miri setup: {reason}"));
    }
    let mut command = miri(&["test", "--lib", "--package", "fusebox-sdk"]);
    command.args(["--features", "fusebox-sdk/arrow"]);
    let built = workspace.executables.with_file_name("miri-build");
    command.arg("--target-dir").arg(built);
    command.arg("--").args(MODULES);
    run("miri", &mut command).map(|()| Outcome::Passed)
}

/// Runs the unit tests of the SDK and the ABI with AddressSanitizer.
pub(crate) fn under_address_sanitizer(workspace: &Workspace) -> Result<Outcome, Failure> {
    let host = match host(workspace) {
        Ok(host) => host,
        Err(reason) => {
            return Ok(Outcome::Skipped {
                reason,
                install: "rustup toolchain install nightly".to_owned(),
            });
        }
    };
    let mut command = workspace.program("rustup");
    command.args(["run", "nightly", "cargo", "test", "--lib"]);
    command.args(["--package", "fusebox-abi", "--package", "fusebox-sdk"]);
    // The first three are off in the workspace, since DataFusion has its own
    // version of chrono.
    let features = "fusebox-sdk/chrono,fusebox-sdk/jiff,fusebox-sdk/rust_decimal,fusebox-sdk/arrow";
    command.args(["--features", features]);
    // With an explicit target, the flags are not applied to the macros, which
    // the compiler loads into itself.
    command.args(["--target", &host]);
    command.env("RUSTFLAGS", "-Zsanitizer=address");
    // The search for leaks needs ptrace, which containers often forbid.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    let built = workspace.executables.with_file_name("sanitize-build");
    command.arg("--target-dir").arg(built);
    run("sanitize", &mut command).map(|()| Outcome::Passed)
}

/// The target triple of the nightly compiler.
fn host(workspace: &Workspace) -> Result<String, String> {
    let mut command = workspace.program("rustup");
    let about = quietly(command.args(["run", "nightly", "rustc", "-vV"]), LIMIT)
        .map_err(|_| "no nightly toolchain".to_owned())?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "nightly `rustc -vV` prints no host".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn filters_for_miri_match_tests() {
        // A filter that matches no test would pass without running one.
        let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../udf-sdk/src");
        for filter in MODULES {
            let (module, test) = filter.split_once("::").unwrap_or((filter, ""));
            let file = Path::new(sources).join(format!("{module}.rs"));
            let folder = Path::new(sources).join(module);
            assert!(file.exists() || folder.exists(), "{filter}");
            if !test.is_empty() {
                let text = fs::read_to_string(file).unwrap();
                assert!(text.contains(&format!("fn {test}")), "{filter}");
            }
        }
    }
}
