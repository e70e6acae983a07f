//! Guests in other languages than Rust, compiled to Wasm.
//!
//! Each is one module with functions of the same names, so that one golden file asks all of
//! them the same. A language whose compiler is missing is skipped, and its module removed: no
//! test runs a module of older sources.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::compilers::{self, Missing};
use crate::failure::Failure;
use crate::guests::copy_if_changed;
use crate::steps::{Outcome, Steps};
use crate::workspace::{Workspace, run};

/// A guest: the names of its step and of its module, and the command that compiles it.
struct Guest {
    step: &'static str,
    module: &'static str,
    command: fn(&Workspace, output: &Path) -> Result<Command, Missing>,
}

const GUESTS: [Guest; 4] = [
    Guest {
        step: "guest in C",
        module: "c",
        command: c,
    },
    Guest {
        step: "guest in Zig",
        module: "zig",
        command: zig,
    },
    Guest {
        step: "guest in Go",
        module: "go",
        command: go,
    },
    Guest {
        step: "guest in AssemblyScript",
        module: "assemblyscript",
        command: assemblyscript,
    },
];

/// One that takes long to compile, there and here: the whole interpreter is in it.
const INTERPRETED: Guest = Guest {
    step: "guest in Python",
    module: "python",
    command: python,
};

/// Flags of clang for a module without a C library. The small shadow stack fits into the first
/// page with all statics, since the reset before each call compares all memory.
const C_FLAGS: [&str; 9] = [
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-mbulk-memory",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,-z,stack-size=16384",
    "-Wl,--strip-debug",
];

/// Flags of Zig for the same.
const ZIG_FLAGS: [&str; 8] = [
    "-target",
    "wasm32-freestanding",
    "-fno-entry",
    "-rdynamic",
    "-fstrip",
    "-OReleaseFast",
    "--stack",
    "16384",
];

/// Flags of Go for a module with exports, without symbols, whose bytes do not depend on the
/// path of the checkout.
const GO_FLAGS: [&str; 5] = [
    "build",
    "-trimpath",
    "-buildvcs=false",
    "-buildmode=c-shared",
    "-ldflags=-s -w",
];

/// Flags of AssemblyScript for a module without a garbage collector, whose memory the reset
/// before each call frees, and without a shadow stack, which only a collector needs.
const ASSEMBLYSCRIPT_FLAGS: [&str; 6] = [
    "-O3",
    "--runtime",
    "stub",
    "--exportRuntime",
    "--stackSize",
    "0",
];

/// Compiles the guest of each language to `target/guests/*.wasm`, a step for each; with
/// `is_all`, that with an interpreter too.
///
/// # Errors
///
/// [`Failure::Step`] if a source does not compile.
pub(crate) fn build(workspace: &Workspace, steps: &mut Steps, is_all: bool) -> Result<(), Failure> {
    let guests = workspace.root.join("target/guests");
    let built = compilers::folder(workspace).join("guests");
    for folder in [&guests, &built] {
        fs::create_dir_all(folder).map_err(Failure::io(format!("create {}", folder.display())))?;
    }
    for guest in GUESTS.iter().chain(is_all.then_some(&INTERPRETED)) {
        let file = format!("{}.wasm", guest.module);
        let (output, copy) = (built.join(&file), guests.join(&file));
        let result = match (guest.command)(workspace, &output) {
            Ok(mut command) => run(guest.step, &mut command)
                .and_then(|()| copy_if_changed(&output, &copy))
                .map(|()| Outcome::Passed),
            Err(Missing { reason, install }) => {
                // An error means that there is none.
                let _ = fs::remove_file(copy);
                Ok(Outcome::Skipped { reason, install })
            }
        };
        steps.attempt(guest.step, result)?;
    }
    Ok(())
}

/// Zig has clang in it; a clang of the system serves as well.
fn c(workspace: &Workspace, output: &Path) -> Result<Command, Missing> {
    let mut command = match compilers::zig(workspace) {
        Ok(mut zig) => {
            zig.args(["cc", "-target", "wasm32-freestanding"]);
            zig
        }
        Err(missing) => {
            let mut clang = compilers::clang(workspace).ok_or(missing)?;
            clang.arg("--target=wasm32");
            clang
        }
    };
    command.args(C_FLAGS).args(["-I", "udf-sdk/c", "-o"]);
    command.arg(output).arg("udfs/c/functions.c");
    Ok(command)
}

fn zig(workspace: &Workspace, output: &Path) -> Result<Command, Missing> {
    let mut command = compilers::zig(workspace)?;
    command.arg("build-exe").args(ZIG_FLAGS);
    command.args(["--dep", "fusebox", "-Mroot=udfs/zig/functions.zig"]);
    command.arg("-Mfusebox=udf-sdk/zig/fusebox.zig");
    command.arg(format!("-femit-bin={}", output.display()));
    Ok(command)
}

fn go(workspace: &Workspace, output: &Path) -> Result<Command, Missing> {
    let mut command = compilers::go(workspace)?;
    command.current_dir(workspace.root.join("udfs/go"));
    command.args(GO_FLAGS).arg("-o").arg(output).arg(".");
    Ok(command)
}

fn python(workspace: &Workspace, output: &Path) -> Result<Command, Missing> {
    let mut command = compilers::componentize_py(workspace)?;
    command.args(["-d", "udfs/component/wit", "-w", "examples", "componentize"]);
    // Without the imports of the interpreter, which no function uses.
    command.arg("--stub-wasi");
    // A copy, since the interpreter writes what it compiles beside the source.
    let sources = output.with_file_name("python");
    let source = workspace.root.join("udfs/python/functions.py");
    let copied =
        fs::create_dir_all(&sources).and_then(|()| fs::copy(&source, sources.join("functions.py")));
    copied.map_err(|error| Missing {
        reason: format!("{}: {error}", sources.display()),
        install: "make that folder writable".to_owned(),
    })?;
    command.arg("-p").arg(sources).arg("-o").arg(output);
    command.arg("functions");
    Ok(command)
}

fn assemblyscript(workspace: &Workspace, output: &Path) -> Result<Command, Missing> {
    let mut command = compilers::assemblyscript(workspace)?;
    command.arg("udfs/assemblyscript/functions.ts");
    command.args(ASSEMBLYSCRIPT_FLAGS).arg("-o").arg(output);
    Ok(command)
}
