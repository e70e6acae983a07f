//! Versions that `fusebox --version` prints.
//!
//! Neither git nor a lock file is needed: what is not found is left out.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Lock files: of the package that is published, and of the workspace.
const LOCKS: [&str; 2] = ["Cargo.lock", "../Cargo.lock"];

/// File with the commit, which cargo adds to the package that is published.
const PACKED: &str = ".cargo_vcs_info.json";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FUSEBOX_COMMIT");
    let given = env::var("FUSEBOX_COMMIT").ok();
    // A repository around an unpacked package is another one.
    let commit = given.or_else(|| match Path::new(PACKED).exists() {
        true => packed_commit(&fs::read_to_string(PACKED).ok()?),
        false => checkout_commit(),
    });
    let lock = LOCKS.iter().find(|lock| Path::new(lock).exists());
    let lock = lock.map_or_else(String::new, |lock| {
        println!("cargo:rerun-if-changed={lock}");
        fs::read_to_string(lock).unwrap_or_default()
    });
    let mut parts = Vec::new();
    parts.extend(commit.map(|commit| format!("commit {commit}")));
    for (package, name) in [("datafusion", "DataFusion"), ("wasmtime", "Wasmtime")] {
        parts.extend(locked(&lock, package).map(|version| format!("{name} {version}")));
    }
    let mut version = env::var("CARGO_PKG_VERSION").expect("cargo sets it");
    if !parts.is_empty() {
        version += &format!(" ({})", parts.join(", "));
    }
    println!("cargo:rustc-env=FUSEBOX_VERSION={version}");
}

/// Returns the commit of the checkout, if there is git and a repository.
fn checkout_commit() -> Option<String> {
    // The log of HEAD grows with each commit, checkout and merge.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).exists()
    {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

/// Returns the commit that cargo wrote into a package, as short as that of git.
fn packed_commit(info: &str) -> Option<String> {
    let (_, rest) = info.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    Some(commit.get(..12).unwrap_or(commit).to_owned())
}

/// Returns the output of git, if there is git and a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// Returns the version of a package in a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}
