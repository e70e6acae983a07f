//! Golden files: SQL with the results and errors that it must give.

use std::path::PathBuf;
use std::sync::Arc;

use fusebox_sql_tests::{Database, workspace_root};
use sqllogictest::harness::{Failed, Trial};
use sqllogictest::{Runner, default_column_validator, default_normalizer, default_validator};
use tokio::runtime::Runtime;

use crate::golden_files::name;

/// Returns a test for each file, and tests of the guests that they use.
pub(crate) fn trials(runtime: &Arc<Runtime>, files: &[PathBuf]) -> Vec<Trial> {
    let trial = |path: &PathBuf| {
        let (runtime, path) = (Arc::clone(runtime), path.clone());
        Trial::test(name(&path), move || run_or_update(&path, &runtime))
    };
    let mut trials: Vec<Trial> = files.iter().map(trial).collect();
    let files = files.to_vec();
    trials.push(Trial::test(
        "every_hostile_guest_is_used_by_a_golden_file",
        move || every_hostile_guest_is_used(&files),
    ));
    trials.push(Trial::test(
        "module_of_one_function_has_at_most_28_kib",
        module_of_one_function_is_small,
    ));
    trials
}

fn run_or_update(path: &PathBuf, runtime: &Arc<Runtime>) -> Result<(), Failed> {
    if !workspace_root().join("target/guests/geo.wasm").exists() {
        return Err("the guests are not built: run cargo xtask guests".into());
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
    // Blocks outside the runtime, since the database blocks on the runtime itself.
    Ok(futures::executor::block_on(update)?)
}

fn every_hostile_guest_is_used(files: &[PathBuf]) -> Result<(), Failed> {
    let golden: Result<Vec<_>, _> = files.iter().map(std::fs::read_to_string).collect();
    let golden = golden?;
    for guest in std::fs::read_dir(workspace_root().join("udfs/hostile"))? {
        let guest = guest?.file_name().into_string().expect("names are ASCII");
        let path = format!("'udfs/hostile/{guest}'");
        if !golden.iter().any(|golden| golden.contains(&path)) {
            return Err(format!("no golden file uses udfs/hostile/{guest}").into());
        }
    }
    Ok(())
}

/// Checks that a module of one function is small enough to be written into a
/// statement as base64.
fn module_of_one_function_is_small() -> Result<(), Failed> {
    let bytes = std::fs::metadata(workspace_root().join("target/guests/triangle.wasm"))?.len();
    match bytes {
        ..=28_672 => Ok(()),
        _ => Err(format!("expected at most 28672 bytes, found {bytes}").into()),
    }
}
