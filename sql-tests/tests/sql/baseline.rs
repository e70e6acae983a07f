//! Memory and mappings after guests that attack: as before them.

use std::path::PathBuf;
use std::sync::Arc;

use fusebox_sql_tests::Database;
use fusebox_testing::{TWO_ARENAS, memory_mappings, passes_in_own_process, resident_bytes};
use sqllogictest::Runner;
use sqllogictest::harness::Trial;
use tokio::runtime::Builder;

use crate::golden_files::name;
use crate::sessions::TestResult;

const NAME: &str = "hostile_guests_leave_memory_and_mappings_as_they_were";

/// Growth that is no leak: the allocator keeps some memory, threads keep their stacks.
const GROWTH_BYTES: u64 = 64 << 20;
const GROWTH_MAPPINGS: u64 = 200;

/// Runs of all files before and after the first figures.
const WARM_UPS: usize = 2;
const RUNS: usize = 3;

/// Returns the test over the golden files of hostile guests.
pub(crate) fn trials(files: &[PathBuf]) -> Vec<Trial> {
    let hostile = |path: &&PathBuf| name(path).contains("hostile");
    let files: Vec<_> = files.iter().filter(hostile).cloned().collect();
    let test = move || match passes_in_own_process(NAME, &[TWO_ARENAS]) {
        true => Ok(()),
        false => check(&files),
    };
    vec![Trial::test(NAME, test)]
}

/// Resident memory in bytes and memory mappings of this process.
#[derive(Debug)]
struct Figures {
    bytes: u64,
    mappings: u64,
}

impl Figures {
    fn take() -> Self {
        Self {
            bytes: resident_bytes(),
            mappings: memory_mappings(),
        }
    }
}

fn check(files: &[PathBuf]) -> TestResult {
    if !cfg!(target_os = "linux") {
        println!("mappings are not listed here");
        return Ok(());
    }
    let runtime = Arc::new(
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?,
    );
    let run = || -> TestResult {
        for file in files {
            let mut runner = Runner::new(|| async { Ok(Database::new(Arc::clone(&runtime))) });
            runner.run_file(file)?;
        }
        Ok(())
    };
    for _ in 0..WARM_UPS {
        run()?;
    }
    let before = Figures::take();
    for _ in 0..RUNS {
        run()?;
    }
    let after = Figures::take();
    println!("before: {before:?}, after {RUNS} runs of the hostile guests: {after:?}");
    if before.bytes == 0
        || after.bytes > before.bytes + GROWTH_BYTES
        || after.mappings > before.mappings + GROWTH_MAPPINGS
    {
        return Err(format!("expected the figures before, {before:?}, found {after:?}").into());
    }
    Ok(())
}
