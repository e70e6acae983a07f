//! The compile errors of invalid functions.
//!
//! Every file in `compile_errors` is compiled as a separate program. A comment
//! with a caret marks the column in the line above where an error starts, and
//! contains a part of its message. There are no other errors.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const SDK: &str = env!("CARGO_MANIFEST_DIR");

/// An error: the line and the column of its start, both from 1, and its
/// message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CompileError {
    file: String,
    line: usize,
    column: usize,
    message: String,
}

#[test]
fn compile_errors_are_reported_at_their_cause() {
    let fixtures = fixtures();
    let package = package(&fixtures);
    let actual = compile_errors(&package);
    let expected: Vec<CompileError> = fixtures.iter().flat_map(|path| annotations(path)).collect();
    assert!(expected.len() > 20, "the fixtures were found");
    let matches = |expected: &&CompileError, actual: &&CompileError| {
        (&expected.file, expected.line, expected.column)
            == (&actual.file, actual.line, actual.column)
            && actual.message.contains(&expected.message)
    };
    let missing: Vec<&CompileError> = expected
        .iter()
        .filter(|expected| !actual.iter().any(|actual| matches(expected, &actual)))
        .collect();
    let unexpected: Vec<&CompileError> = actual
        .iter()
        .filter(|actual| !expected.iter().any(|expected| matches(&expected, actual)))
        .collect();
    assert!(
        missing.is_empty() && unexpected.is_empty(),
        "missing: {missing:#?}\nunexpected: {unexpected:#?}"
    );
}

fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("{SDK}/tests/compile_errors")).unwrap();
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
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_errors");
    fs::create_dir_all(&directory).unwrap();
    let mut manifest = format!(
        "[package]\nname = \"compile_errors\"\nedition = \"2024\"\n\
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

/// Compiles the package, and collects the errors of its programs.
fn compile_errors(manifest: &Path) -> BTreeSet<CompileError> {
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
    let compile_errors: BTreeSet<CompileError> =
        messages.lines().filter_map(compile_error).collect();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(!compile_errors.is_empty(), "nothing was compiled: {log}");
    compile_errors
}

/// Parses a message of Cargo; none if it is not an error in a fixture.
fn compile_error(message: &str) -> Option<CompileError> {
    let message: Value = serde_json::from_str(message).unwrap();
    let error = &message["message"];
    if error["level"] != "error" {
        return None;
    }
    let mut spans = error["spans"].as_array()?.iter();
    let span = spans.find(|span| span["is_primary"] == true)?;
    Some(CompileError {
        file: name(Path::new(span["file_name"].as_str()?)),
        line: span["line_start"].as_u64()? as usize,
        column: span["column_start"].as_u64()? as usize,
        message: error["message"].as_str()?.to_owned(),
    })
}

/// Returns the errors that the comments of a fixture expect.
fn annotations(path: &Path) -> Vec<CompileError> {
    let text = fs::read_to_string(path).unwrap();
    let mut code_line = 0;
    let mut expected = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let comment = text.trim_start().strip_prefix("//").map(str::trim_start);
        match comment.and_then(|comment| comment.strip_prefix("^ ")) {
            Some(message) => expected.push(CompileError {
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
