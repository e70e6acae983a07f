//! Versions that `fusebox --version` prints.
//!
//! Neither git nor a lock file is needed: what is not found is left out.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

const LOCK: &str = "../Cargo.lock";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FUSEBOX_COMMIT");
    let given = env::var("FUSEBOX_COMMIT").ok();
    let commit = given.or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    // The log of HEAD grows with each commit, checkout and merge.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && Path::new(&log).exists()
    {
        println!("cargo:rerun-if-changed={log}");
    }
    let lock = fs::read_to_string(LOCK).unwrap_or_default();
    if !lock.is_empty() {
        println!("cargo:rerun-if-changed={LOCK}");
    }
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
