//! DataFusion's own test files, with built-in functions replaced by Wasm.
//!
//! The files are those of the crate `datafusion-sqllogictest`, and every record must
//! have the result that the file states. A file runs in the context that DataFusion's
//! runner creates for it, in a Fusebox session over that context, in which `CREATE OR
//! REPLACE FUNCTION` has replaced every function of [`replacements`]. Statements are
//! executed by `Session::sql` and not by the context, so that Fusebox's handling of
//! DataFusion's statements is tested too.
//!
//! A file in which a record fails runs again in a plain context. Records that fail
//! there too, for example because their data is not shipped, are not counted against
//! Fusebox. Each record that fails only with Fusebox is listed in
//! `known_differences.txt` with its cause, and each listed record must fail.
//!
//! By default only the files run that call a replaced function. All files run, in
//! some minutes, with
//!
//! ```text
//! DATAFUSION_SUITE=all cargo test --workspace --test sql -- datafusion_suite
//! ```

// The records that differ, each with its cause.
mod known_differences;

// A file, record by record.
mod run_file;

// A session as a sqllogictest database.
mod database;

// The test files.
mod test_files;

// The functions that are replaced.
mod replacements;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fusebox_sql_tests::workspace_root;
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

use self::known_differences::{Cause, KnownDifferences};
use self::replacements::every_listed_function_is_replaced;
use self::run_file::Engine;

/// Counts of the records that ran.
#[derive(Default)]
pub(crate) struct Summary {
    files: usize,
    records: usize,
    /// Records that fail without Fusebox too, and files with such records.
    failing_without_fusebox: (usize, usize),
    differing: BTreeMap<Cause, usize>,
}

/// Returns a test for each file, and the summary that they fill.
pub(crate) fn trials(runtime: &Arc<Runtime>) -> (Vec<Trial>, Arc<Mutex<Summary>>) {
    let summary = Arc::<Mutex<Summary>>::default();
    let trials = match prepare() {
        Ok((files, known)) => {
            let known = Arc::new(known);
            let trial = |file: PathBuf| {
                let runtime = Arc::clone(runtime);
                let (known, summary) = (Arc::clone(&known), Arc::clone(&summary));
                let name = format!("datafusion_suite/{}", file.display());
                let check = async move || check(&file, &known, &summary).await;
                Trial::test(name, move || runtime.block_on(check()))
            };
            files.into_iter().map(trial).collect()
        }
        Err(error) => vec![Trial::test("datafusion_suite", || Err(error.into()))],
    };
    let replaced = trial!(runtime, every_listed_function_is_replaced);
    (trials.into_iter().chain([replaced]).collect(), summary)
}

/// Returns the files to run, and the known differences.
fn prepare() -> Result<(Vec<PathBuf>, KnownDifferences), String> {
    if !workspace_root().join("target/guests/twins.wasm").exists() {
        return Err("the guests are not built: run cargo xtask guests".to_owned());
    }
    let mut files = test_files::copy_and_enter()?;
    let known = KnownDifferences::read()?;
    known.check_files(&files)?;
    if std::env::var_os("DATAFUSION_SUITE").is_none_or(|value| value != "all") {
        let mut calling = Vec::new();
        for file in files {
            if test_files::calls_replaced_function(&file)? {
                calling.push(file);
            }
        }
        files = calling;
    }
    match files.len() {
        // Fewer would mean that the selection is wrong.
        0..30 => Err(format!("expected at least 30 files, found {}", files.len())),
        _ => Ok((files, known)),
    }
}

async fn check(
    path: &Path,
    known: &KnownDifferences,
    summary: &Mutex<Summary>,
) -> Result<(), Failed> {
    let mut outcomes = run_file::run(path, Engine::Fusebox).await?;
    let records = outcomes.len();
    outcomes.retain(|outcome| outcome.failure.is_some());
    let failed = outcomes.len();
    if failed > 0 {
        let built_in = run_file::run(path, Engine::BuiltIn).await?;
        let fails = |at: &str| built_in.iter().any(|o| o.at == at && o.failure.is_some());
        outcomes.retain(|outcome| !fails(&outcome.at));
    }
    let failing_without_fusebox = failed - outcomes.len();
    let causes = known.check(path, &outcomes)?;
    let mut summary = summary.lock().expect("no test panics while it counts");
    // A file for a disabled feature has no records.
    summary.files += usize::from(records > 0);
    summary.records += records;
    summary.failing_without_fusebox.0 += failing_without_fusebox;
    summary.failing_without_fusebox.1 += usize::from(failing_without_fusebox > 0);
    for cause in causes {
        *summary.differing.entry(cause).or_default() += 1;
    }
    Ok(())
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (records, files) = self.failing_without_fusebox;
        writeln!(
            f,
            "datafusion_suite: {} records of {} files ran; {records} in {files} files fail \
             without Fusebox too, {} differ:",
            self.records,
            self.files,
            self.differing.values().sum::<usize>()
        )?;
        for (cause, records) in &self.differing {
            writeln!(f, "{records:6} {cause}")?;
        }
        Ok(())
    }
}

impl Summary {
    /// Prints the counts, if any file ran.
    pub(crate) fn print(&self) {
        if self.files > 0 {
            print!("{self}");
        }
    }
}
