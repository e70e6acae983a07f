//! DataFusion's own test files, with functions of DataFusion replaced by twins
//! in Wasm.
//!
//! The suite is that of the crate `datafusion-sqllogictest`, and what each
//! record says there is what must come out here. A file runs in the context
//! that DataFusion's runner makes for it, in a session of ours over that in
//! which `CREATE OR REPLACE FUNCTION` has replaced every function of
//! [`twins`]. Its statements go through `Session::sql`, as those of a program
//! would, and not through the context: that Fusebox leaves DataFusion's
//! statements alone is part of what is tested.
//!
//! Where a record fails, the file runs again in a plain context. A record that
//! fails there too, since its data is not shipped for example, says nothing of
//! ours. Each that fails only here stands in `differences.txt` with its cause,
//! and each that stands there must fail.
//!
//! The files that call one of the functions always run. All run, which takes
//! some minutes, with
//!
//! ```text
//! OUTSIDE=all cargo test --workspace --test sql -- outside
//! ```

// The records that differ, each with its cause.
mod differences;

// A file, record by record.
mod file;

// A session as a database of sqllogictest.
mod database;

// The test files.
mod suite;

// The functions that are replaced.
mod twins;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fusebox_sql_tests::workspace;
use sqllogictest::harness::{Failed, Trial};
use tokio::runtime::Runtime;

use self::differences::{Cause, Differences};
use self::file::Engine;
use self::twins::every_function_of_the_twins_is_replaced;

/// What has come out of the files that ran.
#[derive(Default)]
pub(crate) struct Summary {
    files: usize,
    records: usize,
    /// Those that fail with DataFusion's functions too, and in how many files.
    as_built_in: (usize, usize),
    differing: BTreeMap<Cause, usize>,
}

/// A test for each file.
pub(crate) fn trials(runtime: &Arc<Runtime>) -> (Vec<Trial>, Arc<Mutex<Summary>>) {
    let summary = Arc::<Mutex<Summary>>::default();
    let trials = match prepare() {
        Ok((files, differences)) => {
            let differences = Arc::new(differences);
            let trial = |file: PathBuf| {
                let runtime = Arc::clone(runtime);
                let (differences, summary) = (Arc::clone(&differences), Arc::clone(&summary));
                let name = format!("outside/{}", file.display());
                let check = async move || check(&file, &differences, &summary).await;
                Trial::test(name, move || runtime.block_on(check()))
            };
            files.into_iter().map(trial).collect()
        }
        Err(error) => vec![Trial::test("outside", || Err(error.into()))],
    };
    let replaced = trial!(runtime, every_function_of_the_twins_is_replaced);
    (trials.into_iter().chain([replaced]).collect(), summary)
}

/// The files to run, and how they differ.
fn prepare() -> Result<(Vec<PathBuf>, Differences), String> {
    if !workspace().join("target/guests/twins.wasm").exists() {
        return Err("build the guests first: cargo xtask guests".to_owned());
    }
    let mut files = suite::enter()?;
    let differences = Differences::read()?;
    differences.check_files(&files)?;
    if std::env::var_os("OUTSIDE").is_none_or(|which| which != "all") {
        let mut calling = Vec::new();
        for file in files {
            if suite::calls_a_twin(&file)? {
                calling.push(file);
            }
        }
        files = calling;
    }
    match files.len() {
        // Or the rule that picks them is wrong.
        0..30 => Err(format!("there are only {} files", files.len())),
        _ => Ok((files, differences)),
    }
}

async fn check(
    path: &Path,
    differences: &Differences,
    summary: &Mutex<Summary>,
) -> Result<(), Failed> {
    let mut outcomes = file::run(path, Engine::Fusebox).await?;
    let records = outcomes.len();
    outcomes.retain(|outcome| outcome.failure.is_some());
    let failed = outcomes.len();
    if failed > 0 {
        let built_in = file::run(path, Engine::BuiltIn).await?;
        let fails = |at: &str| built_in.iter().any(|o| o.at == at && o.failure.is_some());
        outcomes.retain(|outcome| !fails(&outcome.at));
    }
    let as_built_in = failed - outcomes.len();
    let causes = differences.check(path, &outcomes)?;
    let mut summary = summary.lock().expect("no test fails while it counts");
    // Some are for a feature that is off.
    summary.files += usize::from(records > 0);
    summary.records += records;
    summary.as_built_in.0 += as_built_in;
    summary.as_built_in.1 += usize::from(as_built_in > 0);
    for cause in causes {
        *summary.differing.entry(cause).or_default() += 1;
    }
    Ok(())
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (records, files) = self.as_built_in;
        writeln!(
            f,
            "outside: {} records of {} files, of which {records} in {files} files fail with \
             DataFusion's functions too, and {} differ:",
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
    /// Prints it, if anything ran.
    pub(crate) fn print(&self) {
        if self.files > 0 {
            print!("{self}");
        }
    }
}
