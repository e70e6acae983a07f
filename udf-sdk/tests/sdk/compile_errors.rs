//! The compile errors of invalid functions.
//!
//! Every file in `compile_errors` is compiled as a separate program, natively and
//! for the target that has the exports. A comment with a caret marks the column in
//! the line above where an error starts, and contains a part of its message. There
//! are no other errors, and each is printed once, in a few lines.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const SDK: &str = env!("CARGO_MANIFEST_DIR");

/// The target of guests.
const WASM: &str = "wasm32-unknown-unknown";

/// The start of an error of a constant, which has some lines for each call.
const IN_CONSTANT: &str = "error[E0080]";

/// Maximum number of lines of any other error, with the lines of the source.
const LINES_MAX: usize = 13;

/// An error: the line and the column of its start, both from 1, and its
/// message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CompileError {
    file: String,
    line: usize,
    column: usize,
    message: String,
    /// The text that is printed; empty if it is expected.
    printed: String,
}

impl fmt::Debug for CompileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file, line, column, ..
        } = self;
        write!(formatter, "{file}.rs:{line}:{column}: {}", self.message)
    }
}

#[test]
fn compile_errors_are_reported_once_at_their_cause() {
    let fixtures = fixtures();
    let package = package(&fixtures);
    let expected: Vec<CompileError> = fixtures.iter().flat_map(|path| annotations(path)).collect();
    assert!(expected.len() > 60, "the fixtures were found");
    check(&expected, compile_errors(&package, None));
    // With arrow-rs, that would compile it for another target.
    if !cfg!(feature = "arrow") && has_wasm() {
        let mut expected = expected;
        let mut actual = compile_errors(&package, Some(WASM));
        // An argument that borrows is another error in an export.
        expected.retain(|error| error.file != "borrowed");
        actual.retain(|error| error.file != "borrowed");
        check(&expected, actual);
    }
}

/// Compares errors with those that are expected, each of which occurs once.
#[track_caller]
fn check(expected: &[CompileError], actual: BTreeSet<CompileError>) {
    for error in &actual {
        let printed = &error.printed;
        // Those of arrays have the bounds of arrow-rs.
        let is_short = printed.lines().count() <= LINES_MAX || error.file == "columns";
        assert!(is_short || printed.starts_with(IN_CONSTANT), "{printed}");
    }
    let mut unexpected: Vec<CompileError> = actual.into_iter().collect();
    let mut missing = Vec::new();
    for expected in expected {
        let found = unexpected.iter().position(|actual| {
            (&expected.file, expected.line, expected.column)
                == (&actual.file, actual.line, actual.column)
                && actual.message.contains(&expected.message)
        });
        match found {
            Some(index) => drop(unexpected.swap_remove(index)),
            None => missing.push(expected),
        }
    }
    assert!(
        missing.is_empty() && unexpected.is_empty(),
        "missing: {missing:#?}\nunexpected: {unexpected:#?}"
    );
}

/// Returns true if the standard library of that target is installed.
fn has_wasm() -> bool {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", WASM])
        .output()
        .unwrap();
    let directory = String::from_utf8(output.stdout).unwrap();
    let is_installed = output.status.success() && Path::new(directory.trim()).exists();
    if !is_installed {
        println!("skipped for {WASM}: rustup target add {WASM}");
    }
    is_installed
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
fn compile_errors(manifest: &Path, target: Option<&str>) -> BTreeSet<CompileError> {
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
        .args(target.map(|target| format!("--target={target}")))
        .env("RUSTFLAGS", "")
        .output()
        .unwrap();
    let messages = String::from_utf8(output.stdout).unwrap();
    // Cargo prints equal errors once.
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
        printed: error["rendered"].as_str()?.trim_end().to_owned(),
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
                printed: String::new(),
            }),
            None => code_line = line,
        }
    }
    expected
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}
