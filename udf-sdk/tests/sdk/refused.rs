//! What the compiler says about functions that SQL could not call.
//!
//! Every file in `refused` is compiled as a program of its own. A comment with
//! a caret says where in the line above an error starts, and what its message
//! contains. There are no other errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const SDK: &str = env!("CARGO_MANIFEST_DIR");

/// Where an error starts, line and column both from 1, and its message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Refusal {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

#[test]
fn wrong_signatures_are_refused_where_they_are_wrong() {
    let fixtures = fixtures();
    let package = package(&fixtures);
    let actual = refusals(&package);
    let expected: Vec<Refusal> = fixtures.iter().flat_map(|path| annotations(path)).collect();
    assert!(expected.len() > 20, "the fixtures were found");
    let is_met = |expected: &&Refusal, actual: &&Refusal| {
        (&expected.file, expected.line, expected.column)
            == (&actual.file, actual.line, actual.column)
            && actual.message.contains(&expected.message)
    };
    let missing: Vec<&Refusal> = expected
        .iter()
        .filter(|expected| !actual.iter().any(|actual| is_met(expected, &actual)))
        .collect();
    let surprising: Vec<&Refusal> = actual
        .iter()
        .filter(|actual| !expected.iter().any(|expected| is_met(&expected, actual)))
        .collect();
    assert!(
        missing.is_empty() && surprising.is_empty(),
        "missing: {missing:#?}\nsurprising: {surprising:#?}"
    );
}

fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("{SDK}/tests/refused")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| match name(path).as_str() {
        "columns" => cfg!(feature = "arrow"),
        "columns_without_arrow" => cfg!(not(feature = "arrow")),
        _ => true,
    });
    paths.sort();
    paths
}

/// Writes a package with one program for each fixture; returns its manifest.
fn package(fixtures: &[PathBuf]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("refused");
    fs::create_dir_all(&directory).unwrap();
    let mut manifest = format!(
        "[package]\nname = \"refused\"\nedition = \"2024\"\n\
         [dependencies]\nfusebox-sdk.path = {SDK:?}\n"
    );
    if cfg!(feature = "arrow") {
        manifest += "fusebox-sdk.features = [\"arrow\"]\n\
                     arrow-array = { version = \"59\", default-features = false }\n";
    }
    manifest += "[workspace]\n";
    for path in fixtures {
        manifest += &format!("[[bin]]\nname = {:?}\npath = {path:?}\n", name(path));
    }
    fs::copy(format!("{SDK}/../Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    let path = directory.join("Cargo.toml");
    fs::write(&path, manifest).unwrap();
    path
}

/// Compiles the package, and collects what its programs are refused for.
fn refusals(manifest: &Path) -> BTreeSet<Refusal> {
    let output = Command::new(env!("CARGO"))
        .args([
            "check",
            "--offline",
            "--keep-going",
            "--message-format=json",
        ])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(manifest.with_file_name("target"))
        .env("RUSTFLAGS", "")
        .output()
        .unwrap();
    let messages = String::from_utf8(output.stdout).unwrap();
    let refusals: BTreeSet<Refusal> = messages.lines().filter_map(refusal).collect();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!refusals.is_empty(), "nothing was compiled: {log}");
    refusals
}

/// Reads one message of Cargo's, if it is an error in a fixture.
fn refusal(message: &str) -> Option<Refusal> {
    let message: Value = serde_json::from_str(message).unwrap();
    let error = &message["message"];
    if error["level"] != "error" {
        return None;
    }
    let mut spans = error["spans"].as_array()?.iter();
    let span = spans.find(|span| span["is_primary"] == true)?;
    Some(Refusal {
        file: name(Path::new(span["file_name"].as_str()?)),
        line: span["line_start"].as_u64()? as usize,
        column: span["column_start"].as_u64()? as usize,
        message: error["message"].as_str()?.to_owned(),
    })
}

/// What the comments of a fixture expect.
fn annotations(path: &Path) -> Vec<Refusal> {
    let text = fs::read_to_string(path).unwrap();
    let mut code_line = 0;
    let mut expected = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let comment = text.trim_start().strip_prefix("//").map(str::trim_start);
        match comment.and_then(|comment| comment.strip_prefix("^ ")) {
            Some(message) => expected.push(Refusal {
                file: name(path),
                line: code_line,
                column: text.find('^').unwrap() + 1,
                message: message.to_owned(),
            }),
            None => code_line = line,
        }
    }
    expected
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}
