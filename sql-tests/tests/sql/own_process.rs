//! Tests in a process of their own, since other tests allocate memory too.

use std::env;
use std::process::Command;

use crate::sessions::TestResult;

/// Set in the process that runs one test.
const OWN_PROCESS: &str = "FUSEBOX_TEST_OWN_PROCESS";

/// Returns true in a process that was started for one test.
pub(crate) fn is_own_process() -> bool {
    env::var_os(OWN_PROCESS).is_some()
}

/// Runs the test `name` in a process of its own: `work` is executed there, and prints
/// `proof`.
pub(crate) fn run_alone(name: &str, proof: &str, work: impl FnOnce() -> TestResult) -> TestResult {
    if is_own_process() {
        return work();
    }
    let output = Command::new(env::current_exe()?)
        .args([name, "--exact", "--nocapture"])
        .env(OWN_PROCESS, "1")
        // Each thread's own arena keeps what it has freed, which hides a leak.
        .env("MALLOC_ARENA_MAX", "2")
        .output()?;
    let printed = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    println!("{}", printed.concat());
    match output.status.success() && printed.concat().contains(proof) {
        true => Ok(()),
        false => Err(format!("{}: {}", output.status, printed.concat()).into()),
    }
}
