//! Sessions of random statements, the same in every run.
//!
//! `FUSEBOX_FUZZ_SECONDS` sets the time and `FUSEBOX_FUZZ_SEED` other sessions, as for the
//! targets in `fuzz/targets`.

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use fusebox_sql_tests::{fuzz_session, workspace_root};
use sqllogictest::harness::Trial;

use crate::rng::Rng;
use crate::sessions::TestResult;

/// Time of the random sessions, unless the environment has another.
const TIME: Duration = Duration::from_secs(10);

/// Most random sessions in that time.
const SESSIONS: usize = 1_000;

/// Bytes of an input: some dozens of statements.
const BYTES_MAX: u64 = 600;

pub(crate) fn trials() -> Vec<Trial> {
    let name = "random_statements_leave_their_session_and_its_catalog_intact";
    vec![Trial::test(name, test)]
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

fn test() -> TestResult {
    let (mut sessions, mut succeeded, mut failed) = (0, 0, 0);
    let mut run = |input: &[u8]| {
        let outcome = catch_unwind(AssertUnwindSafe(|| fuzz_session(input)));
        let outcome = outcome.unwrap_or_else(|panic| {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("session-failed");
            let written = fs::write(&path, input);
            eprintln!("input: {written:?} {}", path.display());
            resume_unwind(panic)
        });
        sessions += 1;
        succeeded += outcome.succeeded;
        failed += outcome.failed;
    };
    let mut corpus: Vec<_> = fs::read_dir(workspace_root().join("fuzz/corpus/session"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    corpus.sort();
    for path in corpus {
        run(&fs::read(path)?);
    }
    let seconds = number("FUSEBOX_FUZZ_SECONDS");
    let time = seconds.map_or(TIME, Duration::from_secs);
    let mut random = Rng(number("FUSEBOX_FUZZ_SEED").unwrap_or(1));
    let begin = Instant::now();
    for _ in 0..seconds.map_or(SESSIONS, |_| usize::MAX) {
        if begin.elapsed() > time {
            break;
        }
        let bytes = (0..50 + random.below(BYTES_MAX)).map(|_| random.below(256) as u8);
        run(&bytes.collect::<Vec<_>>());
    }
    println!("{sessions} sessions: {succeeded} statements succeeded, {failed} failed");
    // Otherwise the statements prove nothing.
    match succeeded > failed / 20 && failed > 0 {
        true => Ok(()),
        false => Err(format!("{succeeded} statements succeeded, {failed} failed").into()),
    }
}
