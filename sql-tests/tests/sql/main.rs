//! Runs every golden file, DataFusion's own test files, and what is easier said
//! in Rust.
//!
//! `UPDATE_SLT=1` writes what came out into the files: read the diff.

/// A test that runs on the runtime.
macro_rules! trial {
    ($runtime:expr, $test:ident) => {{
        let runtime = Arc::clone($runtime);
        Trial::test(stringify!($test), move || runtime.block_on($test()))
    }};
}

mod arrangements;
mod invariance;
mod kinds;
mod outside;
mod twins;
mod types;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fusebox_sql_tests::{Database, workspace};
use sqllogictest::harness::{Arguments, Failed, Trial, glob, run};
use sqllogictest::{Runner, default_column_validator, default_normalizer, default_validator};
use tokio::runtime::Runtime;

fn main() {
    let runtime = Arc::new(Runtime::new().expect("a runtime can be started"));
    let pattern = concat!(env!("CARGO_MANIFEST_DIR"), "/slt/**/*.slt");
    let files = glob(pattern).expect("the pattern is one");
    let files: Result<Vec<_>, _> = files.collect();
    let files = files.expect("the folder can be read");
    assert!(!files.is_empty(), "no files match {pattern}");
    let mut trials: Vec<Trial> = files
        .iter()
        .cloned()
        .map(|path| {
            let runtime = Arc::clone(&runtime);
            Trial::test(name(&path), move || golden(&path, &runtime))
        })
        .collect();
    trials.push(Trial::test(
        "every_hostile_guest_is_used_by_a_golden_file",
        every_hostile_guest_is_used,
    ));
    trials.push(Trial::test(
        "module_of_one_function_has_at_most_25_kib",
        one_function_is_small,
    ));
    trials.extend(arrangements::trials(&runtime, &files));
    trials.extend(twins::trials(&runtime));
    trials.extend(kinds::trials(&runtime));
    trials.extend(types::trials());
    trials.extend(invariance::trials(&runtime));
    let (outside, summary) = outside::trials(&runtime);
    trials.extend(outside);
    let conclusion = run(&Arguments::from_args(), trials);
    if let Ok(summary) = summary.lock() {
        summary.print();
    }
    conclusion.exit();
}

fn name(path: &Path) -> String {
    let below = path.strip_prefix(env!("CARGO_MANIFEST_DIR"));
    below.unwrap_or(path).display().to_string()
}

fn every_hostile_guest_is_used() -> Result<(), Failed> {
    let golden = [
        include_str!("../../slt/hostile.slt"),
        include_str!("../../slt/endless.slt"),
        include_str!("../../slt/features.slt"),
        include_str!("../../slt/limits.slt"),
        include_str!("../../slt/state.slt"),
    ];
    for guest in std::fs::read_dir(workspace().join("udfs/hostile"))? {
        let guest = guest?.file_name().into_string().expect("names are ASCII");
        let path = format!("'udfs/hostile/{guest}'");
        if !golden.iter().any(|golden| golden.contains(&path)) {
            return Err(format!("{guest} is not used").into());
        }
    }
    Ok(())
}

/// A module of one function is small enough to stand in a statement.
fn one_function_is_small() -> Result<(), Failed> {
    let bytes = std::fs::metadata(workspace().join("target/guests/triangle.wasm"))?.len();
    match bytes {
        ..=25_600 => Ok(()),
        _ => Err(format!("{bytes} bytes, of 25 KiB at most").into()),
    }
}

fn golden(path: &PathBuf, runtime: &Arc<Runtime>) -> Result<(), Failed> {
    if !workspace().join("target/guests/geo.wasm").exists() {
        return Err("build the guests first: cargo xtask guests".into());
    }
    let connect = || async { Ok(Database::new(Arc::clone(runtime))) };
    let mut runner = Runner::new(connect);
    if std::env::var_os("UPDATE_SLT").is_none() {
        return Ok(runner.run_file(path)?);
    }
    let update = runner.update_test_file(
        path,
        " ",
        default_validator,
        default_normalizer,
        default_column_validator,
    );
    // Not on the runtime: the database itself waits for that.
    Ok(futures::executor::block_on(update)?)
}
