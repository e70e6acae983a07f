//! Other sandboxes that the suite compares with, and their guests.
//!
//! They are a separate workspace, `benches/peers`, whose dependencies are fetched
//! from the registry at the first build. The program and its guests are copied to
//! `target/peers` of the checkout.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::process::Command;

use crate::failure::Failure;
use crate::guests::copy_if_changed;
use crate::toolchain::{TARGET, complete_active, remove_flags};
use crate::workspace::{Workspace, run};

/// The target that arrow-udf requires.
const WASI: &str = "wasm32-wasip1";

/// Packages with the names of their libraries, and their targets.
const GUESTS: [(&str, &str, &str); 4] = [
    ("peers-arrow-udf", "arrow_udf_functions", WASI),
    ("peers-ipc-component", "ipc_component", TARGET),
    ("peers-ipc-module", "ipc_module", TARGET),
    ("peers-rows", "rows", TARGET),
];

/// The features that the bundled functions are compiled with.
const RUSTFLAGS: &str = "-C target-feature=+simd128";

/// Compiles the program and its guests. If a target or the sources cannot be
/// installed, prints the reasons and leaves no program, and the suite runs
/// without them.
pub(crate) fn build(workspace: &Workspace) -> Result<(), Failure> {
    let finished = workspace.root.join("target/peers");
    let program = finished.join(format!("peers{EXE_SUFFIX}"));
    if let Err(reasons) = complete(workspace) {
        eprintln!("the suite runs without other sandboxes:");
        for reason in reasons {
            eprintln!("  - {reason}");
        }
        // A program of an older build must not be measured in its place.
        return match program.exists() {
            true => fs::remove_file(&program)
                .map_err(Failure::io(format!("remove {}", program.display()))),
            false => Ok(()),
        };
    }
    let built = workspace.executables.with_file_name("peers-build");
    let cargo_build = || {
        let mut command = cargo(workspace, "build");
        command.arg("--target-dir").arg(&built);
        command
    };
    for target in [WASI, TARGET] {
        let mut command = cargo_build();
        remove_flags(&mut command);
        let name = target.to_uppercase().replace('-', "_");
        command
            .env(format!("CARGO_TARGET_{name}_RUSTFLAGS"), RUSTFLAGS)
            // Replaces a random number, as for the bundled guests with arrow-rs.
            .env("CONST_RANDOM_SEED", "0")
            .args(["--profile", "guest", "--target", target]);
        for (package, ..) in GUESTS.iter().filter(|guest| guest.2 == target) {
            command.args(["--package", package]);
        }
        run("guests of other sandboxes", &mut command)?;
    }
    let mut command = cargo_build();
    run(
        "other sandboxes",
        command.args(["--release", "--package", "peers"]),
    )?;

    fs::create_dir_all(&finished).map_err(Failure::io(format!("create {}", finished.display())))?;
    for (_, library, target) in GUESTS {
        let name = format!("{library}.wasm");
        let guest = built.join(target).join("guest").join(&name);
        copy_if_changed(&guest, &finished.join(&name))?;
    }
    let release = built.join(format!("release/peers{EXE_SUFFIX}"));
    let copied = fs::copy(&release, &program);
    copied.map_err(Failure::io(format!("copy {}", release.display())))?;
    Ok(())
}

/// Installs the targets and fetches the sources.
///
/// # Errors
///
/// One line for each attempt.
fn complete(workspace: &Workspace) -> Result<(), Vec<String>> {
    for target in [WASI, TARGET] {
        complete_active(workspace, target)?;
    }
    let fetched = run("sources of other sandboxes", &mut cargo(workspace, "fetch"));
    fetched.map_err(|failure| vec![failure.to_string()])
}

fn cargo(workspace: &Workspace, subcommand: &str) -> Command {
    let mut command = workspace.cargo();
    command.args([subcommand, "--locked", "--manifest-path"]);
    command.arg("benches/peers/Cargo.toml");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists the versions of a package in a lock file.
    fn versions<'a>(lock: &'a str, package: &str) -> Vec<&'a str> {
        let name = format!("name = \"{package}\"\nversion = \"");
        let versions = lock.split(&name).skip(1);
        versions.filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn lock_files_have_the_same_versions_of_shared_crates() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let [ours, theirs] = ["Cargo.lock", "benches/peers/Cargo.lock"]
            .map(|lock| fs::read_to_string(format!("{root}/{lock}")).unwrap());
        for package in ["libm", "regex-lite", "serde_json", "strsim", "wasmtime"] {
            let [ours, theirs] = [&ours, &theirs].map(|lock| versions(lock, package));
            assert_eq!(ours.len(), 1, "{package}");
            assert!(theirs.contains(&ours[0]), "{package}: {ours:?} {theirs:?}");
        }
        // Wasmtime depends on an older one as well.
        let newest = [&ours, &theirs].map(|lock| versions(lock, "sha2").pop());
        assert!(newest[0].is_some() && newest[0] == newest[1], "{newest:?}");
    }
}
