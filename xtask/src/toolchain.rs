//! Rust toolchains that compile for other machines, installed if missing.
//!
//! In this order: the toolchain in use; the same with a target that rustup adds;
//! Debian's own Rust, for machines without rustup or without a network to it.
//! Debian packages no compiled standard library for Wasm, but its source.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::failure::Failure;
use crate::workspace::{Workspace, quietly};

/// The target of every guest.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's Rust for building web browsers: the compiler, cargo, the source
/// of the standard library, and the linker for Wasm.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// Time to fetch a standard library over a slow connection.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// Time for a command that needs no network.
const LOCAL_LIMIT: Duration = Duration::from_secs(30);

/// A toolchain that compiles to Wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one that compiled this program.
    Active,
    /// Debian's, which compiles the standard library with each guest.
    Debian,
}

impl Toolchain {
    /// Finds a toolchain, installing what is missing.
    ///
    /// # Errors
    ///
    /// [`Failure::NoWasmToolchain`] with the outcome of each attempt.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self, Failure> {
        let mut attempts = Vec::new();
        match complete_active(workspace, TARGET) {
            Ok(()) => return Ok(Self::Active),
            Err(reasons) => attempts.extend(reasons),
        }
        match install_from_debian(workspace, &DEBIAN_PACKAGES) {
            Ok(()) => return Ok(Self::Debian),
            Err(reason) => attempts.push(format!("Debian's packages: {reason}")),
        }
        let packages = DEBIAN_PACKAGES.join(" ");
        Err(Failure::NoWasmToolchain { attempts, packages })
    }

    /// Starts a `cargo build` for [`TARGET`]; the caller adds packages and flags.
    pub(crate) fn cargo_build(self, workspace: &Workspace) -> Command {
        let mut command = match self {
            Self::Active => workspace.cargo(),
            Self::Debian => debian_cargo(workspace),
        };
        remove_flags(&mut command);
        command.args(["build", "--target", TARGET]);
        if self == Self::Debian {
            command.args(["-Z", "build-std=std,panic_abort"]);
        }
        command
    }
}

/// Installs a standard library for `target` in the toolchain in use, if there is
/// none.
///
/// # Errors
///
/// One line for each attempt.
pub(crate) fn complete_active(workspace: &Workspace, target: &str) -> Result<(), Vec<String>> {
    if active_has_target(workspace, target) {
        return Ok(());
    }
    let missing = format!("the rustc in use has no library for {target}");
    let added = match add_with_rustup(workspace, target) {
        Ok(()) if active_has_target(workspace, target) => return Ok(()),
        Ok(()) => "rustup added the target to another rustc".to_owned(),
        Err(reason) => format!("rustup target add: {reason}"),
    };
    Err(vec![missing, added])
}

/// Removes compiler flags of the environment, which are meant for the host.
pub(crate) fn remove_flags(command: &mut Command) {
    for name in [
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
    ] {
        command.env_remove(name);
    }
}

/// Installs `cargo fmt` and `cargo clippy`, which rustup's minimal profile lacks.
/// An error is not reported here, since the steps that need them fail with it.
pub(crate) fn require_components(workspace: &Workspace) {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let mut version = workspace.cargo();
        if quietly(version.args([subcommand, "--version"]), LOCAL_LIMIT).is_err() {
            let mut add = workspace.program("rustup");
            let _ = quietly(add.args(["component", "add", component]), DOWNLOAD_LIMIT);
        }
    }
}

fn debian_cargo(workspace: &Workspace) -> Command {
    let mut command = workspace.program("/usr/bin/cargo");
    // Variables that point to the other toolchain.
    for name in [
        "LD_LIBRARY_PATH",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
    ] {
        command.env_remove(name);
    }
    command.env("RUSTC", "/usr/bin/rustc");
    // Building the standard library is a nightly feature of a stable compiler.
    command.env("RUSTC_BOOTSTRAP", "1");
    // The default is the name of the linker in rustup's toolchains.
    command.env(
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
        "/usr/bin/wasm-ld-22",
    );
    command
}

fn active_has_target(workspace: &Workspace, target: &str) -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = workspace.program(rustc);
    command.args(["--print", "target-libdir", "--target", target]);
    quietly(&mut command, LOCAL_LIMIT).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn add_with_rustup(workspace: &Workspace, target: &str) -> Result<(), String> {
    let mut command = workspace.program("rustup");
    command.args(["target", "add", target]);
    quietly(&mut command, DOWNLOAD_LIMIT).map(|_| ())
}

/// Installs packages of Debian, if they are missing.
///
/// # Errors
///
/// The reason in one line.
pub(crate) fn install_from_debian(workspace: &Workspace, packages: &[&str]) -> Result<(), String> {
    if debian_has_packages(workspace, packages) {
        return Ok(());
    }
    if !Path::new("/etc/debian_version").exists() {
        return Err("this is not Debian".to_owned());
    }
    let id = quietly(workspace.program("id").arg("-u"), LOCAL_LIMIT)?;
    let as_root: &[&str] = if id.trim() == "0" {
        &[]
    } else {
        quietly(workspace.program("sudo").args(["-n", "true"]), LOCAL_LIMIT)
            .map_err(|reason| format!("neither root nor sudo without a password: {reason}"))?;
        &["sudo", "-n"]
    };
    eprintln!("installing {}", packages.join(" "));
    // If this fails, an older list of packages may suffice.
    let _ = quietly(
        &mut apt_get(workspace, as_root, &["update"]),
        DOWNLOAD_LIMIT,
    );
    // Installing must not remove packages.
    let install = ["install", "-y", "--no-install-recommends", "--no-remove"];
    let mut command = apt_get(workspace, as_root, &install);
    quietly(command.args(packages), DOWNLOAD_LIMIT).map(|_| ())
}

fn debian_has_packages(workspace: &Workspace, packages: &[&str]) -> bool {
    let mut command = workspace.program("dpkg-query");
    command.args(["-W", "-f", "${db:Status-Abbrev}\n"]);
    quietly(command.args(packages), LOCAL_LIMIT)
        .is_ok_and(|states| states.lines().all(|state| state.starts_with("ii")))
}

fn apt_get(workspace: &Workspace, as_root: &[&str], arguments: &[&str]) -> Command {
    let words: Vec<&str> = as_root
        .iter()
        .copied()
        .chain(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .chain(arguments.iter().copied())
        .collect();
    let mut command = workspace.program(words[0]);
    command.args(&words[1..]);
    command.args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}
